import Glibc
import Synchronization

/// A program that the test started: in its own session, with its output in files, ended with the value at the latest.
final class ChildProcess: Sendable {
    let processID: pid_t
    private let status = Mutex<Int32?>(nil)

    struct Result: Sendable {
        /// 128 + signal where a signal ended it.
        var status: Int32
        var output: String
        var errors: String
    }

    /// - Parameters:
    ///   - folder: its working folder.
    ///   - log: takes stdout and stderr, appended.
    init(
        _ program: String, _ arguments: [String], environment: [String: String] = [:], folder: String, output: String,
        errors: String
    ) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setflags(&attributes, 0x80)  // POSIX_SPAWN_SETSID

        var words = environment
        words["PATH"] = words["PATH"] ?? "/usr/local/bin:/usr/bin:/bin"
        // Glibc's module does not show posix_spawn_file_actions_addchdir_np; env changes the folder and then becomes the
        // program, under the same number.
        let argv = (["env", "-C", folder, program] + arguments).map { strdup($0) } + [nil]
        let envp = words.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { (argv + envp).forEach { free($0) } }
        var process: pid_t = 0
        let failure = posix_spawn(&process, "/usr/bin/env", &actions, &attributes, argv, envp)
        guard failure == 0 else {
            throw TestFailure(description: "\(program) could not be started: \(String(cString: strerror(failure)))")
        }
        processID = process
    }

    deinit { kill() }

    func send(_ number: Int32) { if endedWith == nil { _ = Glibc.kill(processID, number) } }

    /// SIGKILL, and gone when this returns.
    func kill() {
        guard endedWith == nil else { return }
        _ = Glibc.kill(processID, SIGKILL)
        status.withLock { known in
            guard known == nil else { return }
            var word: Int32 = 0
            while waitpid(processID, &word, 0) < 0, errno == EINTR {}
            known = Self.code(word)
        }
    }

    /// nil while it runs.
    var endedWith: Int32? {
        status.withLock { known in
            if known == nil {
                var word: Int32 = 0
                if waitpid(processID, &word, WNOHANG) == processID { known = Self.code(word) }
            }
            return known
        }
    }

    private static func code(_ word: Int32) -> Int32 { word & 0x7F == 0 ? (word >> 8) & 0xFF : 128 + (word & 0x7F) }

    /// Resident memory now.
    var residentKiB: Int {
        let text = (try? Files.read("/proc/\(processID)/status")) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        return line.flatMap { Int($0.filter(\.isNumber)) } ?? 0
    }

    /// Runs a program to its end.
    static func run(
        _ program: String, _ arguments: [String], environment: [String: String] = [:], folder: String,
        timeout: Duration = .seconds(180)
    ) async throws -> Result {
        let names = Files.unique(folder + "/.run")
        let child = try ChildProcess(
            program, arguments, environment: environment, folder: folder, output: names + ".out",
            errors: names + ".err")
        let end = ContinuousClock.now + timeout
        while child.endedWith == nil {
            guard ContinuousClock.now < end else {
                child.kill()
                let said = (try? Files.read(names + ".err")) ?? ""
                throw TestFailure(description: "\(program) \(arguments) did not end within \(timeout): \(said)")
            }
            try await Task.sleep(for: .milliseconds(5))
        }
        return Result(
            status: child.endedWith ?? -1, output: try Files.read(names + ".out"),
            errors: try Files.read(names + ".err"))
    }
}
