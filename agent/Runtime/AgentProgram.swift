import Effects
import Logging
import ReleaseDefinition

/// The agent and the loops around it.
struct AgentProgram: Sendable {
    var folder: AgentFolder
    var configuration: AgentConfiguration
    var doors: AgentDoors
    /// Who hears what the controller says of this host as such; nil on a host that only follows a repository.
    var keeper: (any StandingKeeper)?
    /// What runs beside the agent: the keeper of the identity, or the connection to the network half.
    var beside: @Sendable () async -> Void
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
        let (keeper, beside) = (keeper, beside)
        let manager = ServiceManager.ofThisProcess()
        manager?.ready("host \(configuration.host)")
        await withTaskGroup(of: Void.self) { group in
            if let manager {
                group.addTask { await manager.keepWatchdog(doors.time) { _ = await agent.isIdle } }
                let replacement = ProgramReplacement(time: doors.time, log: log, base: doors.program.base)
                group.addTask { await replacement.run { await agent.isIdle } }
            }
            group.addTask { await agent.keepInPlace() }
            group.addTask { await agent.installForever() }
            group.addTask { await beside() }
            group.addTask { await IdleMemory.keep(doors.time) }
            group.addTask { await agent.watchDrift(random: doors.random) }
            group.addTask { await agent.watchHealth(random: doors.random) }
            group.addTask { await MetadataLoop(source: source, doors: doors, log: log).run() }
            if let controller = configuration.controller, let keeper {
                let sender = ReportSender(agent: agent, doors: doors, controller: controller, log: log, keeper: keeper)
                group.addTask { await sender.run() }
                group.addTask { await sender.tellFacts() }
                group.addTask { await agent.answerHealth() }
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
