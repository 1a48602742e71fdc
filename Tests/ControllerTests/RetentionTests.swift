import ControllerAPI
import Effects
import Foundation
import ReleaseDefinition
import ReleasePackaging
import Dispatch
import Synchronization
import Testing

@testable import ControllerLibrary

@Suite("Retention of packages")
struct RetentionTests {
    private static let share = ProcessInfo.processInfo.environment["SLIPWAY_FAULTS"]
    private let rules = RetentionRules(keep: 2, age: .days(7))

    @Test(
        "In any history no package goes that a host runs or goes back to, an open rollout, approval or newest release needs"
    )
    func histories() throws {
        var removed = 0
        for seed in 1...UInt64(Self.share == nil ? 20 : 400) {
            var world = try RetentionWorld(seed: seed)
            for step in 0..<250 {
                try world.step(rules)
                try #require(world.faults.isEmpty, "replay: seed \(seed), step \(step): \(world.faults)")
            }
            removed += world.removed
        }
        #expect(removed > (Self.share == nil ? 60 : 1200), "\(removed)")
    }

    @Test("A sweep removes what only old packages have; plans and exports of them are refused; their record stays")
    func sweep() async throws {
        let test = try TestController()
        try test.configure { $0.retention = rules }
        try await test.run { running in
            let controller = running.controller
            let client = try TestClient(test, running, token: test.adminToken)
            var fleet = TestFleet(test)
            try await fleet.join(1, running)
            try await fleet.serving(running) { client in
                for version in ["1.0", "1.1", "1.2", "1.3", "1.4", "1.5"] {
                    #expect(try await TestFleet.submit(version, content: version, by: client).status == 201)
                    guard version == "1.0" || version == "1.1" else { continue }
                    let view = try await TestFleet.rollOut(TestFleet.definition(version), by: client)
                    #expect(view.state == .succeeded)
                }
            }
            func sweep(after span: TimeSpan) async throws -> PackageSweep {
                try await PackageSweep(
                    controller.state, rules, controller.publisher.blobs, patches: [],
                    at: controller.time.now() + span)
            }
            // A rollout of today keeps what it touched, and today's blobs are not looked at.
            #expect(try await sweep(after: .zero).removals.isEmpty)
            let later = try await sweep(after: .days(30))
            #expect(later.retention.kept[try ReleaseName("web@1.1")] != nil)
            #expect(later.retention.kept[try ReleaseName("web@1.0")] != nil)
            #expect(later.retention.going.map(\.description) == ["web@1.2", "web@1.3"])
            // With nobody there who runs it, a host that joins is given what was rolled out last.
            var alone = await controller.state
            let retired = HostStandingChanged(host: fleet.agents[0].host.id, reason: "r")
            let (entry, _, _) = try await controller.store.head.following(
                NewEvent(actor: "test", event: .hostRetired(retired)), at: controller.time.now())
            alone.apply(entry)
            let left = PackageRetention(alone, rules, at: controller.time.now() + .days(30)).kept
            #expect(left[try ReleaseName("web@1.1")]?.contains("hosts that join") == true)
            #expect(left[try ReleaseName("web@1.0")] == nil, "\(left)")
            // As the commands print it, and the one that asks the controller.
            let lines = RetentionCommand.lines(later.view(rules, isOn: true))
            #expect(lines.contains { $0.hasPrefix("remove  web@1.2") })
            let asked = try await client.send("GET", "/v1/retention").json(RetentionView.self)
            #expect(asked.isOn && asked.keep == 2 && asked.age == .days(7) && asked.size == ByteCount(0))
            #expect(asked.packages.map(\.release.version.text) == ["1.0", "1.1", "1.2", "1.3", "1.4", "1.5"])
            #expect(asked.packages.allSatisfy { $0.state == .kept && $0.reason?.isEmpty == false })
            await controller.sweepPackages(at: controller.time.now() + .days(30))
            let blobs = controller.publisher.blobs
            for (version, isThere) in [("1.0", true), ("1.1", true), ("1.2", false), ("1.3", false), ("1.5", true)] {
                let manifest = try #require(await controller.manifest(of: ReleaseName("web@\(version)")))
                let payload = try #require(manifest.units.first).payload.compressed
                #expect(try blobs.has(payload) == isThere, "\(version)")
            }
            let entries = try await controller.store.entries(after: 0, limit: 10_000)
            #expect(entries.count { $0.action == "packages.removed" } == 1)
            let refused = try await client.startRollout(TestFleet.definition("1.2"))
            #expect(refused.problemCode == "controller.conflict.packageRemoved")
            let findings = try await client.send("GET", "/v1/doctor").json(DoctorReport.self).findings
            #expect(!findings.contains { $0.level == .problem && $0.check == .repository })
            let gone = try await client.send("GET", "/v1/retention").json(RetentionView.self).packages
            #expect(gone.count == 6 && gone.allSatisfy { $0.state != .going }, "\(gone)")
            // The next one finds nothing more to do, and says nothing twice.
            await controller.sweepPackages(at: controller.time.now() + .days(30))
            #expect(
                try await controller.store.entries(after: 0, limit: 10_000).count { $0.action == "packages.removed" }
                    == 1)
            await client.close()
        }
        // Started again it knows, and serves.
        try await test.run { running in
            let name = try ReleaseName("web@1.2")
            #expect(await running.controller.state.releases[name]?.packageRemovedAt != nil)
        }
    }

    @Test("What would go is looked up beside all else: nobody waits for it, and a manifest is read once")
    func beside() async throws {
        let reads = Atomic(0)
        try await TestFleet.serving(1) { _, client, running in
            for version in ["1.0", "1.1", "1.2"] {
                #expect(try await TestFleet.submit(version, content: version, by: client).status == 201)
            }
            let gate = DispatchSemaphore(value: 0)
            let survey = PackageSurvey { blobs, manifest in
                if reads.add(1, ordering: .relaxed).oldValue == 0 { gate.wait() }
                return try blobs.read(manifest)
            }
            await running.controller.look(by: survey)
            async let asked = client.send("GET", "/v1/retention")
            try await eventually { reads.load(ordering: .relaxed) == 1 }
            // On the turn of the one who decides these would have no answer before it goes on.
            let others = try? await [client.send("GET", "/v1/hosts"), TestFleet.submit("1.3", by: client)]
            gate.signal()
            #expect(others?.map(\.status) == [200, 201])
            #expect(try await asked.json(RetentionView.self).packages.count == 3)
            let again = try await client.send("GET", "/v1/retention").json(RetentionView.self)
            #expect(again.packages.count == 4 && again.packages.allSatisfy { $0.state == .kept })
            #expect(reads.load(ordering: .relaxed) == 4)
        }
    }

    @Test("What came to be needed after it was looked up is not removed")
    func meanwhile() async throws {
        let test = try TestController()
        try test.configure { $0.retention = rules }
        try await test.run { running in
            let (controller, client) = (running.controller, try TestClient(test, running, token: test.adminToken))
            for version in ["1.0", "1.1", "1.2", "1.3"] {
                #expect(try await TestFleet.submit(version, content: version, by: client).status == 201)
            }
            let (blobs, now) = (controller.publisher.blobs, controller.time.now() + .days(30))
            let sweep = try await PackageSweep(controller.state, rules, blobs, patches: [], at: now)
            #expect(sweep.removals.keys.map(\.version.text).sorted() == ["1.0", "1.1"])
            #expect(try await TestFleet.submit("1.4", content: "1.0", by: client).status == 201)
            #expect(try await controller.remove(sweep, rules, at: now) == false)
            for blob in sweep.removals.values.joined() { #expect(try blobs.has(blob)) }
            let name = try ReleaseName("web@1.0")
            #expect(await controller.state.releases[name]?.packageRemovedAt == nil)
            await client.close()
        }
    }

    @Test("A rule that keeps less than is safe is refused at the start")
    func least() throws {
        for rules in [RetentionRules(keep: 1, age: .days(90)), RetentionRules(keep: 9, age: .days(6))] {
            let error = #expect(throws: ControllerError.self) { try rules.check() }
            #expect(error?.code == "controller.setup.retention")
        }
    }
}

extension Controller {
    fileprivate func look(by survey: PackageSurvey) { packageSurvey = survey }
}
