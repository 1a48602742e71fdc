import Glibc
import ReleaseDefinition
import Testing
import TestSupport

@testable import Effects

@Suite("Programs beneath a keeper")
struct KeptProcessTests {
    /// Ends the spans that sleepers sleep here: another run of these tests beside this one has sleepers too.
    private static let own = "\(getpid())s"

    let folder: TemporaryFolder
    let processes = LiveProcesses.keeping(grace: .milliseconds(300))

    init() throws { folder = try TemporaryFolder() }

    private func shell(_ script: String, timeout: TimeSpan = .seconds(60)) -> ProcessCommand {
        ProcessCommand(
            executable: "/bin/sh", arguments: ["-c", script], environment: ["PATH": "/usr/bin:/bin"],
            workingDirectory: folder.path, timeout: timeout)
    }

    private func alive(_ text: String) -> [ProcessEntry] {
        ProcessTable.all().filter { entry in
            guard !entry.isZombie,
                let bytes = try? Directory.open("/proc").openFile("\(entry.processID)/cmdline").read(upTo: 4096)
            else { return false }
            return String(decoding: bytes, as: UTF8.self).contains(text)
        }
    }

    @Test(
        "R2: what lost its parent and cleaned its environment in a session of its own is ended at the time-out as well")
    func nothingEscapes() async throws {
        let sleeps = "sleep 66.75\(Self.own)"
        let script = """
            trap '' TERM
            for i in 1 2 3; do (env -i setsid /bin/sh -c 'trap "" TERM; \(sleeps) & \(sleeps)' >/dev/null 2>&1 &); done
            echo ready
            while :; do \(sleeps); done
            """
        let result = try await processes.run(shell(script, timeout: .seconds(5)))
        #expect(result.end == .timedOut)
        #expect(result.output == "ready\n")
        #expect(alive("66.75\(Self.own)").isEmpty, "\(alive("66.75\(Self.own)"))")
    }

    @Test("A cancelled run leaves nothing either")
    func cancelled() async throws {
        let processes = processes
        let command = shell("(env -i setsid sleep 67.25\(Self.own) &); touch here; exec sleep 67.25\(Self.own)")
        let task = Task { try await processes.run(command) }
        try await eventually { try folder.directory.status("here") != nil }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(alive("67.25\(Self.own)").isEmpty)
    }

    @Test("The end of the program is the end of the run: its exit status, its signal, its output; what it left goes on")
    func ends() async throws {
        #expect(try await processes.run(shell("echo out; echo err >&2; exit 7")).end == .exited(7))
        #expect(try await processes.run(shell("kill -SEGV $$")).end == .signalled(SIGSEGV))
        #expect(try await processes.run(shell("kill -KILL $$")).end == .signalled(SIGKILL))
        #expect(try await processes.run(shell("read answer || echo none; pwd")).output == "none\n\(folder.path)\n")
        let startedAt = ContinuousClock.now
        let left = try await processes.run(shell("sleep 68.25\(Self.own) & echo started"))
        #expect(left == ProcessResult(end: .exited(0), output: "started\n", outputIsOpen: true))
        #expect(startedAt.duration(to: .now) < .seconds(45))
        try await eventually { alive("68.25\(Self.own)").count == 1 }
        for entry in alive("68.25\(Self.own)") { ProcessTable.signal(entry, SIGKILL) }
    }

    @Test("It has standard input, both outputs, no other descriptor, and a session of its own")
    func descriptors() async throws {
        let list = ProcessCommand(
            executable: "/bin/ls", arguments: ["/proc/self/fd"], workingDirectory: folder.path, timeout: .seconds(60))
        // 3 is the listing's own.
        #expect(try await processes.run(list).output == "0\n1\n2\n3\n")
        let own = try await processes.run(
            shell("read pid comm state parent group session rest </proc/self/stat; echo $$ $session"))
        let numbers = own.output.split(whereSeparator: \.isWhitespace)
        #expect(numbers.count == 2 && numbers.first == numbers.last, "\(own.output)")
    }

    @Test("What cannot be started says why, and leaves no keeper")
    func failures() async throws {
        for path in ["/no/program", "/etc/passwd"] {
            let command = ProcessCommand(executable: path, workingDirectory: "/", timeout: .seconds(60))
            let error = await #expect(throws: EffectsError.self) { try await processes.run(command) }
            #expect(error?.code == "effects.process.start")
        }
        try await eventually {
            ProcessTable.all().allSatisfy { $0.parentID != getpid() || !$0.isZombie }
        }
    }

    @Test("As another user it is as without one", .enabled(if: geteuid() == 0, "only root may become somebody else"))
    func asAnotherUser() async throws {
        let command = ProcessCommand(
            executable: "/usr/bin/id", arguments: ["-u"], workingDirectory: "/", timeout: .seconds(60),
            user: try ProcessUser(SystemUser(named: "nobody")))
        let result = try await processes.run(command)
        #expect(result == ProcessResult(end: .exited(0), output: "65534\n", outputIsOpen: false))
    }
}
