import ArgumentParser
import ReleaseDefinition

/// `--hosts QUERY` or `--all`: never every host by default.
struct HostSelection: ParsableArguments {
    @Option(help: "Which hosts, as \"role=web and zone in (a,b)\".", transform: { try HostQuery($0) })
    var hosts: HostQuery?

    @Flag(help: "Every host of the environment.")
    var all = false

    @Option(help: "The environment; needed where the hosts are of several.", transform: { try EnvironmentName($0) })
    var environment: EnvironmentName?

    func validate() throws {
        guard (hosts != nil) != all else { throw ValidationError("Say which hosts: either --hosts QUERY or --all.") }
    }

    var query: HostQuery { hosts ?? .all }
}
