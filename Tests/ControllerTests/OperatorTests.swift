import AgentProtocol
import ControllerAPI
import Effects
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

/// What a person is told before a start, and when asking why nothing moves.
@Suite("What an operator is told")
struct OperatorTests {
    private static let manual = RolloutStrategy.phased([
        PhaseDefinition(size: .count(1), promotion: .manual), PhaseDefinition(size: .percent(100)),
    ])

    private func plan(_ definition: RolloutDefinition, _ client: TestClient) async throws -> RolloutPlanView {
        let answer = try await client.post("/v1/rollouts/plans", definition)
        try #require(answer.status == 201, "\(String(decoding: answer.body, as: UTF8.self))")
        return try answer.json(RolloutPlanView.self)
    }

    private func why(_ path: String, _ client: TestClient) async throws -> RolloutWhyView {
        try await client.send("GET", "/v1/\(path)").json(RolloutWhyView.self)
    }

    private func act(
        _ verb: String, _ id: RolloutID, _ client: TestClient, hosts: [HostID]? = nil
    ) async throws -> HTTPResponse {
        try await client.post("/v1/rollouts/\(id)/\(verb)", RolloutVerbRequest(reason: "looked at it", hosts: hosts))
    }

    private func changes(of id: RolloutID, _ client: TestClient) async throws -> [String] {
        var texts: [String] = []
        let request = HTTPRequest(
            "GET", client.baseURL + "/v1/rollouts/\(id)/events",
            headers: [HTTPField("Authorization", "Bearer \(client.token ?? "")")])
        for try await event in client.http.events(request, silenceMax: .seconds(60)) {
            let change = try JSONCoding.decode(RolloutChange.self, from: Array(event.data.utf8))
            texts.append(change.text)
            if change.state.isFinal { break }
        }
        return texts
    }

    @Test("A plan names the rollout that its start would end, and what was revoked is no way back")
    func plans() async throws {
        try await TestFleet.serving(2) { fleet, client, _ in
            for version in ["1.0", "1.1", "1.2"] {
                #expect(try await TestFleet.submit(version, by: client).status == 201)
            }
            _ = try await TestFleet.rollOut(TestFleet.definition("1.0"), by: client)
            let revoked = try await client.post(
                "/v1/releases/web/1.0/revoke",
                RevocationRequest(environment: EnvironmentName("staging"), reason: "it leaks"))
            #expect(revoked.status == 200)
            let running = try await client.startRollout(TestFleet.definition("1.1", Self.manual)).json(RolloutView.self)
            let next = try {
                var definition = try TestFleet.definition("1.2")
                definition.priority = 10
                return definition
            }()
            // The host has it before the controller knows.
            try await eventually { try await plan(next, client).hosts.contains { $0.backOutTo == "web@1.1" } }
            let view = try await plan(next, client)
            let ends = "Its start ends rollout \(running.id) of web@1.1, which is "
            #expect(view.warnings.contains { $0.hasPrefix(ends) })
            #expect(view.warnings.contains { $0.hasPrefix("1 host runs web@1.0, which was revoked: ") })
            let backTo = view.hosts.map(\.backOutTo)
            #expect(Set(backTo) == ["web@1.1", "what it had before web@1.0, which is revoked"])
            let shown = try await client.send("GET", "/v1/rollouts/\(running.id)").json(RolloutView.self)
            #expect(shown.hosts.allSatisfy { $0.isBeforeRevoked == true })
        }
    }

    @Test("A continuous rollout of a release that is overtaken already says so in its plan")
    func overtaken() async throws {
        try await TestFleet.serving(1) { _, client, _ in
            for version in ["1.0", "1.1"] { #expect(try await TestFleet.submit(version, by: client).status == 201) }
            let continuous = RolloutStrategy.continuous([PhaseDefinition(size: .percent(100))])
            let view = try await plan(TestFleet.definition("1.0", continuous), client)
            #expect(view.warnings.contains { $0.hasPrefix("web@1.1 is approved for staging already: ") })
            let newest = try await plan(TestFleet.definition("1.1", continuous), client)
            #expect(!newest.warnings.contains { $0.contains("is approved for staging already") })
        }
    }

    @Test(
        "Why names the command: promote for a phase that waits, resume for a pause; neither has a next attempt by itself"
    )
    func waitsForPerson() async throws {
        try await TestFleet.serving(2) { fleet, client, _ in
            #expect(try await TestFleet.submit("1.0", by: client).status == 201)
            let id = try await client.startRollout(TestFleet.definition("1.0", Self.manual)).json(RolloutView.self).id
            try await eventually { try await why("rollouts/\(id)/why", client).reasons.first?.what == "promotion" }
            let view = try await why("rollouts/\(id)/why", client)
            #expect(view.reasons.first?.remedy == "slipway rollout promote \(id)")
            #expect(view.nextAttemptAt == nil)
            let has = try await why("hosts/host1/why?release=web@1.0", client)
            #expect(has.reasons.map(\.text) == ["It runs web@1.0 and is healthy."])
            #expect(try await act("skip", id, client, hosts: [HostID("host2")]).status == 200)
            let skipped = try await why("hosts/host2/why?release=web@1.0", client)
            #expect(skipped.reasons.contains { $0.what == "outcome" && $0.text.contains("Was skipped: person:admin") })
            #expect(try await act("promote", id, client).status == 200)
            // Nobody is left in the second phase to judge it by: a person decides, and only then it ends.
            try await eventually { try await why("rollouts/\(id)/why", client).reasons.first?.what == "halted" }
            let empty = try #require(try await why("rollouts/\(id)/why", client).reasons.first)
            #expect(empty.text.contains("were skipped"), "\(empty.text)")
            #expect(try await act("resume", id, client).status == 200)
            let texts = try await changes(of: id, client)
            #expect(texts.contains { $0.hasSuffix("promoted by person:admin: looked at it") })
        }
    }

    @Test("A host that could not go back is shown with what its links show, not healthy, until it says that it is")
    func couldNotGoBack() async throws {
        try await TestFleet.serving(1) { fleet, client, running in
            for version in ["1.0", "2.0"] { #expect(try await TestFleet.submit(version, by: client).status == 201) }
            _ = try await TestFleet.rollOut(TestFleet.definition("1.0"), by: client)
            let agent = try #require(fleet.agents.first)
            let old = try #require(agent.installed)
            let id = try await TestFleet.rollOut(TestFleet.definition("2.0"), by: client).id
            func product() async throws -> HostProductView? {
                try await client.send("GET", "/v1/hosts/host1").json(HostView.self).products.first
            }
            #expect(try await product()?.running?.text == "2.0")
            // By hand, on the host: no rollout hears of it, and the verdict on the one that is over stands.
            let order = OrderID(rollout: try RolloutID("by-hand"), action: .backOut)
            let error = ReportedError(code: "agent.health.failed", summary: "answered 500", remedy: "")
            let (restored, left) = (old.release, ReleaseName(product: old.release.product, version: try .init("2.0")))
            let ill = InstalledRelease(release: restored, manifest: old.manifest, isHealthy: false)
            let evidence = FailureEvidence(step: .backingOut, error: error, logTail: "")
            func say(_ outcome: HostOutcome, of order: OrderID) async throws {
                let body = OrderOutcome(
                    order: order, release: left, outcome: outcome, running: ill, evidence: evidence)
                try await agent.say(.outcome(body), fleet.test, running)
            }
            try await say(.backOutFailed, of: order)
            var again = order
            again.attempt = 2
            try await say(.skipped("locked"), of: again)
            let stuck = try #require(try await product())
            #expect(stuck.running?.text == "1.0" && !stuck.isHealthy && stuck.lockedBy == order)
            for release in ["1.0", "2.0"] {
                let reasons = try await why("hosts/host1/why?release=web@\(release)", client).reasons
                let locked = try #require(reasons.first { $0.what == "locked" })
                #expect(locked.text.contains("by-hand") && locked.text.contains("answered 500"))
                #expect(locked.remedy?.contains("slipway-agent unlock web") == true)
                #expect(!reasons.contains { $0.text.contains("Runs the release") })
            }
            #expect(try await client.send("GET", "/v1/rollouts/\(id)").json(RolloutView.self).state == .succeeded)
            try await agent.say(
                .health(ProductHealth(running: old, detail: "every check passes again")), fleet.test, running)
            let well = try #require(try await product())
            #expect(well.isHealthy && well.lockedBy == nil && well.running?.text == "1.0")
        }
    }

    @Test("Why of a halt names the host that failed, and the command that gives it its order once more")
    func whoFailed() async throws {
        try await TestFleet.serving(3) { fleet, client, _ in
            #expect(try await TestFleet.submit("1.0", by: client).status == 201)
            let last = try #require(fleet.agents.last)
            last.become(.fails)
            let phases = RolloutStrategy.phased([
                PhaseDefinition(size: .count(1)), PhaseDefinition(size: .percent(100)),
            ])
            let id = try await client.startRollout(TestFleet.definition("1.0", phases)).json(RolloutView.self).id
            try await eventually { try await why("rollouts/\(id)/why", client).reasons.first?.what == "halted" }
            let failed = try await why("rollouts/\(id)/why", client).reasons.filter { $0.what == "failed" }
            #expect(failed.count == 1 && failed.first?.text.hasPrefix("\(last.host.id): Failed (health)") == true)
            #expect(failed.first?.remedy?.hasPrefix("slipway rollout retry \(id) \(last.host.id) ") == true)
        }
    }

    @Test(
        "Why of a rollout that ended well names a host that came late and failed: its step, and the last line of its log"
    )
    func lateFailure() async throws {
        let test = try TestController()
        try await test.run { running in
            var fleet = TestFleet(test)
            try await fleet.join(2, running)
            try await fleet.serving(running) { client in
                #expect(try await TestFleet.submit("1.0", by: client).status == 201)
                let id = try await TestFleet.rollOut(TestFleet.definition("1.0"), by: client).id
                #expect(try await why("rollouts/\(id)/why", client).reasons == [])
                var late = TestFleet(test)
                try await late.join(1, running, from: 3)
                let host = try #require(late.agents.first)
                host.become(.hangs)
                try await late.serving(running) { _ in
                    let inventory = HostInventory(
                        agentVersion: SlipwayVersion.text, machineID: "late", delivery: .push, installed: [])
                    try await host.say(.inventory(inventory), test, running)
                    try await eventually { host.orders.count == 1 }
                    let error = ReportedError(
                        code: "agent.health.failed", summary: "GET /healthz answered 503.",
                        remedy: "Look at the service.")
                    try await host.say(
                        .outcome(
                            OrderOutcome(
                                order: OrderID(rollout: id, action: .install), release: ReleaseName("web@1.0"),
                                outcome: .backedOut(.health), running: nil,
                                evidence: FailureEvidence(
                                    step: .checking, error: error, logTail: "starting\nno such table: users\n\n"))),
                        test,
                        running)
                    try await eventually { try await why("rollouts/\(id)/why", client).reasons.first?.what == "failed" }
                    let failed = try #require(try await why("rollouts/\(id)/why", client).reasons.first)
                    #expect(failed.text.hasPrefix("\(host.host.id): Failed (health)"), "\(failed.text)")
                    #expect(
                        failed.text.hasSuffix(
                            " At checking: GET /healthz answered 503. The last of its log: no such table: users"),
                        "\(failed.text)")
                    #expect(failed.remedy?.hasPrefix("slipway rollout retry \(id) \(host.host.id) ") == true)
                    #expect(failed.remedy?.contains("resumed") == false)
                    let other = try #require(fleet.agents.first)
                    #expect(try await why("hosts/\(other.host.id)/why?release=web@1.0", client).reasons.count == 1)
                }
            }
        }
    }

    @Test("A rollout that a freeze halted says when that was lifted, and that resuming it is left")
    func lifted() async throws {
        try await TestFleet.serving(2) { _, client, _ in
            #expect(try await TestFleet.submit("1.0", by: client).status == 201)
            let id = try await client.startRollout(TestFleet.definition("1.0", Self.manual)).json(RolloutView.self).id
            #expect(try await client.post("/v1/freezes", FreezeRequest(reason: "smoke")).status == 201)
            let frozen = try #require(try await why("rollouts/\(id)/why", client).reasons.first)
            #expect(frozen.text.contains("slipway freeze lift f1 --reason REASON comes first"))
            #expect(try await client.post("/v1/freezes/f1/lift", ReasonRequest(reason: "no fire")).status == 200)
            let halted = try #require(try await why("rollouts/\(id)/why", client).reasons.first)
            #expect(halted.what == "halted" && halted.text.contains("The freeze was lifted at "))
            #expect(halted.remedy?.hasPrefix("slipway rollout resume \(id) --reason REASON") == true)
        }
    }

    @Test("An environment, or a host of a rollout, that there is not is not found, before anything else is said")
    func notFound() async throws {
        try await TestFleet.serving(1) { _, client, _ in
            #expect(try await TestFleet.submit("1.0", by: client).status == 201)
            var definition = try TestFleet.definition("1.0")
            definition.environment = try EnvironmentName("prod")
            let nowhere = try await client.startRollout(definition)
            #expect(nowhere.status == 404 && nowhere.problemCode == "controller.request.environment")
            let id = try await TestFleet.rollOut(TestFleet.definition("1.0"), by: client).id
            for verb in ["retry", "skip", "back-out"] {
                let answer = try await act(verb, id, client, hosts: [HostID("nobody")])
                #expect(answer.status == 404, "\(verb)")
            }
        }
    }

    @Test("A plan that is stale says what differs in the words of rollout.yaml, and what may be accepted")
    func stale() async throws {
        try await TestFleet.serving(1) { _, client, _ in
            #expect(try await TestFleet.submit("1.0", by: client).status == 201)
            let agreed = try await plan(TestFleet.definition("1.0"), client)
            var other = try TestFleet.definition("1.0", Self.manual)
            other.limits.failureTolerance = Tolerance(percent: 20)
            let refused = try await client.post("/v1/rollouts?plan=\(agreed.digest)", other)
            let problem = try refused.json(Problem.self)
            #expect(problem.code == "controller.conflict.planChanged")
            #expect(problem.detail.contains("the strategy was bigBang, is phased [{ 1, promotion: manual }, 100%]"))
            #expect(problem.detail.contains("failureTolerance was not given, is 20%"))
            #expect(!problem.remedy.contains("--accept-host-changes"))
        }
    }

    @Test("What a rollout says of bandwidth and of stop hooks reaches its hosts, and its plan warns of the latter")
    func orders() async throws {
        try await TestFleet.serving(1) { fleet, client, _ in
            #expect(try await TestFleet.submit("1.0", by: client).status == 201)
            var definition = try TestFleet.definition("1.0")
            definition.limits.bandwidth = ByteCount(512 << 10)
            definition.ignoreStopFailure = true
            let warnings = try await plan(definition, client).warnings
            #expect(warnings.contains { $0.hasPrefix("A stop hook that fails is passed over") })
            #expect(try await TestFleet.rollOut(definition, by: client).state == .succeeded)
            let order = try #require(fleet.agents.first?.orders.first)
            #expect(order.bandwidth == ByteCount(512 << 10))
            #expect(order.ignoreStopFailure == true)

            // Of all that are changed at once; the lower counts.
            #expect(try await TestFleet.submit("2.0", by: client).status == 201)
            var next = try TestFleet.definition("2.0")
            next.limits.bandwidth = ByteCount(512 << 10)
            next.limits.totalBandwidth = ByteCount(256 << 10)
            #expect(try await TestFleet.rollOut(next, by: client).state == .succeeded)
            #expect(fleet.agents.first?.orders.last?.bandwidth == ByteCount(256 << 10))
        }
    }

    @Test("A rule is offered to be set aside only where the policy lets somebody do so, with the whole command")
    func overrides() async throws {
        try await TestFleet.serving(1) { _, client, _ in
            #expect(try await TestFleet.submit("1.0", by: client).status == 201)
            func remedy(_ overrides: String) async throws -> String {
                let text =
                    "environments: { staging: { windows: [never] } }\n"
                    + "windows: { never: { opens: \"2099-01-01 00:00\", for: 1h } }\n\(overrides)\n"
                let applied = try await client.post("/v1/policy", PolicyRequest(text: text, reason: "test"))
                #expect(applied.status == 201, "\(String(decoding: applied.body, as: UTF8.self))")
                let refused = try await client.startRollout(TestFleet.definition("1.0"))
                #expect(refused.status == 423)
                return try refused.json(Problem.self).remedy
            }
            #expect(try await remedy("overrides: { freeze: [admin] }").hasSuffix("lets nobody set aside window."))
            let offered = try await remedy("overrides: { window: [admin, releaseManager] }")
            #expect(offered.contains("(window: admin or releaseManager)"))
            let command = "slipway policy override web@1.0 --environment staging --rule window --reason REASON"
            #expect(offered.hasSuffix(command))
        }
    }
}
