import AgentProtocol
import Effects
import Logging
import ReleaseDefinition
import ReleaseDistribution
import Testing

@testable import AgentLibrary

/// A host in two folders: the agent's own and the root below which it installs. The processes are real.
final class TestHost: Sendable {
    let dir: TemporaryFolder
    let root: TemporaryFolder
    let repository: TestRepository.Reader
    let agent: Agent
    private let doors: AgentDoors
    private let task: Task<Void, Never>

    static let name = HostID(unchecked: "host-1")

    /// - Parameter after: the host whose folders are taken over, as after a restart of the agent.
    init(
        _ repository: TestRepository, dir: TemporaryFolder? = nil, root: TemporaryFolder? = nil,
        variables: [String: String] = [:], controller: String? = "https://127.0.0.1:1",
        bounds: [String: ProductBounds]? = nil, secrets: String? = nil, systemctl: String = "/usr/bin/systemctl",
        unhealthyBefore: UnhealthyBefore? = nil, windows: [MaintenanceWindow]? = nil, drift: DriftPolicy? = nil,
        schedule: InstallSchedule? = nil,
        reboot: RebootSettings? = nil, program: ProgramDoor = .byHand, plugins: [String: String]? = nil,
        cacheAge: TimeSpan = .zero,
        local: (any HTTPDoor)? = nil,
        reach: @escaping @Sendable (String) -> TCPReach.Answer = { _ in .refused }
    ) async throws {
        self.dir = try dir ?? TemporaryFolder()
        self.root = try root ?? TemporaryFolder()
        self.repository = TestRepository.Reader(directory: repository.folder.directory)
        let folder = AgentFolder(base: self.dir.directory)
        if try folder.trust().status("root.json") == nil {
            try MetadataClient.pin(root: repository.firstRoot, in: folder.trust())
        }
        var configuration = AgentConfiguration(
            controller: controller, host: Self.name, environment: TestRepository.environment, delivery: .pull,
            repository: FolderHTTP.base, channels: [TestRepository.channel], root: self.root.path,
            variables: variables, labels: ["zone": "a"], bounds: bounds, secrets: secrets,
            confirmWithin: .seconds(4), unhealthyBefore: unhealthyBefore, windows: windows, drift: drift,
            schedule: schedule)
        (configuration.reboot, configuration.selfUpdate) = (reboot, SelfUpdateSettings(within: .minutes(2)))
        configuration.plugins = plugins
        // A new agent is asked whether it can read it.
        if program.restart != nil { try configuration.write(in: folder.base) }
        var doors = AgentDoors(
            http: FolderHTTP(repository.folder.directory), local: local ?? FolderHTTP(repository.folder.directory),
            processes: LiveProcesses(), time: SystemTime(), random: SystemRandom(), systemctl: systemctl,
            program: program, reach: { address, _ in reach(address) })
        doors.cacheAge = cacheAge
        self.doors = doors
        let source = try RepositorySource(folder: folder, configuration: configuration, doors: doors)
        let log = Logger(label: "test", factory: { _ in AgentLog(logLevel: .critical) })
        let agent = try Agent(
            folder: folder, configuration: configuration, source: source, doors: doors, log: log)
        self.agent = agent
        try await agent.recover()
        task = Task { await agent.installForever() }
    }

    /// It runs 1.0, and was ended: others begin as copies of it.
    static func baseline(_ repository: TestRepository, units: [UnitDefinition]? = nil) async throws -> TestHost {
        let old = try await repository.submit("1.0", units: units)
        let host = try await TestHost(repository)
        try await host.carryOut(repository.assignment(1, .install, old), order(1))
        try await host.end()
        return host
    }

    /// It went from 1.0 to 2.0, by the orders 1 and 2.
    static func updated(
        _ repository: TestRepository
    ) async throws -> (host: TestHost, one: HostRelease, two: HostRelease) {
        let one = try await repository.submit("1.0")
        let two = try await repository.submit("2.0")
        let host = try await TestHost(repository)
        try await host.carryOut(repository.assignment(1, .install, one), order(1))
        try await host.carryOut(repository.assignment(2, .install, two), order(2))
        return (host, one, two)
    }

    /// Ends the agent; services go on.
    func stop() async {
        task.cancel()
        agent.ordersWake.call()
        await task.value
        await agent.operations.services.detach()
    }

    /// Ends the agent and everything it started.
    func end(units: [String] = ["web"]) async throws {
        await stop()
        for unit in units {
            try await agent.operations.services.stop(
                ServiceKey(product: TestRepository.product, unit: try UnitName(unit)))
        }
    }

    /// Follows the channel, asking so often, for as long as `body` takes.
    func pulling(every interval: TimeSpan, _ body: () async throws -> Void) async throws {
        var configuration = await agent.configuration
        configuration.checkInterval = interval
        let loop = await PullLoop(
            agent: agent, doors: doors, source: agent.source, configuration: configuration, log: agent.log)
        let task = Task { await loop.run() }
        let result: Result<Void, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        task.cancel()
        await task.value
        try result.get()
    }

    /// Offers an assignment and waits for its last word.
    @discardableResult
    func carryOut(_ envelope: JSONValue, _ order: OrderID, within limit: TimeSpan = .seconds(60)) async throws
        -> FinishedOrder
    {
        await agent.offer(envelope)
        return try await finished(order, within: limit)
    }

    func finished(_ order: OrderID, within limit: TimeSpan = .seconds(60)) async throws -> FinishedOrder {
        try await poll(within: limit) { await self.agent.host.finished.first { $0.order == order } }
    }

    var record: ProductRecord { get async { await agent.host.record(of: TestRepository.product) } }
    var reports: [HostReport] { get async { await agent.host.reports } }

    /// A file of the host; nil: none is there.
    func text(_ path: String) throws -> String? {
        guard let bytes = try? root.directory.readIfPresent(path, sizeMax: ByteCount(1 << 20)) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// What the link shows: the version of the tree behind it.
    func version(_ unit: String = "web") throws -> String? {
        guard let target = try? root.directory.readLink("opt/\(unit)") else { return nil }
        return String(
            decoding: try root.directory.read("opt/\(target)/VERSION", sizeMax: ByteCount(100)), as: UTF8.self)
    }

    /// The processes that serve a unit, by the tree they run from.
    func serving(_ unit: String = "web") throws -> [String] {
        let proc = try Directory.open("/proc")
        return servicesRunning(in: dir.path, unit).compactMap { try? proc.readLink("\($0.processID)/cwd") }
    }
}

/// The services that agents started from this folder; none where it is gone.
func servicesRunning(in dir: String, _ unit: String = "web") -> [ServiceProcess] {
    guard let folder = try? AgentFolder(base: Directory.open(dir)), let unit = try? UnitName(unit) else { return [] }
    return (try? ServiceStrays.find(folder, ServiceKey(product: TestRepository.product, unit: unit))) ?? []
}

extension TestRepository {
    struct Reader: Sendable { let directory: Directory }
}

/// Asks again and again until there is an answer; the only way in which tests wait.
func poll<Value: Sendable>(
    within limit: TimeSpan = .seconds(60), _ question: () async throws -> Value?
) async throws -> Value {
    let time = SystemTime()
    let start = time.monotonic()
    while time.monotonic().milliseconds - start.milliseconds < limit.milliseconds {
        if let value = try await question() { return value }
        try await time.sleep(for: .milliseconds(10))
    }
    throw PollTimeout(limit: limit)
}

struct PollTimeout: Error { var limit: TimeSpan }
