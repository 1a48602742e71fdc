import AgentProtocol
import ControllerAPI
import Effects
import ReleaseDefinition
import Testing

@testable import AgentLibrary
@testable import ControllerLibrary

@Suite("Hosts that are not believed")
struct StandingTests {
    private let reason = HostReasonRequest(reason: "the disk was stolen")

    /// Whether the stream ended, and what it said before.
    private func lastWord(_ agent: EnrolledAgent, after begin: @Sendable () async throws -> Void) async throws
        -> IdentityNotice?
    {
        var notice: IdentityNotice?
        let request = HTTPRequest("GET", agent.keeper.controller + "/v1/agent/stream")
        async let act: Void = begin()
        do {
            for try await event in agent.http.events(request, silenceMax: .seconds(60)) {
                let data = try JSONValue(parsing: Array(event.data.utf8))
                if case .identity(let it) = AgentOrder(eventName: event.name, data: data) { notice = it }
            }
        } catch {}
        try await act
        return notice
    }

    @Test(
        "A revoked host: its stream ends within 5 s and says why, every request is refused, its id is never given again"
    )
    func revoked() async throws {
        let test = try TestController()
        try await test.run { running in
            let agent = try await EnrolledAgent(
                test, running, join: test.invitation(running, labels: ["name": "web1"]))
            let admin = try TestClient(test, running, token: test.adminToken)
            let reason = reason
            let notice = try await lastWord(agent) {
                try await eventually { running.controller.hub.isOnline(agent.id) }
                #expect(try await admin.post("/v1/hosts/web1/revoke", reason).status == 200)
                // Not within 5 s, but before the answer: no clock is needed to see it.
                #expect(!running.controller.hub.isOnline(agent.id))
            }
            #expect(notice?.code == "controller.access.hostRevoked")
            let refused = try await agent.hello()
            #expect(refused.status == 403)
            #expect(refused.problemCode == "controller.access.hostRevoked")
            await #expect(throws: AgentError.self) { try await agent.keeper.renew() }
            let again = try await admin.post(
                "/v1/hosts/invitations",
                InvitationRequest(environment: EnvironmentName("staging"), labels: ["name": "web1"]))
            #expect(again.problemCode == "controller.conflict.hostID")
            let view = try await admin.send("GET", "/v1/hosts/web1").json(HostView.self)
            #expect(view.standing == .revoked && view.notice?.summary.contains("stolen") == true)
            await admin.close()
            await agent.end()
        }
    }

    @Test(
        "A retired host is refused; its machine joins again as another host, in the same folder and keeping what runs")
    func retired() async throws {
        let test = try TestController()
        try await test.run { running in
            let agent = try await EnrolledAgent(test, running, join: test.invitation(running))
            let reason = reason
            _ = try await running.controller.retireHost(agent.id, reason, by: "person:admin")
            #expect(try await agent.hello().problemCode == "controller.access.hostRetired")
            let other = try await agent.joinAgain(test, running)
            #expect(other.id != agent.id)
            #expect(try await other.hello().status == 200)
            #expect(other.configuration.root == agent.configuration.root)
            await agent.end()
            await other.end()
        }
    }

    @Test("What was decided about a host holds after a restart of the controller")
    func restart() async throws {
        let test = try TestController()
        let host = try await test.run { running in
            let host = try await TestHost.join(test, running)
            _ = try await running.controller.revokeHost(host.id, reason, by: "person:admin")
            return host
        }
        try await test.run { running in
            let client = try host.client(test, running)
            let response = try await client.post("/v1/agent/reports", HostReportBatch(reports: []))
            #expect(response.problemCode == "controller.access.hostRevoked")
            await client.close()
        }
    }

    @Test("A revoked or retired host is in no new rollout")
    func rollout() async throws {
        try await TestFleet.serving(2) { _, admin, _ in
            _ = try await TestFleet.submit("1.0", by: admin)
            #expect(try await admin.post("/v1/hosts/host2/revoke", reason).status == 200)
            let view = try await TestFleet.rollOut(TestFleet.definition("1.0"), by: admin)
            #expect(view.hosts.map(\.host.text) == ["host1"])
        }
    }

    @Test("Whoever may only look cannot take a host's identity away")
    func permissions() async throws {
        let test = try TestController()
        let controller = try Controller(directory: test.folder.path)
        for route in ControllerRoutes.all(controller) where route.path.hasPrefix("/v1/hosts") && route.method == .post {
            let needed: Permission = route.path.contains("/authority/") ? .administer : .manageHosts
            #expect(route.access == .person(needed), "\(route.path)")
        }
    }
}

@Suite("R30: one identity, two lives")
struct DuplicateTests {
    private func session(_ machine: String, _ process: String) -> AgentSession {
        AgentSession(machine: machine, boot: "b", process: process)
    }

    @Test("Restarts, reconnects and late words of a dead agent are no copy")
    func noFalseAlarm() throws {
        var watch = DuplicateWatch()
        let host = try HostID("web1")
        for process in 1...100 {
            let one = session("m", "p\(process)")
            for _ in 1...10 { #expect(watch.heard(one, of: host) == nil) }
            // What the one before sent on its two connections comes late.
            guard process > 1 else { continue }
            for _ in 1...2 {
                #expect(watch.heard(session("m", "p\(process - 1)"), of: host) == nil)
                #expect(watch.heard(one, of: host) == nil)
            }
        }
    }

    @Test(
        "A copied host: both are quarantined and told the cure, neither gets orders, and a person can end it",
        arguments: ["m1", "m2"])
    func copied(machine: String) async throws {
        let test = try TestController()
        try await test.run { running in
            let first = try await EnrolledAgent(test, running, join: test.invitation(running))
            let copy = try EnrolledAgent(of: first, session: session(machine, "p2"))
            var answers: [HTTPResponse] = []
            for _ in 1...4 {
                answers.append(try await first.hello())
                answers.append(try await copy.hello())
            }
            let refused = try #require(answers.last)
            #expect(refused.status == 403 && refused.problemCode == "controller.access.hostQuarantined")
            #expect(try await first.hello().problemCode == "controller.access.hostQuarantined")
            let view = try await running.controller.hostView(first.id)
            #expect(view.standing == .quarantined)
            #expect(view.notice?.remedy.contains("slipway hosts unlock \(first.id)") == true)
            // No new certificate either: neither over the connection nor by proof.
            await #expect(throws: AgentError.self) { try await first.keeper.renew() }
            _ = try await running.controller.unlockHost(
                first.id, HostReasonRequest(reason: "the copy is gone"), by: "person:admin")
            #expect(try await first.hello().status == 200)
            let actions = try await running.controller.store.entries(after: 0, limit: 100).map(\.action)
            #expect(actions.contains("host.quarantined") && actions.contains("host.unlocked"))
            await first.end()
            await copy.end()
        }
    }

    @Test("A copy that renewed first: the other's certificate is void, and it is told what to do")
    func copyRenewed() async throws {
        let test = try TestController()
        try await test.run { running in
            let first = try await EnrolledAgent(test, running, join: test.invitation(running))
            let copied = try first.stored
            try await first.keeper.renew()
            #expect(try await first.hello().status == 200)
            let copy = try LiveHTTP(identity: copied.tls, userAgent: "copy")
            let response = try await copy.send(
                HTTPRequest(
                    "POST", first.keeper.controller + "/v1/agent/reports",
                    body: JSONCoding.value(of: HostReportBatch(reports: [])).wireBytes))
            #expect(response.problemCode == "controller.access.certificateSuperseded")
            await copy.shutdown()
            await first.end()
        }
    }
}
