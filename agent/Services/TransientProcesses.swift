import Effects
import Logging
import ReleaseDefinition
import Synchronization

/// Programs of releases, each in a transient unit of systemd: outside the root half's own sandbox, with the network, and in a
/// control group of its own, which nothing leaves that it starts.
///
/// The unit begins as `slipway-agent step`, which connects back. For a hook it runs the program and tells how it ended; when
/// the agent dies, the connection ends and with it everything in the group, so that a step that is repeated finds nothing of
/// the first try. For a service it becomes the program.
struct TransientProcesses: ProcessDoor {
    /// Until a unit that was started has connected.
    private static let patience = TimeSpan.seconds(30)

    /// A folder of root's own.
    let folder: Directory
    /// This very program.
    let program: String
    let random: any RandomDoor
    let time: any TimeDoor
    var systemdRun = "/usr/bin/systemd-run"
    /// Processes that were started are looked after by number, whoever started them.
    private let live = LiveProcesses()

    init(folder: Directory, program: String, random: any RandomDoor, time: any TimeDoor) {
        self.folder = folder
        self.program = program
        self.random = random
        self.time = time
    }

    func run(_ command: ProcessCommand) async throws -> ProcessResult {
        let socket = try await begin("step", properties: ["KillMode=process"])
        defer { socket.close() }
        try TransientStep.send(TransientStep.Order.run(command: command), over: socket)
        switch try await TransientStep.receive(TransientStep.Word.self, from: socket) {
        case .ended(let result): return result
        case .failed(let error):
            throw EffectsError(
                code: "process.start", summary: error.summary, remedy: error.remedy, cause: error.cause ?? error.code)
        case nil:
            try Task.checkCancellation()
            throw EffectsError(
                code: "process.lost", summary: "\(command.executable) ended together with the unit that ran it.",
                remedy: "The journal of the host says who ended it: journalctl -u 'slipway-step-*'.")
        }
    }

    func startService(_ command: ProcessCommand, log: String) async throws -> ServiceProcess {
        let socket = try await begin("service", properties: ["KillMode=control-group", "TimeoutStopSec=10s"])
        defer { socket.close() }
        try TransientStep.send(TransientStep.Order.become(command: command), over: socket)
        try socket.send(TransientStep.carrier, LiveProcesses.openLog(log))
        guard let process = LiveProcesses.process(socket.peer.process) else { throw Self.lost(command) }
        // It says why it cannot, or closes by becoming the program.
        let word: TransientStep.Word?
        do { word = try await TransientStep.receive(TransientStep.Word.self, from: socket) } catch {
            try? await live.stopService(process, grace: .seconds(1))
            throw error
        }
        if case .failed(let error)? = word {
            throw EffectsError(
                code: "process.start", summary: error.summary, remedy: error.remedy, cause: error.cause ?? error.code)
        }
        return process
    }

    func isRunning(_ process: ServiceProcess) -> Bool { live.isRunning(process) }
    func stopService(_ process: ServiceProcess, grace: TimeSpan) async throws {
        try await live.stopService(process, grace: grace)
    }
    func waitForEnd(of process: ServiceProcess) async throws { try await live.waitForEnd(of: process) }

    /// Starts a unit; the connection to it, which nobody but root can have made.
    private func begin(_ kind: String, properties: [String]) async throws -> LocalSocket {
        let name = Hexadecimal.encode(random.bytes(8))
        let unit = "slipway-\(kind)-\(name).service"
        let path = "\(folder.path)/\(name)"
        let listener = try LocalListener(path)
        defer { try? folder.removeFile(name) }
        var arguments = ["--quiet", "--collect", "--no-block", "--unit=\(unit)", "--description=Slipway \(kind)"]
        arguments += ["--property=Type=exec"] + properties.map { "--property=\($0)" }
        arguments += ["--", program, "step", "--socket", path, "--unit", unit]
        let started = try await live.run(
            ProcessCommand(
                executable: systemdRun, arguments: arguments,
                environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"], workingDirectory: "/",
                timeout: Self.patience))
        guard started.end == .exited(0) else {
            throw EffectsError(
                code: "process.start", summary: "systemd does not start a unit: \(started.output.tail(512))",
                remedy: "Look at what it says: systemctl status. A host without systemd runs the agent with --single.")
        }
        return try await withThrowingTaskGroup(of: LocalSocket?.self) { group in
            let (time, wait) = (time, Self.patience)
            group.addTask { try await listener.accept() }
            group.addTask {
                try await time.sleep(for: wait)
                return nil
            }
            defer { group.cancelAll() }
            guard let socket = try await group.next() ?? nil, socket.peer.user == SystemUser.current else {
                throw EffectsError(
                    code: "process.start", summary: "The unit \(unit) did not begin within \(Self.patience).",
                    remedy: "Look why: journalctl -u \(unit).")
            }
            return socket
        }
    }

    private static func lost(_ command: ProcessCommand) -> EffectsError {
        EffectsError(
            code: "process.start", summary: "\(command.executable) ended before it began.",
            remedy: "The journal of the host says why: journalctl -u 'slipway-service-*'.")
    }
}
