import Glibc
import ReleaseDefinition
import Testing
import TestSupport

@testable import Effects

@Suite("Services that outlive their starter")
struct ServiceTests {
    let folder: TemporaryFolder
    let processes = LiveProcesses()
    var log: String { folder.path + "/log" }

    init() throws { folder = try TemporaryFolder() }

    private func start(_ script: String) throws -> ServiceProcess {
        try processes.startService(
            ProcessCommand(
                executable: "/bin/sh", arguments: ["-c", script], environment: ["PATH": "/usr/bin:/bin"],
                workingDirectory: folder.path, timeout: .zero), log: log)
    }

    private func logText() throws -> String {
        String(decoding: try folder.directory.read("log", sizeMax: ByteCount(1 << 20)), as: UTF8.self)
    }

    @Test("A service runs in its own session, adds to its log, and stops upon TERM")
    func startAndStop() async throws {
        try folder.directory.writeDurably("log", Array("before\n".utf8))
        let service = try start("trap 'echo down; exit 0' TERM; echo up; while :; do sleep 0.01; done")
        try await eventually { try logText() == "before\nup\n" }
        #expect(processes.isRunning(service))
        #expect(getsid(service.processID) == service.processID)
        try await processes.stopService(service, grace: .seconds(10))
        #expect(!processes.isRunning(service))
        // The shell may add a line about its child's end.
        #expect(try logText().hasPrefix("before\nup\n") && logText().hasSuffix("down\n"))
        // Reaped, although nobody asked for its status.
        try await eventually { ProcessTable.entry(service.processID) == nil }
        try await processes.stopService(service, grace: .seconds(10))
    }

    @Test("A service that does not heed TERM is killed after its grace, with its children")
    func stubborn() async throws {
        let service = try start("trap '' TERM; sleep 65.25 & (trap '' TERM; sleep 65.25) & echo up; wait; sleep 65.25")
        try await eventually { try logText() == "up\n" }
        let startedAt = ContinuousClock.now
        try await processes.stopService(service, grace: .milliseconds(300))
        #expect(startedAt.duration(to: .now) >= .milliseconds(300))
        #expect(!processes.isRunning(service))
        #expect(ProcessTable.family(of: service.processID, startTicks: service.startTicks, mark: nil).isEmpty)
    }

    @Test("Children that the leader left behind are stopped too")
    func orphans() async throws {
        let service = try start("sleep 66.25 & echo up; exit 0")
        try await eventually { !processes.isRunning(service) && ProcessTable.entry(service.processID) == nil }
        #expect(ProcessTable.family(of: service.processID, startTicks: service.startTicks, mark: nil).count == 1)
        try await processes.stopService(service, grace: .seconds(10))
        #expect(ProcessTable.family(of: service.processID, startTicks: service.startTicks, mark: nil).isEmpty)
    }

    @Test("Waiting ends with the service, or with the waiting task")
    func waiting() async throws {
        // One reader, which the writer below waits for: with another it could open, write and close before this one is there.
        #expect(mkfifo(folder.path + "/gate", 0o600) == 0)
        let service = try start("read -r line < gate")
        let processes = processes
        let waiter = Task { try await processes.waitForEnd(of: service) }
        let impatient = Task { try await processes.waitForEnd(of: service) }
        impatient.cancel()
        await #expect(throws: CancellationError.self) { try await impatient.value }
        let gate = open(folder.path + "/gate", O_WRONLY)
        write(gate, "go\n", 3)
        close(gate)
        try await waiter.value
        #expect(!processes.isRunning(service))
    }

    @Test("A process that took over a number is neither taken for the service nor hit")
    func reusedNumber() async throws {
        let service = try start("exec sleep 67.25")
        var stranger = service
        stranger.startTicks -= 1
        #expect(!processes.isRunning(stranger))
        try await processes.stopService(stranger, grace: .seconds(10))
        try await processes.waitForEnd(of: stranger)
        #expect(processes.isRunning(service))
        try await processes.stopService(service, grace: .seconds(10))
    }

    @Test("A log that is a link or a pipe is refused")
    func logInTheWay() throws {
        try folder.directory.createSymlink("log", to: "/etc/motd")
        #expect(throws: EffectsError.self) { try start("true") }
        try folder.directory.removeFile("log")
        #expect(mkfifo(log, 0o600) == 0)
        #expect(throws: EffectsError.self) { try start("true") }
    }
}
