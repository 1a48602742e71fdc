import ControllerAPI
import ReleaseDefinition
import Testing

extension EndToEnd {
    @Suite(.serialized) struct NewHosts {
        @Test("A new host converges to what its fleet was pushed; its rehearsal is evidence that the controller keeps")
        func convergeAndRehearse() async throws {
            let fleet = try await Fleet()
            try await fleet.addAgents(1)
            try await fleet.done("release", "submit", ReleaseSource(version: "1.0").write(below: fleet.folder))
            try await fleet.done("push", "web-service@1.0", "--all")
            let first = try await fleet.json([HostView].self, "hosts", "list").map(\.id)
            let agent = try await fleet.addAgent()
            agent.kill()

            let converged = try await agent.run("converge", "--wait-healthy", "--timeout", "60s")
            #expect(converged.status == 0, "\(converged.errors)")
            #expect(await fleet.answer(of: agent) == "1.0")

            let host = try #require(
                try await fleet.json([HostView].self, "hosts", "list").map(\.id).first { !first.contains($0) })
            try await fleet.done("release", "submit", ReleaseSource(version: "1.1").write(below: fleet.folder))
            let (package, statement) = (fleet.folder + "/web.slip", fleet.folder + "/rehearsal.json")
            try await fleet.done(
                "release", "export", "web-service@1.1", "--host", host.text, "--valid", "1d", "--output", package)
            let rehearsed = try await agent.run("rehearse", package, "--evidence", statement)
            #expect(rehearsed.status == 0, "\(rehearsed.errors)")
            #expect(await fleet.answer(of: agent) == "1.1")
            try await fleet.done("release", "evidence", "add", "web-service@1.1", "--envelope", statement)
            let kept = try await fleet.done("release", "evidence", "list", "web-service@1.1")
            #expect(kept.contains("rehearsal") && kept.contains("host:\(host)"), "\(kept)")
        }

        @Test("A rehearsal that is ordered is carried out, signed and evidence")
        func ordered() async throws {
            let fleet = try await Fleet()
            let agent = try await fleet.addAgent()
            try await fleet.done("release", "submit", ReleaseSource(version: "1.0").write(below: fleet.folder))
            try await fleet.done("push", "web-service@1.0", "--all")
            try await fleet.done("release", "submit", ReleaseSource(version: "1.1").write(below: fleet.folder))
            let host = try #require(try await fleet.json([HostView].self, "hosts", "list").first?.id)
            let view = try await fleet.json(
                RehearsalView.self, "rehearse", "web-service@1.1", "--hosts", "id=\(host)", "--timeout", "60s")
            #expect(view.hosts.map(\.state) == [.proved], "\(view)")
            #expect(
                view.hosts.first?.seen == [
                    "install: succeeded", "back-out: backed out", "compare: equal", "install again: succeeded",
                ])
            #expect(await fleet.answer(of: agent) == "1.1")
            let kept = try await fleet.done("release", "evidence", "list", "web-service@1.1")
            #expect(kept.contains("rehearsal") && kept.contains("host:\(host)"), "\(kept)")
            let again = try await fleet.slipway("rehearse", "web-service@1.1", "--hosts", "id=\(host)")
            #expect(again.status == 5, "\(again.errors)")
        }

        @Test(
            "A rollout's plan is rehearsed on a staging set, phase by phase: each host goes back and is proved, the whole too"
        )
        func rehearsedByPhase() async throws {
            let fleet = try await Fleet()
            let agents = [try await fleet.addAgent(), try await fleet.addAgent(), try await fleet.addAgent()]
            try await fleet.done("release", "submit", ReleaseSource(version: "1.0").write(below: fleet.folder))
            try await fleet.done("push", "web-service@1.0", "--all")
            try await fleet.done("release", "submit", ReleaseSource(version: "1.1").write(below: fleet.folder))
            let plan = fleet.folder + "/production.yaml"
            try Files.write(
                plan,
                """
                release: web-service@9.9
                environment: elsewhere
                hosts: all
                strategy: phased
                phases: [1, 100%]
                """)
            let view = try await fleet.json(
                RehearsalView.self, "rehearse", "web-service@1.1", "--hosts", "all", "--plan", plan, "--timeout", "120s"
            )
            #expect(view.hosts.map(\.state) == [.proved, .proved, .proved], "\(view)")
            #expect(view.hosts.map(\.phase) == ["pilot", "phase 2", "phase 2"])
            #expect(view.hosts.allSatisfy { $0.seen.contains("compare: equal") })
            for agent in agents { #expect(await fleet.answer(of: agent) == "1.1") }
            let whole = try #require(view.evidence)
            let kept = try await fleet.done("release", "evidence", "list", "web-service@1.1")
            #expect(kept.contains(whole.hex.prefix(8)) && kept.contains("engine"), "\(kept)")
        }
    }
}
