import CSystemShims
import Glibc
import ReleaseDefinition

/// One run of a program from its start to its end, on a thread that may block.
///
/// States: it runs until its deadline; after its end the output is read until it closes or the patience is over; after
/// the deadline, or a cancellation, its family is terminated, then killed.
struct CommandRun: ~Copyable {
    private enum Phase {
        case running(deadline: Int64)
        case draining(until: Int64)
        case terminating(killAt: Int64)
        case killing(until: Int64)
    }

    /// How long the output may stay open after the program's own end.
    private static let drainMax: Int64 = 250
    private static let killMax: Int64 = 5_000

    private let mark: String
    /// Holds this process and the family, and nobody else.
    private let group: ControlGroup?
    private let grace: Int64
    private let child: SpawnedProcess
    private let childDescriptor: Int32
    private let output: Int32
    private var phase: Phase
    private var status: Int32?
    private var isOutputOpen = true
    private var isCancelled = false
    private var isTimedOut = false
    private var excerpt = OutputExcerpt()

    private init(
        child: SpawnedProcess, childDescriptor: Int32, output: Int32, deadline: Int64, grace: Int64, mark: String,
        group: ControlGroup?
    ) {
        self.child = child
        self.childDescriptor = childDescriptor
        self.output = output
        self.grace = grace
        self.mark = mark
        self.group = group
        phase = .running(deadline: deadline)
    }

    /// - Parameter isKept: beneath a keeper, which nobody of the family leaves.
    static func start(
        _ command: ProcessCommand, grace: TimeSpan, mark: String, group: ControlGroup? = nil, isKept: Bool = false
    ) throws -> CommandRun {
        var ends: [Int32] = [-1, -1]
        try SystemCall.check("pipe2", command.executable) { slipway_pipe(&ends) }
        defer { close(ends[1]) }
        let child: SpawnedProcess
        do {
            _ = try SystemCall.check("fcntl", command.executable) { fcntl(ends[0], F_SETFL, O_NONBLOCK) }
            child = try SpawnedProcess(command, output: ends[1], mark: mark, isKept: isKept)
        } catch {
            close(ends[0])
            throw error
        }
        let childDescriptor = slipway_pidfd_open(child.processID)
        guard childDescriptor >= 0 else {
            let number = errno
            kill(-child.processID, SIGKILL)
            reap(child.processID)
            close(ends[0])
            throw SystemCall.error(number, "pidfd_open", command.executable)
        }
        let (deadline, overflow) = now().addingReportingOverflow(max(0, command.timeout.milliseconds))
        return CommandRun(
            child: child, childDescriptor: childDescriptor, output: ends[0], deadline: overflow ? .max : deadline,
            grace: grace.milliseconds, mark: mark, group: group)
    }

    deinit {
        close(output)
        close(childDescriptor)
    }

    /// - Throws: `CancellationError` when the task was cancelled before the program's end; nothing of it is left then.
    mutating func run(_ wake: Wake) throws -> ProcessResult {
        while true {
            wait(for: wake)
            readOutput()
            if status == nil { status = Self.reapIfEnded(child.processID) }
            if let result = try step(at: Self.now()) { return result }
        }
    }

    private mutating func wait(for wake: Wake) {
        var descriptors = [
            pollfd(fd: status == nil ? childDescriptor : -1, events: Int16(POLLIN), revents: 0),
            pollfd(fd: isOutputOpen ? output : -1, events: Int16(POLLIN), revents: 0),
            pollfd(fd: isCancelled ? -1 : wake.descriptor, events: Int16(POLLIN), revents: 0),
        ]
        let end =
            switch phase {
            case .running(let deadline): deadline
            case .draining(let until): until
            // The family may hold members that are no children of ours: nothing tells of their end, so look often.
            case .terminating(let killAt): min(killAt, Self.now() + 20)
            case .killing(let until): min(until, Self.now() + 10)
            }
        let timeout = Int32(clamping: max(0, end - Self.now()))
        if poll(&descriptors, nfds_t(descriptors.count), timeout) > 0, descriptors[2].revents != 0 {
            isCancelled = true
        }
    }

    /// nil: go on.
    private mutating func step(at now: Int64) throws -> ProcessResult? {
        switch phase {
        case .running(let deadline):
            if status != nil {
                phase = .draining(until: now + Self.drainMax)
                return try step(at: now)
            }
            guard now >= deadline || isCancelled else { return nil }
            isTimedOut = true
            signalFamily(SIGTERM)
            phase = .terminating(killAt: now + grace)
        case .draining(let until):
            guard !isOutputOpen || now >= until, let status else { return nil }
            return result(end: Self.end(status))
        case .terminating(let killAt):
            if isFamilyGone { return try ended() }
            guard now >= killAt else { return nil }
            signalFamily(SIGKILL)
            phase = .killing(until: now + Self.killMax)
        case .killing(let until):
            if isFamilyGone || now >= until { return try ended() }
            // Somebody may have forked between the look and the signal.
            signalFamily(SIGKILL)
        }
        return nil
    }

    private mutating func ended() throws -> ProcessResult {
        // In uninterruptible sleep even KILL has to wait: it becomes init's when this process ends.
        if status == nil { status = Self.reapIfEnded(child.processID) }
        readOutput()
        if isCancelled { throw CancellationError() }
        return result(end: .timedOut)
    }

    private func result(end: ProcessResult.End) -> ProcessResult {
        ProcessResult(end: end, output: excerpt.text, outputIsOpen: isOutputOpen)
    }

    /// Without the keeper, which goes by itself when all others are gone.
    private var family: [ProcessEntry] {
        let all =
            group?.others() ?? ProcessTable.family(of: child.processID, startTicks: child.startTicks, mark: mark)
        return child.isKeeper ? all.filter { $0.processID != child.processID } : all
    }

    private var isFamilyGone: Bool { status != nil && family.isEmpty }

    private func signalFamily(_ number: Int32) {
        // The group in one call first, as nobody in it can fork away from that; then those who left it. While the child
        // is not reaped, its number is ours.
        if status == nil, child.isKeeper {
            kill(child.processID, SIGTERM)
        } else if status == nil {
            kill(-child.processID, number)
        }
        for entry in family where status != nil || entry.groupID != child.processID {
            ProcessTable.signal(entry, number)
        }
    }

    /// What is there now, but at most 1 MiB: a flood must not keep us from looking at the clock.
    private mutating func readOutput() {
        guard isOutputOpen else { return }
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        for _ in 0..<16 {
            let count = read(output, &buffer, buffer.count)
            if count > 0 {
                excerpt.append(buffer[..<count])
            } else if count == 0 {
                isOutputOpen = false
                return
            } else if errno != EINTR {
                return
            }
        }
    }

    private static func reapIfEnded(_ processID: Int32) -> Int32? {
        var status: Int32 = 0
        return waitpid(processID, &status, WNOHANG) == processID ? status : nil
    }

    @discardableResult
    static func reap(_ processID: Int32) -> Int32 {
        var status: Int32 = 0
        while waitpid(processID, &status, 0) < 0, errno == EINTR {}
        return status
    }

    /// WIFEXITED and its kin are macros.
    private static func end(_ status: Int32) -> ProcessResult.End {
        status & 0x7f == 0 ? .exited((status >> 8) & 0xff) : .signalled(status & 0x7f)
    }

    private static func now() -> Int64 { SystemTime().monotonic().milliseconds }
}
