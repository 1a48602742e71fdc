import ReleaseDefinition

/// The one way to run programs: never through a shell, own process group, clean environment, stdin from /dev/null or a file.
public protocol ProcessDoor: Sendable {
    /// Runs a program to its end. The result is known at most 1 s after the program's own exit, even if a child of its
    /// holds the output open (then `outputIsOpen`). On timeout: TERM to it and its descendants, then KILL; none is left
    /// 10 s after the timeout.
    /// - Throws: `EffectsError` `effects.process.start`: it could not be started at all.
    func run(_ command: ProcessCommand) async throws -> ProcessResult

    /// Starts a program that goes on after this process ends: own session, output appended to `log`.
    func startService(_ command: ProcessCommand, log: String) async throws -> ServiceProcess

    /// Whether the very process (number and start time) still runs.
    func isRunning(_ process: ServiceProcess) -> Bool

    /// TERM to its session's group, `grace`, KILL; returns when none of the group is left. Not running: returns at once.
    func stopService(_ process: ServiceProcess, grace: TimeSpan) async throws

    /// Returns when the process has ended.
    func waitForEnd(of process: ServiceProcess) async throws
}

public struct ProcessCommand: Sendable, Equatable, Codable {
    /// Absolute path.
    public var executable: String
    public var arguments: [String]
    /// The whole environment.
    public var environment: [String: String]
    /// Absolute path.
    public var workingDirectory: String
    public var timeout: TimeSpan
    /// As whom it runs; nil: as this process does. The program then need not lie where that user may go.
    public var user: ProcessUser?
    /// Absolute path of a file that it reads as its standard input, opened by this process; nil: there is nothing to read.
    public var standardInput: String?

    public init(
        executable: String, arguments: [String] = [], environment: [String: String] = [:], workingDirectory: String,
        timeout: TimeSpan, user: ProcessUser? = nil, standardInput: String? = nil
    ) {
        self.executable = executable
        self.arguments = arguments
        self.environment = environment
        self.workingDirectory = workingDirectory
        self.timeout = timeout
        self.user = user
        self.standardInput = standardInput
    }
}

/// A user, with the groups that a log-in would give.
public struct ProcessUser: Sendable, Equatable, Codable {
    public var user: UInt32
    public var group: UInt32
    public var groups: [UInt32]

    public init(_ user: SystemUser) throws {
        self.user = user.id
        group = user.group
        groups = try user.groups()
    }
}

public struct ProcessResult: Sendable, Equatable, Codable {
    public enum End: Sendable, Equatable, Codable {
        case exited(Int32)
        case signalled(Int32)
        case timedOut
    }

    public static let outputHeadMax = 4 << 10
    public static let outputTailMax = 32 << 10

    public var end: End
    /// The first 4 KiB and the last 32 KiB of stdout and stderr together, with a line that counts what was left out.
    public var output: String
    /// A descendant kept the output open after the program's own exit.
    public var outputIsOpen: Bool

    public init(end: End, output: String, outputIsOpen: Bool = false) {
        self.end = end
        self.output = output
        self.outputIsOpen = outputIsOpen
    }
}

/// A process that outlives the agent, known by number and start time, so that a re-used number is never hit.
public struct ServiceProcess: Sendable, Hashable, Codable {
    public var processID: Int32
    /// Field 22 of /proc/PID/stat: clock ticks since boot.
    public var startTicks: Int64

    public init(processID: Int32, startTicks: Int64) {
        self.processID = processID
        self.startTicks = startTicks
    }
}
