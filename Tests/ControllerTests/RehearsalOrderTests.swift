import AgentProtocol
import ControllerAPI
import Effects
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

@Suite("Rehearsals that people order")
struct RehearsalOrderTests {
    /// Two hosts run web@1.0 and are connected; web@1.1 may go there. They take orders and say nothing by themselves.
    private func staged(
        _ hosts: Int = 2, _ test: TestController? = nil, _ body: (RehearsalStage) async throws -> Void
    ) async throws {
        let test = try test ?? TestController()
        try await test.run { running in
            var fleet = TestFleet(test)
            try await fleet.join(hosts, running)
            try await fleet.serving(running) { client in
                #expect(try await TestFleet.submit("1.0", by: client).status == 201)
                _ = try await TestFleet.rollOut(TestFleet.definition("1.0"), by: client)
                #expect(try await TestFleet.submit("1.1", by: client).status == 201)
                for agent in fleet.agents { agent.become(.hangs) }
                try await body(RehearsalStage(test: test, running: running, fleet: fleet, client: client))
            }
        }
    }

    /// Ordered with a plan for four hosts: one in the first phase, two at once in the second.
    private func phased(
        _ test: TestController? = nil, _ body: (RehearsalStage, RehearsalView, OrderID) async throws -> Void
    ) async throws {
        try await staged(4, test) { stage in
            let asked = try await stage.ask("all", in: "staging", plan: production()).json(RehearsalView.self)
            try await body(stage, asked, OrderID(rollout: asked.id, action: .install))
        }
    }

    @Test(
        "A host that is silent until the end of a plan's rehearsal has not proved it: the whole has failed, and names it"
    )
    func silent() async throws {
        let time = ManualTime(now: SystemTime().now())
        try await phased(TestController(time: time)) { stage, asked, order in
            for place in [0, 2] { try await stage.say(asked, place) }
            time.advance(by: .minutes(119))
            let states = try await stage.view(order).hosts.map(\.state)
            #expect(states == [.proved, .ordered, .proved, .ordered])
            try await stage.say(asked, 3)
            #expect(try await stage.view(order).evidence == nil)
            try await eventually {
                time.advance(by: .minutes(1))
                return try await stage.view(order).evidence != nil
            }
            let end = try await stage.view(order)
            #expect(end.isOver && end.hosts.map(\.state) == [.proved, .expired, .proved, .proved])
            let whole = try #require(try await stage.evidence.first { $0.id == end.evidence })
            #expect(whole.summary.result == .failed && whole.by == "engine")
            #expect(whole.summary.notes.last?.hasPrefix("phase 2: \(asked.hosts[1].host) expired, ") == true)
            // What it says now was said too late.
            try await stage.say(asked, 1)
            #expect(try await stage.view(order).hosts.map(\.state) == end.hosts.map(\.state))
            #expect(try await stage.evidence.count == 4)
            #expect(await stage.running.controller.state.openRehearsalIDs.isEmpty)
        }
    }

    @Test("Who is at work when the time of a plan's rehearsal is over is waited for as long as its order may take")
    func atWork() async throws {
        let time = ManualTime(now: SystemTime().now())
        try await phased(TestController(time: time)) { stage, asked, order in
            for place in [0, 2, 3] { try await stage.say(asked, place) }
            let step = OrderProgress(order: order, release: try ReleaseName("web@1.1"), step: .staged)
            let agent = try stage.host(asked, 1).client(stage.test, stage.running)
            let report = HostReport(sequence: 1, at: time.now(), body: .progress(step))
            #expect(try await agent.post("/v1/agent/reports", HostReportBatch(reports: [report])).status == 200)
            await agent.close()
            time.advance(by: .minutes(125))
            try await stage.say(asked, 1)
            let end = try await stage.view(order)
            #expect(end.isOver && end.hosts.map(\.state) == [.proved, .proved, .proved, .proved])
            let whole = try #require(try await stage.evidence.first { $0.id == end.evidence })
            #expect(whole.summary.result == .passed)
        }
    }

    @Test("A controller that was away when a plan's rehearsal ended hears its hosts first")
    func away() async throws {
        let time = ManualTime(now: SystemTime().now())
        let test = try TestController(time: time)
        var before: (fleet: TestFleet, asked: RehearsalView, order: OrderID)?
        try await phased(test) { stage, asked, order in before = (stage.fleet, asked, order) }
        let (fleet, asked, order) = try #require(before)
        time.advance(by: .hours(3))
        try await test.run { running in
            let client = try TestClient(test, running, token: test.adminToken)
            let stage = RehearsalStage(test: test, running: running, fleet: fleet, client: client)
            #expect(try await stage.view(order).evidence == nil)
            let broken = try await LifecycleTests.rehearsal(
                stage.host(asked, 0), of: stage.package, order: order, isProved: false)
            try await stage.say(order, broken, .backedOut(.health), by: stage.host(asked, 0))
            let end = try await stage.view(order)
            #expect(end.evidence != nil)
            #expect(end.hosts.map(\.state) == [.backedOut, .notReached, .notReached, .notReached])
            await client.close()
        }
    }

    @Test("The whole of a plan that was filed before its end could be written is not filed again")
    func once() async throws {
        try await phased { stage, asked, order in
            for place in [0, 1, 2] { try await stage.say(asked, place) }
            // As where another controller writes between the two: the host says its word again.
            let record = try #require(await stage.running.controller.state.rehearsals[asked.id])
            var after = record
            after.end(
                RehearsalEnded(rehearsal: asked.id, host: asked.hosts[3].host, outcome: .succeeded, isProved: true))
            let ended = after
            let whole = try await stage.running.controller.fileWhole(ended)
            try await stage.say(asked, 3)
            #expect(try await stage.view(order).evidence == whole)
            #expect(try await stage.evidence.filter { $0.by == "engine" }.map(\.id) == [whole])
        }
    }

    @Test(
        "A release whose file is closed while it is rehearsed takes no statement; the hosts' words are taken all the same",
        arguments: [true, false])
    func over(isDeclined: Bool) async throws {
        try await staged(4) { stage in
            let plan = LifecycleTests.plan("1.1").replacing("environment: staging", with: "environment: production")
            let planned = try await stage.client.post(LifecycleTests.base + "/plan", ReleasePlanRequest(text: plan))
            try #require(planned.status == 200, "\(String(decoding: planned.body, as: UTF8.self))")
            let asked = try await stage.ask("all", in: "staging", plan: production()).json(RehearsalView.self)
            let order = OrderID(rollout: asked.id, action: .install)
            try await stage.say(asked, 0)
            if isDeclined {
                let no = ReleaseDeclineRequest(stage: "board", reason: "no")
                #expect(try await stage.client.post(LifecycleTests.base + "/declines", no).status == 200)
            } else {
                try await stage.running.controller.tell(asked.release, .withdraw(reason: "no"), by: "ann")
            }
            for place in [1, 2] { try await stage.say(asked, place) }
            let end = try await stage.view(order)
            #expect(end.isOver && end.evidence == nil)
            #expect(end.hosts.map(\.state) == [.proved, .failed, .failed, .notReached])
            #expect(try await stage.evidence.count == 1)
            // Nothing of it comes again, and what hosts say of other things is taken.
            let hosts = await stage.running.controller.state.hosts
            for place in [0, 1, 2] { #expect(hosts[asked.hosts[place].host]?.lastReport == 100) }
            let inventory = HostInventory(agentVersion: "0.1.0", machineID: "m", delivery: .push, installed: [])
            let agent = try stage.host(asked, 2).client(stage.test, stage.running)
            let report = HostReport(sequence: 101, at: SystemTime().now(), body: .inventory(inventory))
            let answer = try await agent.post("/v1/agent/reports", HostReportBatch(reports: [report]))
            #expect(try answer.json(HostReportReceipt.self).acknowledged == 101)
            await agent.close()
        }
    }

    @Test("The host is ordered by name, what it signed is evidence once, and no rollout comes of it")
    func proved() async throws {
        try await staged { stage in
            let order = try await stage.ordered()
            let statement = try LifecycleTests.rehearsal(stage.host, of: try await stage.package, order: order)
            try await stage.say(order, statement)
            try await stage.say(order, statement)
            try await stage.say(order, statement, sequence: 101)
            let view = try await stage.view(order)
            #expect(view.isOver && view.hosts.map(\.state) == [.proved])
            #expect(view.hosts.first?.seen == ["install: succeeded"])
            let evidence = try await stage.evidence
            #expect(evidence.map(\.kind) == [.rehearsal] && evidence.map(\.by) == ["host:\(stage.host.id)"])
            #expect(evidence.first?.id == view.hosts.first?.evidence)
            let state = await stage.running.controller.state
            // The statement lies with the evidence, not a second time with the report.
            #expect(state.hosts[stage.host.id]?.outcomes[order]?.rehearsal == nil)
            #expect(state.rollouts.count == 1)
            // Who comes back hears nothing of it any more.
            #expect(try await stage.ask("id=host1", "web@1.1").status == 201)
        }
    }

    /// As for production: one host, then the others, two at once.
    private func production() throws -> RolloutDefinition {
        var plan = try TestFleet.definition("9.9", .phased([.init(size: .count(1)), .init(size: .percent(100))]))
        plan.environment = try EnvironmentName("production")
        plan.limits.parallelism = .count(2)
        return plan
    }

    private func ordered(_ stage: RehearsalStage) -> [Bool] {
        stage.fleet.agents.map { $0.orders.contains { $0.rehearses == true } }
    }

    @Test("A plan is rehearsed phase by phase, as many hosts at once as it says; the whole is one statement more")
    func phases() async throws {
        try await staged(4) { stage in
            let answer = try await stage.ask("all", in: "staging", plan: production())
            try #require(answer.status == 201, "\(String(decoding: answer.body, as: UTF8.self))")
            let asked = try answer.json(RehearsalView.self)
            #expect(asked.release == (try ReleaseName("web@1.1")) && asked.environment.text == "staging")
            #expect(asked.hosts.map(\.state) == [.ordered, .waiting, .waiting, .waiting])
            #expect(asked.hosts.map(\.phase) == ["pilot", "phase 2", "phase 2", "phase 2"])
            let order = OrderID(rollout: asked.id, action: .install)
            let package = try await stage.package
            var turns: [[Bool]] = []
            for view in asked.hosts {
                let agent = try #require(stage.fleet.agents.first { $0.host.id == view.host })
                try await eventually { agent.orders.contains { $0.order == order && $0.rehearses == true } }
                turns.append(ordered(stage))
                #expect(try await stage.view(order).evidence == nil)
                let statement = try LifecycleTests.rehearsal(agent.host, of: package, order: order)
                try await stage.say(order, statement, by: agent.host)
            }
            #expect(turns.map { $0.count { $0 } }.first == 1, "the pilot alone: \(turns)")
            #expect(turns.allSatisfy { $0.count { $0 } <= 4 } && turns[1].count { $0 } <= 3)
            let end = try await stage.view(order)
            #expect(end.isOver && end.hosts.allSatisfy { $0.state == .proved })
            let evidence = try await stage.evidence
            #expect(evidence.count == 5 && evidence.last?.id == end.evidence && evidence.last?.by == "engine")
            #expect(evidence.last?.summary.result == .passed && evidence.last?.about == asked.id.text)
            #expect(evidence.last?.summary.notes.count == 2)
            // Nothing of it is a rollout, and nothing was revoked by it.
            let state = await stage.running.controller.state
            #expect(state.rollouts.count == 1)
            #expect(state.releases[asked.release]?.revocation(in: asked.environment) == nil)
        }
    }

    @Test("A host that does not prove a plan ends its rehearsal: nobody begins after it, and the whole has failed")
    func broken() async throws {
        try await staged(4) { stage in
            let asked = try await stage.ask("all", in: "staging", plan: production()).json(RehearsalView.self)
            let order = OrderID(rollout: asked.id, action: .install)
            func say(_ place: Int, isProved: Bool) async throws {
                try await stage.say(asked, place, isProved: isProved)
            }
            try await say(0, isProved: true)
            #expect(
                try await stage.view(order).hosts.map(\.state) == [.proved, .ordered, .ordered, .waiting])
            try await say(1, isProved: false)
            #expect(
                try await stage.view(order).hosts.map(\.state) == [.proved, .backedOut, .ordered, .notReached])
            // It was at it already; its proof gives nobody a place.
            try await say(2, isProved: true)
            let end = try await stage.view(order)
            #expect(end.isOver && end.hosts.map(\.state) == [.proved, .backedOut, .proved, .notReached])
            let evidence = try await stage.evidence
            #expect(evidence.last?.id == end.evidence && evidence.last?.summary.result == .failed)
        }
    }

    @Test("A freeze holds whoever has not begun with a plan; once it is lifted the rehearsal goes on")
    func frozen() async throws {
        try await staged(3) { stage in
            let asked = try await stage.ask("all", in: "staging", plan: production()).json(RehearsalView.self)
            let order = OrderID(rollout: asked.id, action: .install)
            let pilot = try #require(stage.fleet.agents.first { $0.host.id == asked.hosts[0].host })
            try await eventually { pilot.orders.contains { $0.order == order } }
            let freeze = try await stage.client.post("/v1/freezes", FreezeRequest(reason: "stop"))
            let statement = try await LifecycleTests.rehearsal(pilot.host, of: stage.package, order: order)
            try await stage.say(order, statement, by: pilot.host)
            // What comes down a stream comes in its order: the end of the freeze, then what it held.
            #expect(ordered(stage).count { $0 } == 1)
            let id = try freeze.json(FreezeView.self).id
            let held = ordered(stage)
            #expect(try await stage.client.post("/v1/freezes/\(id)/lift", ReasonRequest(reason: "well")).status == 200)
            try await eventually { ordered(stage).allSatisfy { $0 } }
            #expect(held.count { $0 } == 1)
        }
    }

    @Test("A host that was away hears the order again when it is back")
    func again() async throws {
        try await staged { stage in
            let order = try await stage.ordered()
            let agent = TestAgent(stage.host, .hangs)
            let task = agent.serve(stage.test, stage.running)
            try await eventually { agent.orders.contains { $0.order == order && $0.rehearses == true } }
            task.cancel()
        }
    }

    @Test("No word but the host's own about this very order proves anything")
    func lies() async throws {
        try await staged { stage in
            let package = try await stage.package
            let other = stage.fleet.agents[1].host
            let lies: [(OrderID) throws -> EvidenceRequest?] = [
                // An agent that does not know what a rehearsal is.
                { _ in nil },
                { try LifecycleTests.rehearsal(stage.host, by: other, of: package, order: $0) },
                { try LifecycleTests.rehearsal(other, of: package, order: $0) },
                { _ in try LifecycleTests.rehearsal(stage.host, of: package) },
                { order in
                    var another = order
                    another.attempt = 2
                    return try LifecycleTests.rehearsal(stage.host, of: package, order: another)
                },
                { try LifecycleTests.rehearsal(stage.host, of: SHA256Digest(of: [1]), order: $0) },
            ]
            for (number, lie) in lies.enumerated() {
                let order = try await stage.ordered()
                try await stage.say(order, try lie(order), sequence: Int64(100 + number))
                #expect(try await stage.view(order).hosts.map(\.state) == [.failed], "\(number)")
            }
            let unasked = OrderID(rollout: try RolloutID("rehearsal-99-0000"), action: .install)
            try await stage.say(
                unasked, try LifecycleTests.rehearsal(stage.host, of: package, order: unasked), sequence: 200)
            #expect(try await stage.evidence.isEmpty)
            let order = try await stage.ordered()
            let failed = try LifecycleTests.rehearsal(stage.host, of: package, order: order, isProved: false)
            try await stage.say(order, failed, .backedOut(.health), sequence: 201)
            #expect(try await stage.view(order).hosts.map(\.state) == [.backedOut])
            #expect(try await stage.evidence.map(\.summary.result) == [.failed])
        }
    }

    @Test("What may not be installed is not rehearsed; nor what runs, where somebody is at it, or where people work")
    func refused() async throws {
        try await staged { stage in
            func refusal(_ answer: HTTPResponse) throws -> String { try answer.json(Problem.self).code }
            let live = try await stage.ask("id=host1", in: "production")
            #expect(try refusal(live) == "controller.conflict.rehearsalLive")
            let runs = try await stage.ask("id=host1", "web@1.0")
            #expect(try refusal(runs) == "controller.conflict.rehearsalRuns")
            #expect(try await stage.ask("id=nobody").status >= 400)
            _ = try await stage.ordered()
            #expect(try refusal(try await stage.ask()) == "controller.conflict.rehearsalBusy")
            let revoked = try await stage.client.post(
                "/v1/releases/web/1.1/revoke", RevocationRequest(environment: EnvironmentName("staging"), reason: "r"))
            #expect(revoked.status == 200)
            #expect(try refusal(try await stage.ask("id=host2")) == "controller.conflict.revoked")
            #expect(await stage.running.controller.state.rehearsals.count == 1)
        }
    }
}
