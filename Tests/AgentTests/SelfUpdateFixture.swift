import AgentProtocol
import Effects
import Glibc
import ReleaseDefinition
import ReleasePackaging
import Synchronization
import Testing

@testable import AgentLibrary

/// Releases of the agent whose program is the one that was built, and a host that follows a repository with nobody to
/// report to.
enum SelfUpdateFixture {
    static let product = ProductName(unchecked: "slipway-agent")
    static let channel = ChannelName(environment: TestRepository.environment, product: product)

    enum Kind: Sendable {
        case good
        /// Tells this host's state, as every agent can, and ends at once when it is to run.
        case broken
        /// Runs and does nothing.
        case hanging
        /// Runs on a host whose network it takes away: the process in this file ends.
        case cutOff(String)

        func program(_ notes: String) -> String {
            let run =
                switch self {
                case .good: ""
                case .broken: "if [ \"$1\" = run ]; then echo started >> \(notes); exit 3; fi\n"
                case .hanging: "if [ \"$1\" = run ]; then echo started >> \(notes); exec sleep 300; fi\n"
                case .cutOff(let file): "if [ \"$1\" = run ]; then kill $(cat \(file)); fi\n"
                }
            return "#!/bin/sh\n\(run)exec \(RealAgent.program) \"$@\"\n"
        }
    }

    static func submit(
        _ repository: TestRepository, _ version: String, _ kind: Kind = .good, notes: String = "/dev/null"
    ) async throws -> HostRelease {
        let unit = UnitDefinition(
            name: UnitName(unchecked: "agent"), source: "tree", installTo: SelfUpdate.place,
            minimumHealthy: .milliseconds(1))
        return try await repository.submit(
            version, files: [TestRepository.File("tree/bin/slipway-agent", kind.program(notes))], units: [unit],
            product: product)
    }

    static func host(
        _ baseline: TestHost, _ url: String, within: TimeSpan = .minutes(2)
    ) async throws -> RealAgent {
        try await RealAgent(copying: baseline, repository: url) { configuration, _ in
            configuration.controller = nil
            configuration.channels = [TestRepository.channel, channel]
            configuration.selfUpdate = SelfUpdateSettings(within: within)
        }
    }

    /// 1.0 of the product `web` runs.
    static func baseline(_ repository: TestRepository) async throws -> TestHost {
        let web = try await repository.submit("1.0")
        let baseline = try await TestHost(repository)
        try await baseline.carryOut(repository.assignment(1, .install, web), order(1))
        try await baseline.end()
        return baseline
    }

    /// Which release of the agent a process is; "" is the program that the host came with.
    static func running(_ process: ServiceProcess) -> String? {
        guard let proc = try? Directory.open("/proc"),
            let file = try? proc.openFile("\(process.processID)/environ"), let bytes = try? file.read(upTo: 1 << 18)
        else { return nil }
        let prefix = Array((ProgramLauncher.releaseVariable + "=").utf8)
        let found = bytes.split(separator: 0).first { $0.starts(with: prefix) }
        return found.map { String(decoding: $0.dropFirst(prefix.count), as: UTF8.self) } ?? ""
    }
}

/// Starts an agent again whenever it ends, as a service manager does.
final class SupervisedAgent: Sendable {
    let agent: RealAgent
    private let present = Mutex<(process: ServiceProcess?, starts: Int)>((nil, 0))
    private let task = Mutex<Task<Void, Never>?>(nil)

    init(_ agent: RealAgent) {
        self.agent = agent
        let running = Task {
            while !Task.isCancelled {
                guard let process = try? agent.start() else { return }
                self.present.withLock { $0 = (process, $0.starts + 1) }
                try? await LiveProcesses().waitForEnd(of: process)
            }
        }
        task.withLock { $0 = running }
    }

    var process: ServiceProcess? { present.withLock { $0.process } }
    var starts: Int { present.withLock { $0.starts } }

    func finished(_ order: OrderID) async throws -> FinishedOrder {
        do { return try await poll { try agent.state.finished.first { $0.order == order } } } catch {
            let log = (try? agent.dir.directory.read("agent.log", sizeMax: ByteCount(1 << 22))) ?? []
            Issue.record("\(order) never ended: \(String(decoding: log, as: UTF8.self).tail(4000))")
            throw error
        }
    }

    /// The agent that runs is the one that its own record and the journal name.
    func settled(on release: HostRelease?, _ comment: Comment? = nil) async throws {
        do {
            _ = try await poll { () -> Bool? in
                guard let process, agent.isRunning(process),
                    SelfUpdateFixture.running(process) == (release?.folder ?? "")
                else { return nil }
                return true
            }
        } catch { Issue.record("it does not run as \(String(describing: release)): \(comment ?? "")") }
        let record = try ProgramRecord.read(in: agent.dir.directory)
        #expect(record.confirmed?.release == release, comment)
        #expect(!record.isOnTrial, comment)
        let state = try agent.state
        #expect(state.record(of: SelfUpdateFixture.product).current == release, comment)
        #expect(state.installation == nil, comment)
    }

    func end() async throws {
        task.withLock { $0?.cancel() }
        if let process { try await agent.kill(process) }
        await task.withLock { $0 }?.value
        if let process, agent.isRunning(process) { try await agent.kill(process) }
        try await agent.end()
    }
}
