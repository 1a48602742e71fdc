import ControllerAPI
import ReleaseDefinition
import Testing

extension EndToEnd {
    @Suite(.serialized) struct Rollouts {
        @Test("A big bang reaches pushed and pulling hosts, and each runs what the record says")
        func bigBang() async throws {
            let fleet = try await Fleet()
            let url = try await fleet.startWebServer()
            try await fleet.addAgent()
            try await fleet.addAgent()
            try await fleet.addAgent(.pull(url))
            try await fleet.allOnline()
            try await fleet.done("release", "submit", ReleaseSource(version: "1.0").write(below: fleet.folder))
            let file = try RolloutSource.write("web-service@1.0", below: fleet.folder)
            let started = try await fleet.slipway("rollout", "start", file)
            #expect(started.status == 0, "\(started.errors)")
            #expect(started.output.contains("succeeded"))
            try await fleet.everyHostRuns("1.0")
            let view = try await fleet.lastRollout()
            #expect(view.state == .succeeded)
            #expect(view.hosts.count == 3)
            #expect(view.hosts.allSatisfy { $0.outcome == .succeeded })
        }

        @Test("Phases are cumulative: the pilot first, each next phase only after the one before has passed")
        func phased() async throws {
            let fleet = try await Fleet.running("1.0", pushed: 4)
            try await fleet.done("release", "submit", ReleaseSource(version: "1.1").write(below: fleet.folder))
            let file = try RolloutSource.write("web-service@1.1", phases: "[1, 50%, 100%]", below: fleet.folder)
            let started = try await fleet.slipway("rollout", "start", file)
            #expect(started.status == 0, "\(started.errors)")
            try await fleet.everyHostRuns("1.1")
            let view = try await fleet.lastRollout()
            #expect(view.phases.map(\.hosts) == [1, 1, 2])
            #expect(view.phases.allSatisfy { $0.state == .passed })
            for (earlier, later) in zip(view.phases, view.phases.dropFirst()) {
                let (end, start) = (try #require(earlier.endedAt), try #require(later.startedAt))
                #expect(end <= start)
            }
        }

        @Test("A broken release is backed out by itself and revoked, and a pulling host does not fetch it again")
        func brokenBacksOut() async throws {
            let fleet = try await Fleet()
            let url = try await fleet.startWebServer()
            // The only host pulls, so that it is the pilot for certain.
            let agent = try await fleet.addAgent(.pull(url))
            try await fleet.install("1.0")
            try await fleet.done("release", "submit", ReleaseSource.example("v3"))
            let file = try RolloutSource.write("web-service@3.0", phases: "[1, 100%]", below: fleet.folder)
            // By patch, in part or whole: all of it is blobs.
            let before = fleet.requests(of: "/blobs/")
            let started = try await fleet.slipway("rollout", "start", file)
            #expect(started.status == 7, "\(started.errors)")
            try await fleet.everyHostRuns("1.0")

            let release = try await fleet.json(ReleaseView.self, "release", "show", "web-service@3.0")
            #expect(release.environments.first?.revocation != nil)
            let view = try await fleet.lastRollout()
            let evidence = try #require(view.hosts.first?.evidence)
            #expect(evidence.step == .checking)
            #expect(evidence.logTail.contains("SETTLEMENT_CURRENCY"))

            let fetched = fleet.requests(of: "/blobs/")
            #expect(fetched > before)
            // Three more checks of this host go by.
            let checks = fleet.requests(of: "timestamp.json") + fleet.requests(of: "director/")
            try await eventually("the host goes on checking") {
                fleet.requests(of: "timestamp.json") + fleet.requests(of: "director/") >= checks + 3
            }
            #expect(fleet.requests(of: "/blobs/") == fetched)
            #expect(await fleet.answer(of: agent) == "1.0")
        }

        @Test("An operator backs a finished rollout out, and every host returns to what it ran before")
        func operatorBacksOut() async throws {
            let fleet = try await Fleet.running("1.0", pushed: 3)
            try await fleet.install("1.1")
            let id = try await fleet.lastRollout().id
            let result = try await fleet.slipway("rollout", "back-out", id.text, "--reason", "a test", "--yes")
            #expect(result.status == 7, "\(result.errors)")
            try await fleet.everyHostRuns("1.0")
        }

        @Test(
            "A back-out that one host cannot follow is a failed one: by its exit code, its state, its mail and every line"
        )
        func backOutFails() async throws {
            // The clock of whoever sits there; this form needs no tzdata.
            let fleet = try await Fleet(environment: ["TZ": "IST-5:30"])
            try await fleet.addAgents(3)
            try await fleet.install("1.0")
            let mails = fleet.folder + "/mails"
            try Files.write(fleet.folder + "/sendmail", "#!/bin/sh\ncat >> '\(mails)'\n", mode: 0o755)
            try Files.write(
                fleet.controllerFolder + "/notifications.json",
                """
                { "sinks": [{ "name": "desk", "kind": "mail", "to": ["desk@example.com"], "from": "slipway@example.com",
                  "sendmail": "\(fleet.folder)/sendmail", "moments": ["backedOut"] }] }
                """)
            try await fleet.done("release", "submit", ReleaseSource(version: "1.1").write(below: fleet.folder))
            // One that cannot go back is no reason to leave the others.
            let file = try RolloutSource.write(
                "web-service@1.1", limits: ", failureTolerance: 40%", below: fleet.folder)
            try await fleet.done("rollout", "start", file)
            try await fleet.everyHostRuns("1.1")
            // What it would go back to is not what was installed.
            let agent = fleet.agents[1]
            let trees = agent.root + "/opt/web-service.releases"
            let before = try #require(Files.list(trees).first { $0.hasPrefix("1.0-") })
            try Files.write("\(trees)/\(before)/VERSION", "1.0 and more\n")

            let id = try await fleet.lastRollout().id.text
            let result = try await fleet.slipway("rollout", "back-out", id, "--reason", "a test", "--yes")
            #expect(result.status == 1, "\(result.errors)")
            let view = try await fleet.lastRollout()
            let stuck = try #require(view.hosts.first { $0.outcome == .backOutFailed }).host
            #expect(view.state == .backOutFailed && view.notBackedOut == [stuck])
            #expect(view.hosts.count { $0.outcome == .backedOut(nil) } == 2)
            for words in [
                "backed out, but 1 host could not (\(stuck)) by admin: a test",
                "1 host could not go back, \(stuck): slipway hosts why HOST web-service@1.1",
            ] { #expect(result.errors.contains(words), "\(words): \(result.errors)") }
            let shown = try await fleet.done("rollout", "show", id)
            #expect(shown.contains("backOutFailed: 1 host could not go back, \(stuck)\n"), "\(shown)")
            #expect(shown.contains(/started +[-0-9]{10}T[:0-9]{8}\+05:30 by admin\n/), "\(shown)")
            let again = try await fleet.slipway("rollout", "watch", id)
            #expect(again.status == 1, "\(again.errors)")
            let list = try await fleet.done("rollout", "list")
            let row = list.split(separator: "\n").last.map(String.init) ?? ""
            #expect(row.contains("backOutFailed") && row.hasSuffix("+05:30  admin  a test (by admin)"), "\(list)")
            let why = try await fleet.done("rollout", "why", id)
            #expect(why.contains("and 1 host could not go back: \(stuck)."), "\(why)")
            let words = "web-service@1.1 was backed out, but 1 host could not (\(stuck)): a test"
            try await eventually("a mail says so") { try Files.exists(mails) && Files.read(mails).contains(words) }
            // The others are where they were.
            for other in fleet.agents where other.name != agent.name {
                #expect(await fleet.answer(of: other) == "1.0")
            }
        }

        @Test("Promotion lists the same bytes under production, and a production host installs them")
        func promotion() async throws {
            let fleet = try await Fleet()
            try await fleet.addAgent(environment: "production")
            try await fleet.allOnline()
            try await fleet.done("release", "submit", ReleaseSource(version: "1.0").write(below: fleet.folder))
            let before = try await fleet.json(ReleaseView.self, "release", "show", "web-service@1.0")
            let blobs = Files.list(fleet.controllerFolder + "/repository/blobs")

            let file = try RolloutSource.write("web-service@1.0", environment: "production", below: fleet.folder)
            let tooEarly = try await fleet.slipway("rollout", "start", file)
            #expect(tooEarly.status != 0, "not approved for production yet")

            try await fleet.done("release", "promote", "web-service@1.0", "--to", "production")
            let after = try await fleet.json(ReleaseView.self, "release", "show", "web-service@1.0")
            #expect(after.manifest == before.manifest)
            #expect(after.environments.map(\.environment.text) == ["staging", "production"])
            #expect(Files.list(fleet.controllerFolder + "/repository/blobs") == blobs)
            try await fleet.done("rollout", "start", file)
            try await fleet.everyHostRuns("1.0")
        }

        @Test("An emergency push reaches pushed hosts at once and pulling hosts at their next check")
        func emergency() async throws {
            let fleet = try await Fleet()
            let url = try await fleet.startWebServer()
            try await fleet.addAgent()
            try await fleet.addAgent()
            try await fleet.addAgent(.pull(url))
            try await fleet.install("1.0")
            try await fleet.done("release", "submit", ReleaseSource(version: "1.0.1").write(below: fleet.folder))
            let pushed = try await fleet.slipway(
                "emergency", "push", "web-service@1.0.1", "--all", "--reason", "a test", "--change", "CHG-1",
                "--yes")
            #expect(pushed.status == 0, "\(pushed.errors)")
            try await fleet.everyHostRuns("1.0.1")
            #expect(try await fleet.lastRollout().isEmergency)
        }
    }
}

extension Fleet {
    /// A fleet of pushed hosts that all run this version.
    static func running(_ version: String, pushed count: Int) async throws -> Fleet {
        let fleet = try await Fleet()
        try await fleet.addAgents(count)
        try await fleet.install(version)
        return fleet
    }

    /// Submits a healthy release and brings it to every host at once.
    func install(_ version: String) async throws {
        try await allOnline()
        try await done("release", "submit", ReleaseSource(version: version).write(below: folder))
        try await done("rollout", "start", RolloutSource.write("web-service@\(version)", below: folder))
        try await everyHostRuns(version)
    }

    /// How often the plain web server was asked for a path that holds the text.
    func requests(of text: String) -> Int {
        webLog.split(separator: "\n").filter { $0.contains("GET ") && $0.contains(text) }.count
    }
}
