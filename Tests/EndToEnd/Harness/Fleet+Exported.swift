import ControllerAPI
import Testing

extension Fleet {
    /// A host that joined and was cut off, and the package of 1.0 that was exported for it.
    static func exported() async throws -> (fleet: Fleet, agent: FleetAgent, host: String, package: String) {
        let fleet = try await Fleet()
        let agent = try await fleet.addAgent()
        try await fleet.allOnline()
        agent.kill()
        let host = try #require(try await fleet.json([HostView].self, "hosts", "list").first?.id.text)
        try await fleet.done("release", "submit", ReleaseSource(version: "1.0").write(below: fleet.folder))
        let package = fleet.folder + "/web.slip"
        try await fleet.done(
            "release", "export", "web-service@1.0", "--host", host, "--valid", "200d", "--output", package)
        return (fleet, agent, host, package)
    }
}
