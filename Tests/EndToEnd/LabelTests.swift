import ControllerAPI
import ReleaseDefinition
import Testing

extension EndToEnd {
    @Suite(.serialized) struct Labels {
        /// What each host says itself, and what the record says of that; by the number of the host.
        private func agree(_ fleet: Fleet, on zone: String) async throws -> Bool {
            for agent in fleet.agents {
                guard try await agent.run("status").output.contains("zone=\(zone)") else { return false }
            }
            let hosts = try await fleet.json([HostView].self, "hosts", "list")
            return hosts.allSatisfy { $0.labelsOnHost == nil && $0.labels["zone"] == zone }
        }

        @Test(
            "A pushed and a fetching host go by labels that were changed, rollouts choose by them, and a restored controller has the last word"
        )
        func changed() async throws {
            let fleet = try await Fleet()
            let url = try await fleet.startWebServer()
            for delivery in [FleetAgent.Delivery.push, .pull(url)] {
                try await fleet.addAgent(delivery, labels: ["zone": "a"])
            }
            try await fleet.install("1.0")
            let ids = try await fleet.json([HostView].self, "hosts", "list").map(\.id.text)
            let dry = try await fleet.json(
                HostLabelsView.self, "hosts", "label", "--hosts", "zone=a", "zone=b", "--dry-run")
            #expect(dry.isDryRun && dry.hosts.map(\.host.text) == ids)
            #expect(try await agree(fleet, on: "a"))
            let changed = try await fleet.json(
                HostLabelsView.self, "hosts", "label", ids[0], ids[1], "zone=b", "--reason", "moved")
            #expect(changed.hosts.map { $0.set["zone"] } == ["b", "b"])
            try await eventually("both go by it: \(fleet.agents.map(\.log))") { try await agree(fleet, on: "b") }
            #expect(try await fleet.done("hosts", "show", ids[1]).contains("zone=b"))
            // Their services were not touched by it, and rollouts find them by it.
            for agent in fleet.agents { #expect(await fleet.answer(of: agent) == "1.0") }
            try await fleet.done("release", "submit", ReleaseSource(version: "1.1").write(below: fleet.folder))
            let nobody = try await fleet.slipway("push", "web-service@1.1", "--hosts", "zone=a", "--yes")
            #expect(nobody.status != 0)
            let backup = fleet.folder + "/backup"
            try await fleet.controllerDone("backup", "--dir", fleet.controllerFolder, "--output", backup)
            #expect(try await fleet.slipway("hosts", "label", "--all", "zone=c", "--reason", "again").status == 0)
            try await eventually("both go by the next: \(fleet.agents.map(\.log))") {
                try await agree(fleet, on: "c")
            }
            #expect(try await fleet.slipway("hosts", "label", "nobody", "zone=c").status == 3)
            #expect(try await fleet.slipway("hosts", "label", ids[0], "id=x").status == 1)
            try await fleet.done("hosts", "retire", ids[1], "--reason", "old", "--yes")
            #expect(try await fleet.slipway("hosts", "label", ids[1], "zone=d").status == 5)

            fleet.killController()
            Files.removeTree(fleet.controllerFolder)
            try await fleet.controllerDone(
                "restore", "--from", backup, "--dir", fleet.controllerFolder, "--advance")
            try await fleet.startController()
            try await eventually("what the backup says is in force again: \(fleet.agents.map(\.log))") {
                try await agree(fleet, on: "b")
            }
        }
    }
}
