import ArgumentParser
import ControllerAPI
import ReleaseDefinition

/// The part that the verbs on a rollout share: they order and print; `rollout watch` follows.
struct RolloutVerbOptions: ParsableArguments {
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "The rollout's id.", transform: { try RolloutID($0) })
    var rollout: RolloutID

    func perform(_ verb: RolloutVerb, _ request: RolloutVerbRequest) async throws {
        let view = try await connection.withClient { try await $0.act(verb, on: rollout, request) }
        Talk.say("Rollout \(rollout) is \(view.state.rawValue).")
        if view.state.isFinal, let reason = view.reason { Talk.say(reason) }
        try output.print(RolloutPresentation(rollout: view))
    }
}
