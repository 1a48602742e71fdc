import ArgumentParser
import Effects
import ReleaseDefinition

/// The first program of a transient unit, started by the root half through systemd; not for people.
struct StepCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "step", abstract: "Run one program of a release in a unit of its own.", shouldDisplay: false)

    @Option(help: "Where the root half waits.")
    var socket: String

    @Option(help: "The unit that this runs in.")
    var unit: String

    func run() async throws {
        let connection = try LocalSocket.connect(socket)
        guard connection.peer.user == SystemUser.current,
            let order = try await TransientStep.receive(TransientStep.Order.self, from: connection)
        else { return }
        switch order {
        case .run(let command): try await run(command, connection)
        case .become(let command):
            let log = try await connection.receive()?.file
            do {
                guard let log else { return }
                // The connection closes as the program begins.
                try ProgramChange.become(command, output: log)
            } catch { try TransientStep.send(TransientStep.Word.failed(error: ReportedError(error)), over: connection) }
        }
    }

    private func run(_ command: ProcessCommand, _ connection: LocalSocket) async throws {
        let group = ControlGroup.ofThisProcess(unit: unit)
        let running = Task { try await LiveProcesses(within: group).run(command) }
        let watching = Task {
            // Nothing more is said: that it ends means that the agent is gone, or asks no longer.
            let message = try await connection.receive()
            guard message == nil else { return }
            group?.killOthers()
            running.cancel()
        }
        let word: TransientStep.Word
        do {
            let result = try await running.value
            if result.end == .timedOut { group?.killOthers() }
            word = .ended(result: result)
        } catch { word = .failed(error: ReportedError(error)) }
        watching.cancel()
        try? TransientStep.send(word, over: connection)
    }
}
