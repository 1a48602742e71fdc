import AgentProtocol
import ControllerAPI
import Testing

extension EndToEnd {
    @Suite(.serialized) struct Hooks {
        @Test("A hook that fails backs the host out, with the hook's own words as evidence")
        func failingHook() async throws {
            let fleet = try await Fleet.running("1.0", pushed: 1)
            let source = ReleaseSource(
                version: "1.1", unitLines: ["hooks: { preStart: hooks/check, timeout: 5s }"],
                files: ["hooks/check": "#!/bin/sh\necho the licence has run out >&2\nexit 3\n"])
            let host = try await Self.fail(source, in: fleet)
            #expect(host.evidence?.logTail.contains("the licence has run out") == true, "\(host)")
            #expect(host.evidence?.error.summary.contains("3") == true, "\(host)")
        }

        @Test("A hook that hangs is ended at its timeout with all it started, and the host backs out")
        func hangingHook() async throws {
            let fleet = try await Fleet.running("1.0", pushed: 1)
            let source = ReleaseSource(
                version: "1.1", unitLines: ["hooks: { preStart: hooks/hang, timeout: 1s }"],
                files: ["hooks/hang": "#!/bin/sh\necho waiting for the database\nsleep 3600 &\nwait\n"])
            let host = try await Self.fail(source, in: fleet)
            #expect(host.evidence?.logTail.contains("waiting for the database") == true, "\(host)")
        }

        private static func fail(_ source: ReleaseSource, in fleet: Fleet) async throws -> RolloutHostView {
            try await fleet.done("release", "submit", source.write(below: fleet.folder))
            let file = try RolloutSource.write("web-service@1.1", phases: "[1, 100%]", below: fleet.folder)
            let result = try await fleet.slipway("rollout", "start", file, "--timeout", "120s")
            #expect(result.status == 7, "\(result.status): \(result.errors)")
            try await fleet.everyHostRuns("1.0")
            let host = try #require(try await fleet.lastRollout().hosts.first)
            #expect(host.evidence != nil)
            return host
        }
    }
}
