import AgentProtocol
import ControllerAPI
import ReleaseDefinition
import Testing

extension EndToEnd {
    @Suite(.serialized) struct Identities {
        @Test("R30: a copied host is quarantined with its copy, both say so, and what runs goes on")
        func copied() async throws {
            let fleet = try await Fleet.running("1.0", pushed: 1)
            let agent = fleet.agents[0]
            let copy = agent.folder + "-copy"
            _ = try await ChildProcess.run("/bin/cp", ["-a", agent.folder, copy], folder: fleet.folder)
            let log = copy + ".log"
            let second = try ChildProcess(
                Files.programs + "/slipway-agent", ["run", "--dir", copy], folder: fleet.folder + "/run", output: log,
                errors: log)
            defer { second.kill() }
            try await eventually("the host is quarantined: \(agent.log)") {
                try await fleet.json([HostView].self, "hosts", "list").first?.standing == .quarantined
            }
            try await eventually("both agents know why") {
                let copied = try await ChildProcess.run(
                    Files.programs + "/slipway-agent", ["status", "--dir", copy], folder: fleet.folder)
                let own = try await agent.run("status")
                return [own, copied].allSatisfy { $0.output.contains("controller.access.hostQuarantined") }
            }
            let shown = try await fleet.done("hosts", "show", agent.hostID())
            #expect(shown.contains("slipway hosts unlock") && shown.contains("slipway hosts retire"))
            #expect(agent.installedTree != nil)
            second.kill()
            try await fleet.done("hosts", "unlock", agent.hostID(), "--reason", "the copy is gone")
            try await fleet.allOnline()
        }

        @Test(
            "A retired host hears no more, joins again as another in the same folder, and what it runs is known again")
        func retired() async throws {
            let fleet = try await Fleet.running("1.0", pushed: 1)
            let agent = fleet.agents[0]
            let before = try agent.hostID()
            try await fleet.done("hosts", "retire", before, "--reason", "moved", "--yes")
            try await eventually("the agent says so: \(agent.log)") {
                try await agent.run("status").output.contains("controller.access.hostRetired")
            }
            let string = try await fleet.done("hosts", "invite").filter { !$0.isWhitespace }
            #expect(try await agent.run("join", string, "--again").status == 5, "the agent still runs")
            agent.kill()
            try await eventually("it joins again") { try await agent.run("join", string, "--again").status == 0 }
            #expect(try agent.hostID() != before)
            try agent.start()
            try await eventually("the new host reports what runs: \(agent.log)") {
                let hosts = try await fleet.json([HostView].self, "hosts", "list")
                return hosts.contains { $0.id.text != before && $0.products.first?.running?.text == "1.0" }
            }
        }
    }
}

extension FleetAgent {
    /// As its agent.json has it.
    fileprivate func hostID() throws -> String {
        let value = try JSONValue(parsing: Array(try Files.read(folder + "/agent.json").utf8))
        return value["host"]?.stringValue ?? ""
    }
}
