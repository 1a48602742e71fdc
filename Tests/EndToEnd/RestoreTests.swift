import ControllerAPI
import ReleaseDefinition
import Testing

import class TestSupport.PostgresServer

extension EndToEnd {
    @Suite(.serialized) struct Restores {
        /// What each host is known to run, by name.
        private func known(_ fleet: Fleet) async throws -> [String: String] {
            let hosts = try await fleet.json([HostView].self, "hosts", "list")
            return Dictionary(
                uniqueKeysWithValues: hosts.map { ($0.id.text, $0.products.first?.running?.text ?? "nothing") })
        }

        @Test(
            "Set up from a backup of the middle of a rollout, a controller is told by every agent what runs, and goes on"
        )
        func behind() async throws {
            let fleet = try await Fleet()
            let url = try await fleet.startWebServer()
            for delivery in [FleetAgent.Delivery.push, .push, .push, .pull(url)] { try await fleet.addAgent(delivery) }
            try await fleet.install("1.0")
            // Some hosts have the order and no word of theirs is known, some have none yet.
            try await fleet.done("release", "submit", ReleaseSource(version: "1.1").write(below: fleet.folder))
            let file = try RolloutSource.write("web-service@1.1", phases: "[1, 100%]", below: fleet.folder)
            try await fleet.done("rollout", "start", file, "--detach")
            let open = try await fleet.lastRollout().id
            let backup = fleet.folder + "/backup"
            try await fleet.controllerDone("backup", "--dir", fleet.controllerFolder, "--output", backup)
            // What the backup does not know: the rest of this rollout, and another release.
            try await fleet.everyHostRuns("1.1")
            try await fleet.install("1.2")
            let orders = fleet.agents.map { $0.log.ranges(of: "order started").count }

            fleet.killController()
            Files.removeTree(fleet.controllerFolder)
            try await fleet.controllerDone(
                "restore", "--from", backup, "--dir", fleet.controllerFolder, "--advance")
            try await fleet.startController()
            try await eventually("every host's release is known again: \(fleet.agents.map(\.log))") {
                let known = try await known(fleet)
                return known.count == 4 && known.values.allSatisfy { $0 == "1.2" }
            }
            // Its hosts have done what it asks, and say so: it comes to its end, and nobody does anything twice.
            try await eventually("the rollout that was under way has ended") {
                try await fleet.json(RolloutView.self, "rollout", "show", open.text).state.isFinal
            }
            let view = try await fleet.json(RolloutView.self, "rollout", "show", open.text)
            #expect(view.state == .succeeded, "\(view)")
            #expect(fleet.agents.map { $0.log.ranges(of: "order started").count } == orders)
            for agent in fleet.agents { #expect(await fleet.answer(of: agent) == "1.2") }

            try await fleet.install("1.3")
            let contradicted = try await known(fleet).values.filter { $0 != "1.3" }
            #expect(contradicted.isEmpty)
        }

        @Test(
            "Two controllers on one restored database are told by the hosts of either what was lost, once, and go on together",
            .enabled(if: PostgresServer.isInstalled))
        func two() async throws {
            let server = try PostgresServer()
            let database = try server.newDatabase()
            let fleet = try await Fleet(options: ["--database", database])
            let second = try SecondController(beside: fleet)
            try await second.copySetup()
            try await second.start()
            for folder in [nil, second.folder, nil, second.folder] { try await fleet.addAgent(by: folder) }
            try await fleet.install("1.0")
            try await fleet.done("release", "submit", ReleaseSource(version: "1.1").write(below: fleet.folder))
            let file = try RolloutSource.write("web-service@1.1", phases: "[1, 100%]", below: fleet.folder)
            try await fleet.done("rollout", "start", file, "--detach")
            let open = try await fleet.lastRollout().id
            let (backup, dump) = (fleet.folder + "/backup", fleet.folder + "/dump")
            try await fleet.controllerDone("backup", "--dir", fleet.controllerFolder, "--output", backup)
            try server.dump(database, to: dump)
            try await fleet.everyHostRuns("1.1")
            try await fleet.install("1.2")
            let orders = fleet.agents.map { $0.log.ranges(of: "order started").count }

            // Both machines are gone, and the database with them: the dump goes into one of its own.
            fleet.killController()
            second.kill()
            let other = try server.newDatabase()
            try server.restore(dump, to: other)
            let settings = try Files.read(backup + "/controller.json")
            #expect(settings.contains(database))
            try Files.write(backup + "/controller.json", settings.replacing(database, with: other), mode: 0o600)
            Files.removeTree(fleet.controllerFolder)
            // Within seconds of a dump the controllers in it look alive.
            try await eventually("it is restored") {
                try await fleet.controllerDone(
                    "restore", "--from", backup, "--dir", fleet.controllerFolder, "--advance", "--yes")
                return true
            }
            try await second.copySetup()
            async let started: Void = second.start()
            try await fleet.startController()
            try await started

            try await eventually("every host's release is known again: \(fleet.agents.map(\.log))") {
                let known = try await known(fleet)
                return known.count == 4 && known.values.allSatisfy { $0 == "1.2" }
            }
            try await eventually("the rollout that was under way has ended") {
                try await fleet.json(RolloutView.self, "rollout", "show", open.text).state.isFinal
            }
            #expect(try await fleet.json(RolloutView.self, "rollout", "show", open.text).state == .succeeded)
            #expect(fleet.agents.map { $0.log.ranges(of: "order started").count } == orders)
            // Each was told to once, by the one that it came to; the other heard it through the database.
            for agent in fleet.agents {
                #expect(agent.log.ranges(of: "has forgotten what it had confirmed").count == 1, "\(agent.log)")
            }
            try await fleet.install("1.3")
            #expect(fleet.agents.map { $0.log.ranges(of: "order started").count } == orders.map { $0 + 1 })
            for folder in [fleet.controllerFolder, second.folder] {
                let verified = try await fleet.slipway(["audit", "verify", "--dir", folder], hasController: false)
                #expect(verified.status == 0, "\(verified.errors)")
                try await eventually("both know what runs") {
                    let hosts = try await fleet.slipway(
                        ["hosts", "list", "--output", "json", "--dir", folder], hasController: false)
                    let views = try JSONCoding.decode([HostView].self, from: Array(hosts.output.utf8))
                    return views.count == 4
                        && views.allSatisfy { $0.contact == .online && $0.products.first?.running?.text == "1.3" }
                }
            }
        }
    }
}

extension Fleet {
    /// Runs the controller's own program to its end.
    /// - Throws: where it does not end with 0.
    func controllerDone(_ arguments: String...) async throws {
        let result = try await ChildProcess.run(
            Files.programs + "/slipway-controller", arguments, folder: folder + "/run")
        guard result.status == 0 else {
            throw TestFailure(
                description: "slipway-controller \(arguments) ended with \(result.status): \(result.errors)")
        }
    }
}
