import ControllerAPI
import ReleaseDefinition
import Testing

extension EndToEnd {
    @Suite(.serialized) struct Freezes {
        @Test(
            "Real agents answer the sweep, a freeze halts them until it is lifted, and an abort makes one give its order up"
        )
        func freeze() async throws {
            let fleet = try await Fleet.running("1.0", pushed: 2)
            try await fleet.done("release", "submit", ReleaseSource(version: "1.1").write(below: fleet.folder))
            let file = try RolloutSource.write(
                "web-service@1.1", phases: "[{ hosts: 1, promotion: manual }, 100%]", below: fleet.folder)
            let ready = try await fleet.slipway("rollout", "preflight", file)
            #expect(ready.status == 0, "\(ready.errors)")
            let hosts = try await fleet.json([HostView].self, "hosts", "list").map(\.id).sorted()
            let second = try #require(fleet.agents.last)
            let installed = second.root + "/opt/web-service/VERSION"
            let text = try Files.read(installed)
            try Files.write(installed, "by hand")
            let drifted = try await fleet.slipway("rollout", "preflight", file)
            #expect(drifted.status == 1)
            #expect(drifted.output.contains("drift"), "\(drifted.output)")
            try Files.write(installed, text)

            try await fleet.done("rollout", "start", file, "--detach")
            let id = try await fleet.lastRollout().id.text
            try await eventually("the pilot is done") { try await fleet.lastRollout().state == .paused }
            try await fleet.done("freeze", "now", "--reason", "smoke", "--yes")
            #expect(try await fleet.lastRollout().state == .halted)
            let refused = try await fleet.slipway("rollout", "resume", id, "--reason", "go on")
            #expect(refused.status == 6, "\(refused.errors)")
            #expect(refused.errors.contains("smoke"))
            #expect(try await fleet.slipway("push", "web-service@1.1", "--all").status == 6)
            // The pilot has it; the others are held.
            var holds: [String] = []
            for host in hosts {
                holds += try await fleet.json(RolloutWhyView.self, "hosts", "why", host.text, "web-service@1.1")
                    .reasons.map(\.what)
            }
            #expect(holds.contains("freeze"), "\(holds)")
            try await fleet.done("freeze", "lift", "--reason", "toast")
            try await fleet.done("rollout", "resume", id, "--reason", "go on")

            // The others wait before their stop: an administrator of the machine holds them.
            for agent in fleet.agents {
                try Files.makeFolder(agent.folder + "/inhibit")
                try Files.write(agent.folder + "/inhibit/backup", "")
            }
            try await fleet.done("rollout", "promote", id)
            try await eventually("the second host is staged") {
                try await fleet.lastRollout().hosts.contains { $0.step == .staged }
            }
            try await fleet.done("rollout", "abort", id, "--reason", "not today", "--yes")
            try await eventually("it is stopped") { try await fleet.lastRollout().state == .stopped }
            let view = try await fleet.json(RolloutView.self, "rollout", "show", id)
            #expect(view.hosts.count { $0.outcome == .cancelled } == 1)
        }
    }
}
