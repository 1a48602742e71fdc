import ArgumentParser
import Effects
import Logging
import ReleaseDefinition

struct NetworkCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "network", abstract: "Run the agent's network half until it is stopped.",
        discussion: """
            It has the host's key and certificate, speaks TLS and HTTP, and needs no rights on the host. The root half, \\
            slipway-agent run --socket, says what is fetched and believes nothing that comes.
            """)

    @Option(help: "Where the root half listens.")
    var socket = "/run/slipway-agent/socket"

    @Option(help: "The folder of key and certificate: tls in the agent's folder.")
    var tls = "/var/lib/slipway-agent/tls"

    @Option(help: "The user that the root half runs as.")
    var rootUser = "root"

    @Option(help: "Least level of what is logged: debug, info, warning or error.")
    var logLevel = LogLevel.info

    func run() async throws {
        let program = ProgramLink()
        program.handOver()
        Heap.share(1)
        let log = AgentLog.make(logLevel)
        let time = SystemTime()
        let half = NetworkHalf(
            socket: JoinCommand.absolute(socket), tls: try Directory.open(tls),
            userAgent: "slipway-agent/\(AgentCommand.version)", time: time, random: SystemRandom(), log: log,
            rootUser: try SystemUser(named: rootUser).id)
        log.info("network half started", metadata: ["version": "\(AgentCommand.version)"])
        let manager = ServiceManager.ofThisProcess()
        manager?.ready("network half")
        await withTaskGroup(of: Void.self) { group in
            if let manager {
                group.addTask { await manager.keepWatchdog(time) {} }
                group.addTask {
                    await ProgramReplacement(
                        time: time, log: log, base: program.base, isOutOfPlace: { program.isOutOfPlace }
                    ).run { true }
                }
            }
            group.addTask { await IdleMemory.keep(time) }
            await half.run()
            group.cancelAll()
        }
    }
}
