import ControllerAPI
import ReleaseDefinition
import Testing

extension EndToEnd {
    @Suite(.serialized) struct Plans {
        @Test("A rollout starts as it was planned; a material change is refused and shown, and so is another host")
        func digest() async throws {
            let fleet = try await Fleet.running("1.0", pushed: 2)
            try await fleet.done("release", "submit", ReleaseSource(version: "1.1").write(below: fleet.folder))
            let file = try RolloutSource.write("web-service@1.1", phases: "[1, 100%]", below: fleet.folder)
            let plan = try await fleet.json(RolloutPlanView.self, "rollout", "plan", file)
            #expect(plan.hosts.map(\.phase) == [1, 2])
            #expect(plan.hosts.allSatisfy { $0.now?.version.text == "1.0" && $0.backOutTo == "web-service@1.0" })
            #expect(plan.hosts.allSatisfy { $0.earliestStartAt != nil })
            #expect(plan.hosts.allSatisfy { ($0.diskNeeded?.value ?? 0) > 0 && $0.missing == nil }, "\(plan.hosts)")
            #expect(plan.latestEndAt != nil)

            let other = try RolloutSource.write("web-service@1.1", phases: "[1, 50%, 100%]", below: fleet.folder)
            let changed = try await fleet.slipway("rollout", "start", other, "--plan", plan.digest.hex)
            #expect(changed.status == 5, "\(changed.errors)")
            #expect(changed.errors.contains("the strategy was"))
            let unknown = SHA256Digest(of: [1]).hex
            #expect(try await fleet.slipway("rollout", "start", file, "--plan", unknown).status == 5)

            try await fleet.addAgent()
            try await fleet.allOnline()
            let grown = try await fleet.slipway("rollout", "start", file, "--plan", plan.digest.hex)
            #expect(grown.status == 5, "\(grown.errors)")
            #expect(grown.errors.contains("1 host came"))
            let started = try await fleet.slipway(
                "rollout", "start", file, "--plan", plan.digest.hex, "--accept-host-changes", "3")
            #expect(started.status == 0, "\(started.errors)")
            try await fleet.everyHostRuns("1.1")
            #expect(try await fleet.lastRollout().phases.first?.hosts == 1)
            let again = try await fleet.slipway("rollout", "start", file, "--plan", plan.digest.hex)
            #expect(again.status == 5, "\(again.errors)")
        }

        @Test("A rollout of what every host runs ends at once")
        func nothingToDo() async throws {
            let fleet = try await Fleet.running("1.0", pushed: 2)
            let file = try RolloutSource.write("web-service@1.0", phases: "[1, 100%]", below: fleet.folder)
            let started = try await fleet.slipway("rollout", "start", file)
            #expect(started.status == 0, "\(started.errors)")
            let view = try await fleet.lastRollout()
            #expect(view.state == .succeeded)
            #expect(view.reason == "Nothing to do: every host ran the release already.")
            #expect(view.phases.allSatisfy { $0.state == .passed })
        }

        @Test("Outside its window a rollout waits, says until when, and a person can stop it")
        func window() async throws {
            let fleet = try await Fleet.running("1.0", pushed: 1)
            try await fleet.done("release", "submit", ReleaseSource(version: "1.1").write(below: fleet.folder))
            // An hour of one day in a year: shut whenever this runs, but for that hour and its day before.
            let file = try RolloutSource.write(
                "web-service@1.1", more: "windows: [{ opens: \"*-02-29 03:00\", for: 1h }]", below: fleet.folder)
            try await fleet.done("rollout", "start", file, "--detach")
            let id = try await fleet.lastRollout().id
            let why = try await fleet.json(RolloutWhyView.self, "rollout", "why", id.text)
            #expect(why.reasons.map(\.what) == ["window"])
            #expect(why.nextAttemptAt.map { $0.description.contains("-02-29T03:00:00Z") } == true)
            let host = try #require(why.hosts.first)
            #expect(host.hold.what == "window")
            let other = try await fleet.json(
                RolloutWhyView.self, "hosts", "why", host.host.text, "web-service@1.1")
            #expect(other.rollout == id)
            #expect(other.hosts.first?.hold.what == "window")
            try await fleet.everyHostRuns("1.0")
            try await fleet.done("rollout", "stop", id.text)
            try await eventually("it is stopped") { try await fleet.lastRollout().state == .stopped }
        }

        @Test("Phases by list and query, promoted by a person, a host skipped, a host that failed tried again")
        func verbs() async throws {
            let fleet = try await Fleet.running("1.0", pushed: 3)
            try await fleet.done("release", "submit", ReleaseSource(version: "1.1").write(below: fleet.folder))
            let hosts = try await fleet.json([HostView].self, "hosts", "list").map(\.id).sorted()
            let file = try RolloutSource.write(
                "web-service@1.1",
                phases:
                    "[{ list: [\(hosts[1])], promotion: manual }, { query: id=\(hosts[2]), promotion: manual }, 100%]",
                below: fleet.folder)
            try await fleet.done("rollout", "start", file, "--detach")
            let id = try await fleet.lastRollout().id.text
            func waits(_ passed: Int) async throws {
                try await eventually("phase \(passed) is done") {
                    let why = try await fleet.json(RolloutWhyView.self, "rollout", "why", id)
                    let view = try await fleet.lastRollout()
                    return why.reasons.map(\.what) == ["promotion"] && view.phases[passed - 1].succeeded == 1
                }
            }
            try await waits(1)
            #expect(try await fleet.lastRollout().hosts.first?.host == hosts[1])
            let wrong = try await fleet.slipway("rollout", "retry", id, hosts[1].text, "--reason", "a test")
            #expect(wrong.status == 5, "\(wrong.errors)")
            try await fleet.done("rollout", "promote", id, "--reason", "looked at it")
            try await waits(2)
            try await fleet.done("rollout", "skip", id, hosts[0].text, "--reason", "being rebuilt")
            let view = try await fleet.json(RolloutView.self, "rollout", "show", id)
            #expect(view.hosts.first { $0.host == hosts[0] }?.outcome.map { "\($0)".contains("being rebuilt") } == true)
        }
    }
}
