import ArgumentParser
import ReleaseDefinition

/// A rollout.yaml, with what a command line says differently: the same for plan, preflight and start, so that each is about
/// the same rollout.
struct RolloutFileOptions: ParsableArguments {
    @Argument(help: "A rollout.yaml: release, environment, hosts, strategy, limits.")
    var file: String

    @Option(help: "Another release than the file names.", transform: { try ReleaseName($0) })
    var release: ReleaseName?

    @Option(help: "Another environment than the file names.", transform: { try EnvironmentName($0) })
    var environment: EnvironmentName?

    @Flag(help: "A stop hook of the release that is left may fail: it is noted, and the update goes on.")
    var ignoreStopFailure = false

    func definition() throws -> RolloutDefinition {
        var definition = try RolloutText.read(file)
        if let release { definition.release = release }
        if let environment { definition.environment = environment }
        if ignoreStopFailure { definition.ignoreStopFailure = true }
        return definition
    }
}
