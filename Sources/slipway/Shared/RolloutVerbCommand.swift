import ArgumentParser
import ControllerAPI
import ReleaseDefinition

/// The part that the verbs on a rollout share: they order and print; `rollout watch` follows.
struct RolloutVerbOptions: ParsableArguments {
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "The rollout's id.", completion: .rollouts, transform: { try RolloutID($0) })
    var rollout: RolloutID

    func perform(_ verb: RolloutVerb, _ request: RolloutVerbRequest) async throws {
        let view = try await connection.withClient { try await $0.act(verb, on: rollout, request) }
        Talk.say("Rollout \(rollout) is \(view.state.rawValue).")
        // A hold that stood already is the one that counts: whose it is, and why, says the reason.
        let isHeld = view.state == .paused || view.state == .halted
        if view.state.isFinal || isHeld, let reason = view.reason { Talk.say(reason) }
        if isHeld, verb == .retry {
            Talk.say("No host starts before it goes on: slipway rollout resume \(rollout) --reason …")
        }
        try output.print(RolloutPresentation(rollout: view))
    }
}
