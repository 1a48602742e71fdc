import ControllerAPI
import ReleaseDefinition
import Testing

extension EndToEnd {
    /// The profile team with real programs: people's keys in files of their own, none of them on the controller.
    @Suite(.serialized) struct Team {
        @Test("Two people approve, a rollout and a back-out follow, and a taken controller installs nothing")
        func storyOfATeam() async throws {
            let fleet = try await Fleet(
                options: ["--profile", "team", "--offline-keys", "FOLDER/offline", "--product", "web-service"])
            let url = try await fleet.startWebServer()
            let agent = try await fleet.addAgent(.pull(url))
            try await fleet.allOnline()

            try await fleet.done("release", "submit", ReleaseSource(version: "1.0").write(below: fleet.folder))
            let start = try RolloutSource.write("web-service@1.0", below: fleet.folder)
            let refused = try await fleet.slipway("rollout", "start", start)
            #expect(refused.status == 6, "\(refused.errors)")
            #expect(refused.errors.contains("0 of 2"), "\(refused.errors)")
            let shown = try await fleet.approve("web-service@1.0", by: "approver-1")
            #expect(shown.contains("+ web-service@1.0 may be installed in staging"), "\(shown)")
            let again = try await fleet.approve("web-service@1.0", by: "approver-1")
            #expect(again.contains("Already signed by you (approver-1)"), "\(again)")
            #expect(again.contains("staging-web-service 1 of 2"), "\(again)")
            let silent = try await fleet.slipway(
                fleet.signing("web-service@1.0", by: "approver-3").filter { $0 != "--yes" })
            #expect(silent.status == 2 && silent.errors.contains("--yes"), "\(silent.errors)")
            #expect(!silent.errors.contains("Usage:"), "\(silent.errors)")
            let second = try await fleet.approve("web-service@1.0", by: "approver-3")
            #expect(second.contains("approver-1 (1 of 2)"), "\(second)")
            #expect(second.contains("it is published"), "\(second)")
            try await fleet.done("rollout", "start", start, "--detach")
            try await fleet.everyHostRuns("1.0")
            let review = try await fleet.done("report", "review", "web-service@1.0")
            #expect(review.contains("staging: approver-1, approver-3"), "\(review)")

            let regulated = try await fleet.slipway("keys", "profile", "regulated")
            #expect(regulated.status == 5, "\(regulated.errors)")
            #expect(regulated.errors.contains("slipway keys rotate root --threshold 2"), "\(regulated.errors)")
            let doctor = try await fleet.json(DoctorReport.self, "doctor")
            #expect(!doctor.hasProblem, "\(doctor.findings)")

            // Back-out needs none of the people's keys.
            try await fleet.done("release", "submit", ReleaseSource(version: "1.1").write(below: fleet.folder))
            try await fleet.approve("web-service@1.1", by: "approver-1")
            try await fleet.approve("web-service@1.1", by: "approver-2")
            try await fleet.done(
                "rollout", "start", RolloutSource.write("web-service@1.1", below: fleet.folder), "--detach")
            try await fleet.everyHostRuns("1.1")
            let last = try await fleet.lastRollout()
            let back = try await fleet.slipway(
                "rollout", "back-out", last.id.text, "--reason", "a test", "--detach", "--yes")
            #expect(back.status == 0, "\(back.errors)")
            try await eventually("the host is back on 1.0: \(agent.log.suffix(1500))") {
                await fleet.answer(of: agent) == "1.0"
            }

            // The thief has the whole folder: online keys, database, TLS key.
            fleet.killController()
            let tree = try #require(agent.installedTree)
            let logged = agent.log.utf8.count
            let thief = try await ChildProcess.run(
                "/usr/bin/python3", [Files.root + "/Tests/EndToEnd/Harness/thief.py", fleet.controllerFolder],
                folder: fleet.folder + "/run")
            #expect(thief.status == 0, "\(thief.errors)")
            try await eventually("the host says why: \(agent.log.suffix(1500))") {
                String(decoding: agent.log.utf8.dropFirst(logged), as: UTF8.self).contains("trust.role.signatures")
            }
            #expect(await fleet.answer(of: agent) == "1.0")
            #expect(agent.installedTree == tree)
        }

        @Test("A hot fix waits for the emergency people, and goes out with the second key")
        func emergency() async throws {
            let fleet = try await Fleet(
                options: ["--profile", "team", "--offline-keys", "FOLDER/offline", "--product", "web-service"])
            try await fleet.addAgents(1)
            try await fleet.done("release", "submit", ReleaseSource(version: "1.0").write(below: fleet.folder))
            let push = ["emergency", "push", "web-service@1.0", "--reason", "a test", "--all", "--detach"]
            let none = try await fleet.slipway(push + ["--yes"])
            #expect(none.status == 6, "\(none.errors)")
            let rootless = try await fleet.slipway(push + fleet.person("approver-1").filter { !$0.contains("root") })
            #expect(rootless.errors.contains("command.trust.root"), "\(rootless.errors)")
            let one = try await fleet.slipway(push + fleet.person("approver-1"))
            #expect(one.status == 6, "\(one.errors)")
            let two = try await fleet.slipway(push + fleet.person("approver-2"))
            #expect(two.status == 0, "\(two.errors)")
            try await fleet.everyHostRuns("1.0")
            let owed = try await fleet.json([EmergencyView].self, "release", "review")
            let emergency = try #require(owed.first)
            #expect(owed.count == 1 && emergency.reason == "a test" && emergency.startedBy == "person:admin")
            #expect(try await fleet.done("doctor").contains("was not reviewed: a test"))
            try await fleet.done("release", "review", emergency.rollout.text, "--conclusion", "nothing was wrong")
            #expect(try await fleet.json([EmergencyView].self, "release", "review").isEmpty)
        }

        @Test("regulated: a rollout starts once another person has looked at its plan, with their own root")
        func authorised() async throws {
            let fleet = try await Fleet(
                options: ["--profile", "regulated", "--offline-keys", "FOLDER/offline", "--product", "web-service"])
            try await fleet.addAgents(1)
            let source = try ReleaseSource(version: "1.0").write(below: fleet.folder)
            try await fleet.done("release", "submit", source)
            try await fleet.approve("web-service@1.0", by: "approver-1")
            try await fleet.approve("web-service@1.0", by: "approver-2")
            let again = try await fleet.slipway("release", "submit", source)
            #expect(again.status == 0 && again.errors.contains("same bytes"), "\(again.errors)")
            let start = try RolloutSource.write("web-service@1.0", below: fleet.folder)
            let plan = try await fleet.json(RolloutPlanView.self, "rollout", "plan", start)
            #expect(try await fleet.slipway("rollout", "start", start).status == 6)
            let yes = try await fleet.slipway(
                ["rollout", "authorise", plan.digest.hex] + fleet.person("approver-3"))
            #expect(yes.status == 0, "\(yes.errors)")
            #expect(yes.errors.contains("approved for staging with this manifest"), "\(yes.errors)")
            let started = try await fleet.slipway("rollout", "start", start)
            #expect(started.status == 0 && started.errors.contains("to 1 host has started"), "\(started.errors)")
            try await fleet.everyHostRuns("1.0")

            // The same bytes for production need its approvers, and nothing is built or uploaded again.
            let before = try await fleet.json(ReleaseView.self, "release", "show", "web-service@1.0")
            let asked = try await fleet.slipway("release", "promote", "web-service@1.0", "--to", "production")
            #expect(asked.errors.contains("0 of 2 have signed (nobody yet)"), "\(asked.errors)")
            try await fleet.approve("web-service@1.0", by: "approver-1", environment: "production")
            try await fleet.approve("web-service@1.0", by: "approver-3", environment: "production")
            let after = try await fleet.json(ReleaseView.self, "release", "show", "web-service@1.0")
            #expect(after.manifest == before.manifest)
            #expect(after.environments.map(\.environment.text) == ["staging", "production"])
        }
    }

    @Suite(.serialized) struct ByHand {
        @Test("An exported package is installed by hand, within its validity alone, and its receipt is carried back")
        func exported() async throws {
            let (fleet, agent, host, package) = try await Fleet.exported()
            let export = ["release", "export", "web-service@1.0", "--host", host, "--output", package]
            let over = try await fleet.slipway(export)
            #expect(over.status == 5 && over.errors.contains("--force"), "\(over.errors)")
            try await fleet.done(
                "release", "export", "web-service@1.0", "--host", host, "--valid", "200d", "--output", package,
                "--force")

            var damaged = try Files.bytes(package)
            let envelope = try #require(damaged.firstRange(of: Array("\"payload\":\"".utf8)))
            damaged[envelope.upperBound + 20] ^= 1
            try Files.write(fleet.folder + "/damaged.slip", damaged)
            let refused = try await agent.run("install", fleet.folder + "/damaged.slip")
            #expect(refused.status == 1, "\(refused.errors)")
            #expect(refused.errors.contains("trust."), "\(refused.errors)")
            let source = try ReleaseSource(version: "1.1").write(below: fleet.folder)
            let plain = try await fleet.slipway(
                "package", "build", source, "--output", fleet.folder + "/plain.slip", hasController: false)
            #expect(plain.status == 0, "\(plain.errors)")
            let unproven = try await agent.run("install", fleet.folder + "/plain.slip")
            #expect(unproven.errors.contains("trust.export.missing"), "\(unproven.errors)")
            #expect(agent.installedTree == nil)

            let receipt = fleet.folder + "/receipt.json"
            let late = try await ChildProcess.run(
                "/usr/bin/faketime",
                ["-f", "+201d", Files.programs + "/slipway-agent", "install", package, "--dir", agent.folder],
                folder: fleet.folder + "/run")
            #expect(late.errors.contains("trust.assignment.expired"), "\(late.errors)")
            let installed = try await agent.run("install", package, "--receipt", receipt)
            #expect(installed.status == 0, "\(installed.errors)")
            #expect(await fleet.answer(of: agent) == "1.0")

            let known = try await fleet.json([HostView].self, "hosts", "list").first?.products.first?.running?.text
            #expect(known == nil)
            let imported = try await fleet.slipway("hosts", "receipt", "import", receipt)
            #expect(imported.status == 0 && imported.errors.contains("WANTED"), "\(imported.errors)")
            let told = try await fleet.json([HostView].self, "hosts", "list").first?.products.first?.running?.text
            #expect(told == "1.0")
            var forged = try Files.read(receipt)
            forged = forged.replacing("\"payload\":\"ey", with: "\"payload\":\"eY")
            try Files.write(fleet.folder + "/forged.json", forged)
            #expect(try await fleet.slipway("hosts", "receipt", "import", fleet.folder + "/forged.json").status == 4)
            for (verb, code) in [("retire", "hostRetired"), ("revoke", "hostRevoked")] {
                try await fleet.done("hosts", verb, host, "--reason", "a test", "--yes")
                let gone = try await fleet.slipway(export + ["--force"])
                #expect(gone.status == 4 && gone.errors.contains(code), "\(gone.errors)")
                #expect(gone.errors.contains("slipway hosts invite"), "\(gone.errors)")
            }
        }
    }
}

extension Fleet {
    /// As this person, with a folder of their own for what they trust.
    /// - Returns: what was shown.
    @discardableResult
    func approve(_ release: String, by name: String, environment: String = "staging") async throws -> String {
        let result = try await slipway(signing(release, by: name, environment: environment))
        guard result.status == 0 else {
            throw TestFailure(description: "release approve ended with \(result.status): \(result.errors)")
        }
        return result.errors
    }

    func signing(_ release: String, by name: String, environment: String = "staging") -> [String] {
        ["release", "approve", release, "--environment", environment] + person(name)
    }

    /// This person's key, their folder of trust and the root that they were given.
    func person(_ name: String) -> [String] {
        [
            "--key-file", "\(folder)/offline/\(name).pem", "--trust", "\(folder)/\(name)", "--root",
            "\(folder)/offline/root.json", "--yes",
        ]
    }
}
