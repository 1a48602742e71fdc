import AgentProtocol
import ArgumentParser
import Effects
import Logging
import ReleaseDefinition

struct ConvergeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "converge",
        abstract: "Bring this host to what is ordered for it, once: for the first boot of a machine, as in cloud-init.",
        discussion: """
            Where no agent runs it is the agent for that long; else it watches the one that does. It ends when the repository's \
            channels (or the controller) have been heard, nothing is under way, and all that was ordered runs; with \
            --wait-healthy, once every check of it passes. 0: all is so. 1: an order failed. 7: it was backed out. 8: not within \
            --timeout. 9: neither repository nor controller was reached.
            """)

    @Flag(help: "Wait until every check of what runs passes.")
    var waitHealthy = false

    @Option(help: "For all of it, as 30m.")
    var timeout = "30m"

    @Option(help: "The agent's folder; /var/lib/slipway-agent, if left out.", transform: Directory.named)
    var dir = "/var/lib/slipway-agent"

    @Option(help: "Least level of what is logged: debug, info, warning or error.")
    var logLevel = LogLevel.info

    func run() async throws {
        let limit = try TimeSpan(timeout)
        let folder = try AgentFolder.open(dir)
        try AgentFolder.refuseWritableByOthers(folder.base)
        let configuration = try AgentConfiguration.read(in: folder.base)
        let log = AgentLog.make(logLevel)
        let outcome = try await Self.beside(folder) {
            try await RunCommand.runSingle(folder, configuration, log)
        } watch: {
            try await Convergence(
                folder: folder, configuration: configuration, log: log, waitHealthy: waitHealthy, limit: limit
            ).run()
        }
        for release in outcome.running { FileHandleOutput.standardError("\(release): runs\n") }
        if let failure = outcome.failure { throw failure }
    }

    /// With an agent of our own for as long as that takes, where there is none.
    /// - Parameter agent: until its task is cancelled; `agent.busy` where another runs after all.
    static func beside<Value: Sendable>(
        _ folder: AgentFolder, agent: @escaping @Sendable () async throws -> Void,
        watch: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        guard let lock = try folder.base.lock() else { return try await watch() }
        lock.release()
        return try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask {
                do { try await agent() } catch let error as AgentError where error.code == "agent.busy" {
                    // At a boot the service may start at the same moment, and has taken the lock since: that one is watched.
                }
                return nil
            }
            group.addTask { try await watch() }
            defer { group.cancelAll() }
            while let ended = try await group.next() {
                if let value = ended { return value }
            }
            throw CancellationError()
        }
    }
}
