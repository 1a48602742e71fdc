import ControllerAPI
import Glibc
import ReleaseDefinition
import Testing

import class TestSupport.PostgresServer

extension EndToEnd {
    @Suite(.serialized) struct StoppedLeaders {
        @Test(
            "R48: the one that leads is stopped (SIGSTOP) in mid-rollout: another leads within 15 s and ends it; awake again it writes nothing and stands by",
            .enabled(if: PostgresServer.isInstalled))
        func stopped() async throws {
            // As the handbook makes it: whoever owns the database may nothing else.
            let server = try PostgresServer(superuser: "postgres")
            let lines = try Files.read(Files.root + "/docs/operations.md").split(separator: "\n")
            let making = try #require(lines.first { $0.hasPrefix("createuser slipway") })
            let fleet = try await Fleet(options: ["--database", try server.database(madeBy: String(making))])
            let second = try SecondController(beside: fleet)
            try await second.copySetup()
            try await second.start()
            // No balancer stands before them: hosts of the one that sleeps would wait for it.
            for _ in 0..<3 { try await fleet.addAgent(by: second.folder) }
            try await fleet.install("1.0")
            try await fleet.done("release", "submit", ReleaseSource(version: "1.1").write(below: fleet.folder))
            let file = try RolloutSource.write(
                "web-service@1.1", phases: "[{ hosts: 1, bake: 5s }, 100%]", below: fleet.folder)
            try await fleet.done("rollout", "start", file, "--detach")
            let open = try await fleet.lastRollout().id
            try await eventually("its first phase is under way") {
                let view = try await fleet.json(RolloutView.self, "rollout", "show", open.text)
                return view.hosts.contains { $0.step != nil || $0.outcome != nil }
            }
            #expect(!second.log.contains("this controller leads"))

            fleet.sendController(SIGSTOP)
            let stoppedAt = ContinuousClock.now
            try await eventually("the second leads; its log: \(second.log)") {
                second.log.contains("this controller leads")
            }
            let took = ContinuousClock.now - stoppedAt
            #expect(took < .seconds(15), "the second led \(took) after the first was stopped")

            func show(_ folder: String) async throws -> RolloutView {
                let shown = try await fleet.slipway(
                    ["rollout", "show", open.text, "--output", "json", "--dir", folder], hasController: false)
                guard shown.status == 0 else { throw TestFailure(description: shown.errors) }
                return try JSONCoding.decode(RolloutView.self, from: Array(shown.output.utf8))
            }
            try await eventually("the rollout has ended") { try await show(second.folder).state.isFinal }
            #expect(try await show(second.folder).state == .succeeded)
            // 1.0 and 1.1, each once.
            #expect(fleet.agents.map { $0.log.ranges(of: "order started").count } == [2, 2, 2])
            for agent in fleet.agents { #expect(await fleet.answer(of: agent) == "1.1") }

            func end() async throws -> String {
                let verified = try await fleet.slipway(
                    ["audit", "verify", "--output", "json", "--dir", second.folder], hasController: false)
                #expect(verified.status == 0, "\(verified.errors)")
                return verified.output
            }
            let before = try await end()
            fleet.sendController(SIGCONT)
            try await eventually("the first knows that another leads; its log: \(fleet.controllerLog)") {
                fleet.controllerLog.contains("another controller leads now; this one is a standby")
            }
            #expect(try await end() == before)
            // It serves on, and what it is asked goes into the same log.
            #expect(try await show(fleet.controllerFolder).state == .succeeded)
            try await fleet.install("1.2")
        }
    }
}
