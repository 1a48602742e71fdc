import ArgumentParser
import ControllerAPI
import Effects
import ReleaseDefinition

struct FollowOptions: ParsableArguments {
    @Flag(help: "Return as soon as the rollout has started.")
    var detach = false

    @Option(help: "Stop watching after this time, as 10m; the rollout goes on.", transform: { try TimeSpan($0) })
    var timeout: TimeSpan?

    /// Watches to the end and leaves with the final state's code.
    /// - Throws: `ProgramExit` for any end but `succeeded`.
    func follow(_ rollout: RolloutView, client: ControllerClient, output: OutputOptions) async throws {
        guard !detach else {
            try output.print(RolloutPresentation(rollout: rollout))
            return
        }
        let final = try await RolloutFollower(client: client, output: output).run(rollout.id, timeout: timeout)
        guard final == .done else { throw final }
    }
}

/// Tells a rollout's changes as they come, one line each, until it has ended.
struct RolloutFollower {
    let client: ControllerClient
    let output: OutputOptions

    func run(_ id: RolloutID, timeout: TimeSpan?) async throws -> ProgramExit {
        DetachOnInterrupt.start(rollout: id.text)
        let isInTime = try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await tell(id)
                return true
            }
            if let timeout {
                group.addTask {
                    try await SystemTime().sleep(for: timeout)
                    return false
                }
            }
            let first = try await group.next() ?? true
            group.cancelAll()
            return first
        }
        let view = try await client.rollout(id)
        if output.output != .ndjson { try output.print(RolloutPresentation(rollout: view)) }
        guard let exit = ProgramExit(view.state) else {
            Talk.say(
                isInTime ? "Rollout \(id) is \(view.state.rawValue)." : "Rollout \(id) goes on; this watch timed out.")
            return .timedOut
        }
        return exit
    }

    private func tell(_ id: RolloutID) async throws {
        var last: RolloutState?
        for try await event in client.watch(id, time: SystemTime()) {
            switch event {
            case .change(let change):
                if output.output == .ndjson {
                    try StandardOutput.write(JSONCoding.value(of: change).wireBytes + [0x0A])
                }
                Talk.say(Self.line(change))
                if change.state == .halted, last != .halted {
                    Talk.say("It waits for you: slipway rollout resume, back-out or abort \(id) --reason …")
                }
                last = change.state
            case .lost(let error): Talk.say("The controller is away, waiting for it: \(error.cause ?? error.summary)")
            case .found: Talk.say("The controller is back.")
            }
        }
    }

    /// `12:03:04.250  web-1: succeeded`: the text names phase and host where it is about one.
    static func line(_ change: RolloutChange) -> String {
        "\(change.at.description.dropFirst(11).dropLast())  \(change.text)"
    }
}
