import CSystemShims
import Glibc
import ReleaseDefinition

/// A child just started, in a session of its own.
struct SpawnedProcess {
    let processID: Int32
    let startTicks: Int64
    /// It is no program of the command but its keeper, which outlives the program's whole family once it got TERM.
    let isKeeper: Bool

    /// - Parameters:
    ///   - output: gets both outputs; the caller closes its own copy.
    ///   - isKept: nobody whom the program starts leaves its family, whatever it does.
    /// - Throws: `effects.process.start`.
    init(_ command: ProcessCommand, output: Int32, mark: String? = nil, isKept: Bool = false) throws {
        try Self.check(command)
        // The actions in the child overwrite descriptors 0 to 2: what they copy from must lie above.
        let source = try SystemCall.check("fcntl", command.executable) { fcntl(output, F_DUPFD_CLOEXEC, 3) }
        defer { close(source) }
        let input = try command.standardInput.map(Self.open)
        defer { input.map { _ = close($0) } }
        var processID: pid_t = 0
        let result = Self.withCStrings([command.executable] + command.arguments) { arguments in
            Self.withCStrings(command.variables + (mark.map { [$0] } ?? [])) { environment in
                Self.start(command, arguments, environment, (input ?? -1, source), isKept, &processID)
            }
        }
        guard result == 0 else { throw Self.failure(command, result) }
        self.processID = processID
        isKeeper = isKept
        // It is our child and not reaped yet: even when it has ended already, its entry is there.
        startTicks = ProcessTable.entry(processID)?.startTicks ?? 0
    }

    private typealias CStrings = UnsafePointer<UnsafeMutablePointer<CChar>?>

    /// - Returns: 0 or the error's number.
    private static func start(
        _ command: ProcessCommand, _ arguments: CStrings, _ environment: CStrings,
        _ streams: (input: Int32, output: Int32), _ isKept: Bool, _ processID: inout pid_t
    ) -> Int32 {
        let (path, directory) = (command.executable, command.workingDirectory)
        let (input, output) = streams
        guard let user = command.user else {
            return isKept
                ? slipway_spawn_kept(path, -1, arguments, environment, directory, input, output, nil, &processID)
                : slipway_spawn(path, arguments, environment, directory, input, output, &processID)
        }
        let program = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard program >= 0 else { return errno }
        defer { close(program) }
        return user.groups.withUnsafeBufferPointer { groups in
            var identity = slipway_identity(
                user: user.user, group: user.group, groups: groups.baseAddress, count: groups.count)
            return isKept
                ? slipway_spawn_kept(
                    path, program, arguments, environment, directory, input, output, &identity, &processID)
                : slipway_spawn_as(program, arguments, environment, directory, input, output, &identity, &processID)
        }
    }

    /// Above the descriptors that are put into place in the child.
    private static func open(_ path: String) throws -> Int32 {
        let opened = try SystemCall.check("open", path) {
            Glibc.open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)
        }
        defer { close(opened) }
        try SystemCall.check("fcntl", path) { fcntl(opened, F_SETFL, 0) }
        return try SystemCall.check("fcntl", path) { fcntl(opened, F_DUPFD_CLOEXEC, 3) }
    }

    /// - Throws: `effects.process.start`.
    static func check(_ command: ProcessCommand) throws {
        guard command.executable.hasPrefix("/"), command.workingDirectory.hasPrefix("/") else {
            throw refusal(
                command, "executable and working directory (\(command.workingDirectory)) must be absolute paths")
        }
        let texts = [command.executable] + command.arguments + command.variables
        guard !texts.contains(where: { $0.utf8.contains(0) }),
            !command.environment.keys.contains(where: { $0.isEmpty || $0.utf8.contains(UInt8(ascii: "=")) })
        else { throw refusal(command, "an argument or a variable has a zero byte, or a variable's name is none") }
        var status = stat()
        guard stat(command.workingDirectory, &status) == 0, FileStatus.Kind(mode: status.st_mode) == .directory else {
            throw refusal(command, "the working directory \(command.workingDirectory) is not there")
        }
    }

    static func withCStrings<Value>(
        _ texts: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Value
    ) -> Value {
        var copies = texts.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        copies.append(nil)
        return copies.withUnsafeBufferPointer { buffer in
            // Never nil: there is the closing nil at least.
            buffer.baseAddress.map(body) ?? withUnsafePointer(to: nil, body)
        }
    }

    private static func refusal(_ command: ProcessCommand, _ reason: String, cause: String? = nil) -> EffectsError {
        EffectsError(
            code: "process.start", summary: "\(command.executable) could not be started: \(reason).",
            remedy: "Check the path, its mode and, for a script, its first line (#!/bin/sh).", cause: cause)
    }

    /// What the first line of a script names, as the kernel reads it (execve(2)); nil: it is no script, or cannot be read.
    private static func interpreter(of path: String) -> String? {
        let opened = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard opened >= 0 else { return nil }
        defer { close(opened) }
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = read(opened, &bytes, bytes.count)
        guard count > 2, bytes.starts(with: Array("#!".utf8)) else { return nil }
        let word = bytes[2..<count].drop { $0 == 0x20 || $0 == 0x09 }.prefix { $0 > 0x20 }
        return word.first == UInt8(ascii: "/") ? String(decoding: word, as: UTF8.self) : nil
    }

    static func failure(_ command: ProcessCommand, _ number: Int32) -> EffectsError {
        if number == ENOENT, let interpreter = interpreter(of: command.executable), access(interpreter, F_OK) != 0 {
            return EffectsError(
                code: "process.start",
                summary:
                    "\(command.executable) could not be started: its first line names \(interpreter), which is not there.",
                remedy: "Install \(interpreter) on this host, or name in that line (#!) what is there.",
                cause: "spawn: \(SystemCall.message(number))")
        }
        let reason =
            switch number {
            case ENOENT: "the program, or the interpreter its first line names, is not there"
            case EACCES: "it is not executable for this user, or lies on a file system mounted noexec"
            case ENOEXEC: "it is neither a program for this machine nor a script with a #! line"
            case E2BIG: "arguments and environment are too long"
            case EPERM: "only root may start a program as another user"
            case EAGAIN, ENOMEM: "the system has no room for another process"
            default: "the system refused"
            }
        return refusal(command, reason, cause: "spawn: \(SystemCall.message(number))")
    }
}

extension ProcessCommand {
    /// `NAME=VALUE`, sorted.
    var variables: [String] { environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" } }
}
