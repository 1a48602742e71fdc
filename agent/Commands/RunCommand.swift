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
        let configuration = try AgentConfiguration.read(in: folder.base)
        let log = AgentLog.make(logLevel)
        let identity = try folder.identity()
        let doors = AgentDoors(
            http: try LiveHTTP(identity: identity, userAgent: "slipway-agent/\(AgentCommand.version)"),
            local: try LiveHTTP(identity: nil, userAgent: "slipway-agent/\(AgentCommand.version)"),
            processes: LiveProcesses(), time: SystemTime(), random: SystemRandom())
        try await AgentProgram(folder: folder, configuration: configuration, doors: doors, log: log).run()
    }
}

/// The agent and the loops around it.
struct AgentProgram: Sendable {
    var folder: AgentFolder
    var configuration: AgentConfiguration
    var doors: AgentDoors
    var log: Logger

    func run() async throws {
        let source = try RepositorySource(folder: folder, configuration: configuration, doors: doors)
        let agent = try Agent(
            folder: folder, configuration: configuration, source: source, doors: doors, log: log)
        log.info(
            "agent started",
            metadata: [
                "host": "\(configuration.host)", "environment": "\(configuration.environment)",
                "delivery": "\(configuration.delivery.rawValue)", "version": "\(AgentCommand.version)",
            ])
        try await agent.recover()
        let (configuration, doors, log) = (configuration, doors, log)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await agent.installForever() }
            if let controller = configuration.controller {
                group.addTask { await ReportSender(agent: agent, doors: doors, controller: controller, log: log).run() }
                if configuration.delivery == .push {
                    group.addTask { await PushLoop(agent: agent, doors: doors, controller: controller, log: log).run() }
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
}
