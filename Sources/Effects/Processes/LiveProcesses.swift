import CSystemShims
import Glibc
import ReleaseDefinition

/// Real processes, each in a session of its own.
///
/// A program run by `run` finds `SLIPWAY_PROCESS=<random>` in its environment besides what it was given: by this mark
/// its descendants are found on a time-out even if they left its session.
public struct LiveProcesses: ProcessDoor {
    /// Between TERM and KILL when a program's time is over: nothing of it is left 10 s after the time-out.
    let grace: TimeSpan

    private let group: ControlGroup?
    private var isKeeping = false

    public init() { self.init(grace: .seconds(9)) }

    /// Of a host without control groups of its own: each program that is run has a keeper as its parent, and nothing escapes
    /// a time-out either, not even what lost its parent and cleaned its environment in a session of its own.
    public static func keeping(grace: TimeSpan = .seconds(9)) -> LiveProcesses {
        var processes = LiveProcesses(grace: grace)
        processes.isKeeping = true
        return processes
    }

    /// - Parameter group: this process's own, in which there is nobody but what it starts: nothing escapes a time-out then.
    public init(within group: ControlGroup?) { self.init(grace: .seconds(9), group: group) }

    init(grace: TimeSpan, group: ControlGroup? = nil) {
        self.grace = grace
        self.group = group
    }

    public func run(_ command: ProcessCommand) async throws -> ProcessResult {
        let mark = "SLIPWAY_PROCESS=" + Hexadecimal.encode(SystemRandom().bytes(16))
        return try await BlockingThread.run { [grace, group, isKeeping] wake in
            var run = try CommandRun.start(
                command, grace: grace, mark: mark, group: group, isKept: isKeeping)
            return try run.run(wake)
        }
    }

    public func startService(_ command: ProcessCommand, log: String) throws -> ServiceProcess {
        let file = try Self.openLog(log)
        let child = try withExtendedLifetime(file) { try SpawnedProcess(command, output: file.descriptor) }
        let process = ServiceProcess(processID: child.processID, startTicks: child.startTicks)
        // While this process lives, the service is its child: somebody must ask for its end, or it stays a zombie.
        // Without a thread it does stay one, which `isRunning` sees as ended.
        _ = BlockingThread.start { CommandRun.reap(process.processID) }
        return process
    }

    /// A service's log, for its output to be appended to.
    public static func openLog(_ log: String) throws -> OpenFile {
        // O_NONBLOCK: a pipe of that name must not make us wait; it is refused below.
        let opened = try SystemCall.check("open", log) {
            open(log, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0o640)
        }
        let file = OpenFile(descriptor: opened, path: log)
        guard try file.status().kind == .file else {
            throw EffectsError(
                code: "file.notFile", summary: "\(log) is no regular file.", remedy: "Choose another file for the log.")
        }
        // The flag belongs to the description that the service inherits; a service expects writes that wait.
        try SystemCall.check("fcntl", log) { fcntl(opened, F_SETFL, O_APPEND) }
        return file
    }

    /// The process of that number; nil: there is none.
    public static func process(_ number: Int32) -> ServiceProcess? {
        ProcessTable.entry(number).map { ServiceProcess(processID: number, startTicks: $0.startTicks) }
    }

    public func isRunning(_ process: ServiceProcess) -> Bool {
        guard let entry = ProcessTable.entry(process.processID) else { return false }
        return entry.startTicks == process.startTicks && !entry.isZombie
    }

    public func waitForEnd(of process: ServiceProcess) async throws {
        try await BlockingThread.run { wake in
            while try !Self.wait(for: process, wake, milliseconds: 60_000) {}
        }
    }

    public func stopService(_ process: ServiceProcess, grace: TimeSpan) async throws {
        if Self.family(of: process).isEmpty { return }
        try await BlockingThread.run { wake in
            let time = SystemTime()
            let startedAt = time.monotonic()
            var killed = false
            for entry in Self.family(of: process) { ProcessTable.signal(entry, SIGTERM) }
            while true {
                let family = Self.family(of: process)
                if family.isEmpty { return }
                let spent = time.monotonic().milliseconds - startedAt.milliseconds
                if spent >= grace.milliseconds {
                    for entry in family { ProcessTable.signal(entry, SIGKILL) }
                    killed = true
                }
                guard spent < grace.milliseconds + 10_000 else { throw Self.unkillable(family) }
                // Its leader's end is told at once; the others' is looked for.
                let hasLeader = !killed && family.contains { $0.processID == process.processID }
                let patience = min(hasLeader ? 200 : 10, max(10, grace.milliseconds - spent))
                _ = try Self.wait(for: process, wake, milliseconds: hasLeader ? patience : 10, always: !hasLeader)
            }
        }
    }

    /// Who is left of the service; empty as well when another process has taken its number.
    static func family(of process: ServiceProcess) -> [ProcessEntry] {
        if let leader = ProcessTable.entry(process.processID), leader.startTicks != process.startTicks { return [] }
        return ProcessTable.family(of: process.processID, startTicks: process.startTicks, mark: nil)
    }

    /// - Parameter always: wait even if the process is gone.
    /// - Returns: whether the process has ended.
    /// - Throws: `CancellationError`.
    private static func wait(
        for process: ServiceProcess, _ wake: Wake, milliseconds: Int64, always: Bool = false
    ) throws -> Bool {
        let descriptor = slipway_pidfd_open(process.processID)
        defer { if descriptor >= 0 { close(descriptor) } }
        let entry = ProcessTable.entry(process.processID)
        let isGone = descriptor < 0 || entry?.startTicks != process.startTicks || entry?.isZombie != false
        if isGone, !always { return true }
        var descriptors = [
            pollfd(fd: isGone ? -1 : descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: wake.descriptor, events: Int16(POLLIN), revents: 0),
        ]
        poll(&descriptors, nfds_t(descriptors.count), Int32(clamping: milliseconds))
        if descriptors[1].revents != 0 { throw CancellationError() }
        return isGone || descriptors[0].revents != 0
    }

    private static func unkillable(_ family: [ProcessEntry]) -> EffectsError {
        EffectsError(
            code: "process.unkillable",
            summary: "Processes \(family.map(\.processID)) are still there 10 s after KILL.",
            remedy:
                "They wait inside the kernel, mostly for a disk or a network file system: look at that, then try again."
        )
    }
}
