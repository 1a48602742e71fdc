import ArgumentParser
import Effects
import Logging
import ReleaseDefinition

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run the agent until it is stopped. Services go on when it ends.")

    @Option(help: "The agent's folder.")
    var dir = "/var/lib/slipway-agent"

    @Flag(help: "One process for network and installation, as in demos and containers.")
    var single = false

    @Option(help: "Least level of what is logged: debug, info, warning or error.")
    var logLevel = "info"

    func run() async throws {
        let folder = try AgentFolder.open(dir)
        try AgentFolder.refuseWritableByOthers(folder.base)
        let configuration = try AgentConfiguration.read(in: folder.base)
        let log = AgentLog.make(logLevel)
        let userAgent = "slipway-agent/\(AgentCommand.version)"
        let random = SystemRandom()
        let proxy = try configuration.proxy?.proxy()
        let http = try HostHTTP(
            identity: folder.identity(), userAgent: userAgent, proxy: proxy, controller: configuration.controller,
            session: .start(random))
        let repository = try RepositoryDoor.make(configuration, userAgent: userAgent, proxy: proxy)
        let local = try LiveHTTP(identity: nil, userAgent: userAgent)
        let doors = AgentDoors(
            http: http, repository: repository, local: local, processes: LiveProcesses(), time: SystemTime(),
            random: random)
        // An HTTP client that is let go of without its shutdown is a crash that would hide the error.
        let result: Result<Void, any Error>
        do {
            try await AgentProgram(
                folder: folder, configuration: configuration, doors: doors, hostHTTP: http, userAgent: userAgent,
                log: log
            ).run()
            result = .success(())
        } catch {
            result = .failure(error)
        }
        await http.shutdown()
        await repository?.shutdown()
        await local.shutdown()
        try result.get()
    }
}

/// Repositories of somebody else's: their authorities are believed for them alone, and this host's certificate is not
/// shown there.
enum RepositoryDoor {
    static func make(_ configuration: AgentConfiguration, userAgent: String, proxy: HTTPProxy?) throws -> LiveHTTP? {
        guard let authorities = configuration.authorities else { return nil }
        let file = try PathOfFile(authorities)
        let bytes = try Directory.open(file.folder).read(file.name, sizeMax: ByteCount(4 << 20))
        return try LiveHTTP(
            identity: TLSIdentity(trustRoots: String(decoding: bytes, as: UTF8.self)), userAgent: userAgent,
            proxy: proxy)
    }
}

/// The agent and the loops around it.
struct AgentProgram: Sendable {
    var folder: AgentFolder
    var configuration: AgentConfiguration
    var doors: AgentDoors
    /// The same as `doors.http`: its identity is replaced while it is used.
    var hostHTTP: HostHTTP
    var userAgent: String
    var log: Logger

    func run() async throws {
        let source = try RepositorySource(folder: folder, configuration: configuration, doors: doors)
        let agent = try await makeAgent(source)
        log.info(
            "agent started",
            metadata: [
                "host": "\(configuration.host)", "environment": "\(configuration.environment)",
                "delivery": "\(configuration.delivery.rawValue)", "version": "\(AgentCommand.version)",
            ])
        try await agent.recover()
        let (configuration, doors, log) = (configuration, doors, log)
        let keeper = try identityKeeper()
        let manager = ServiceManager.ofThisProcess()
        manager?.ready("host \(configuration.host)")
        await withTaskGroup(of: Void.self) { group in
            if let manager {
                group.addTask { await manager.keepWatchdog(doors.time) { _ = await agent.isIdle } }
                group.addTask { await ProgramReplacement(time: doors.time, log: log).run { await agent.isIdle } }
            }
            group.addTask { await agent.installForever() }
            // It waits, most of the time: what it started, or installed, with is the host's again.
            group.addTask {
                while (try? await doors.time.sleep(for: .seconds(30))) != nil { ProgramPages.giveBack() }
            }
            group.addTask { await agent.watchDrift(random: doors.random) }
            group.addTask { await MetadataLoop(source: source, doors: doors, log: log).run() }
            if let controller = configuration.controller, let keeper {
                let sender = ReportSender(agent: agent, doors: doors, controller: controller, log: log, keeper: keeper)
                group.addTask { await keeper.run() }
                group.addTask { await sender.run() }
                group.addTask { await sender.tellFacts() }
                if configuration.delivery == .pull {
                    group.addTask { await sender.keepContact(every: configuration.checkInterval) }
                }
                if configuration.delivery == .push {
                    let loop = PushLoop(
                        agent: agent, doors: doors, controller: controller, log: log, keeper: keeper,
                        refused: { await sender.sayHello() })
                    group.addTask { await loop.run() }
                }
            }
            if configuration.delivery == .pull {
                group.addTask {
                    await PullLoop(agent: agent, doors: doors, source: source, configuration: configuration, log: log)
                        .run()
                }
            }
        }
        await agent.operations.services.detach()
    }

    /// nil on a host that only follows a repository.
    private func identityKeeper() throws -> IdentityKeeper? {
        guard let controller = configuration.controller else { return nil }
        return IdentityKeeper(
            tls: try folder.tls(), configuration: configuration, controller: controller, http: hostHTTP,
            time: doors.time, random: doors.random, userAgent: userAgent, log: log)
    }

    /// The lock of an agent that was killed in the middle of starting a program is held until that program begins: a
    /// moment's patience.
    private func makeAgent(_ source: any ReleaseSource) async throws -> Agent {
        let startedAt = doors.time.monotonic()
        while true {
            do {
                return try Agent(folder: folder, configuration: configuration, source: source, doors: doors, log: log)
            } catch let error as AgentError where error.code == "agent.busy" {
                guard doors.time.monotonic().milliseconds - startedAt.milliseconds < Self.lockPatience.milliseconds
                else {
                    throw error
                }
                try await doors.time.sleep(for: .milliseconds(50))
            }
        }
    }

    static let lockPatience = TimeSpan.seconds(5)
}
