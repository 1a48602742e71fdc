import AgentProtocol
import ControllerAPI
import Effects
import ReleaseDefinition
import Testing

@testable import AgentLibrary
@testable import ControllerLibrary

@Suite("One certificate authority after another")
struct AuthorityRotationTests {
    private func keep(_ agent: EnrolledAgent) -> Task<Void, Never> { Task { await agent.keeper.run() } }

    @Test(
        "Hosts hear of it, renew, and nobody is cut off; then the old authority is dropped and its certificates refused"
    )
    func rotate() async throws {
        let test = try TestController()
        try await test.run { running in
            let controller = running.controller
            let one = try await EnrolledAgent(test, running, join: test.invitation(running))
            let two = try await EnrolledAgent(test, running, join: test.invitation(running))
            let oldIdentity = try one.stored
            let first = try await controller.rotateAuthority(by: "person:admin")
            #expect(first.waitingFor == [one.id, two.id].sorted())
            await #expect(throws: ControllerError.self) { _ = try await controller.rotateAuthority(by: "person:admin") }
            await #expect(throws: ControllerError.self) {
                _ = try await controller.finishAuthority(.init(), by: "person:admin")
            }
            let tasks = [keep(one), keep(two)]
            for agent in [one, two] {
                // What a pulling host is told by its receipt, a pushed one by its stream too.
                let receipt = try await agent.hello().json(HostReportReceipt.self)
                #expect(receipt.renew == true)
                agent.keeper.requests.ask()
            }
            try await eventually {
                for agent in [one, two] where try await agent.hello().status != 200 { return false }
                return try await controller.authorityView().waitingFor.isEmpty
            }
            // Both are in the bundle; who joins now is of the new one already.
            #expect(try one.stored.authorities.split(separator: "BEGIN CERTIFICATE").count == 3)
            let three = try await EnrolledAgent(test, running, join: test.invitation(running))
            #expect(try await controller.authorityView().waitingFor.isEmpty)
            let done = try await controller.finishAuthority(.init(), by: "person:admin")
            #expect(done.authority == first.next && done.next == nil)
            for agent in [one, two, three] { #expect(try await agent.hello().status == 200) }
            let left = try LiveHTTP(identity: oldIdentity.tls, userAgent: "old")
            await #expect(throws: EffectsError.self, "the server is of an authority that it never heard of") {
                _ = try await left.send(HTTPRequest("GET", one.keeper.controller + "/livez"))
            }
            await left.shutdown()
            for task in tasks { task.cancel() }
            for agent in [one, two, three] { await agent.end() }
        }
    }

    @Test("Hosts that have not renewed are named, and left behind only knowingly; a restart in between changes nothing")
    func leaveBehind() async throws {
        let test = try TestController()
        let host = try await test.run { running in
            let host = try await TestHost.join(test, running)
            _ = try await running.controller.rotateAuthority(by: "person:admin")
            return host
        }
        try await test.run { running in
            let client = try host.client(test, running)
            #expect(try await client.post("/v1/agent/reports", HostReportBatch(reports: [])).status == 200)
            let admin = try TestClient(test, running, token: test.adminToken)
            let refused = try await admin.post("/v1/hosts/authority/finish", AuthorityFinishRequest())
            #expect(refused.status == 409)
            #expect(String(decoding: refused.body, as: UTF8.self).contains(host.id.text))
            let done = try await admin.post(
                "/v1/hosts/authority/finish", AuthorityFinishRequest(leaveBehind: true))
            #expect(done.status == 200)
            await client.close()
            await admin.close()
        }
        let authority = try ControllerDirectory.open(test.folder.path).text("ca/authority.pem")
        #expect(authority != test.authority)
        try await test.run { running in
            let new = try TestClient(test, running, authority: authority, token: test.adminToken)
            #expect(try await new.send("GET", "/v1/hosts").status == 200)
            await new.close()
        }
    }

    @Test("A crash while the new authority's files are moved into place is completed at the next start")
    func crash() async throws {
        let test = try TestController()
        let folder = try ControllerDirectory.open(test.folder.path)
        let next = try await test.run { running in
            let view = try await running.controller.rotateAuthority(by: "person:admin")
            // The decision, and the key's file; then the lights go out.
            try await running.controller.commit(
                .authorityAdopted(.init(authority: #require(view.next), left: [])), by: "person:admin",
                at: test.time.now())
            try folder.writeSecret("ca/authority.key.pem", folder.text("ca/next.key.pem"))
            return view.next
        }
        try await test.run { running in
            let view = try await running.controller.authorityView()
            #expect(view.authority == next && view.next == nil)
            let host = try await TestHost.join(
                test, running, authority: try folder.text("ca/authority.pem"))
            #expect(host.response.environment.text == "staging")
        }
    }

    @Test("The server's own certificate is renewed ahead of its end, and open streams stay")
    func serverCertificate() async throws {
        // Renewed from 60 days before its end on.
        let time = ManualTime(now: SystemTime().now() - .days(320))
        let test = try TestController(time: time)
        try await test.run { running in
            time.advance(by: .days(300))
            let agent = try await EnrolledAgent(test, running, join: test.invitation(running))
            let before = try await running.controller.tlsMaterial().certificate
            let stream = Task {
                let request = HTTPRequest("GET", agent.keeper.controller + "/v1/agent/stream")
                for try await _ in agent.http.events(request, silenceMax: .seconds(120)) {}
            }
            try await eventually { running.controller.hub.isOnline(agent.id) }
            time.advance(by: .days(10))
            await running.controller.renewServerCertificateWhereDue()
            let after = try await running.controller.tlsMaterial().certificate
            #expect(after != before)
            #expect(running.controller.hub.isOnline(agent.id), "nobody is cut off")
            #expect(try await Handshake.serverCertificate(port: running.port) == after)
            stream.cancel()
            await agent.end()
        }
    }
}
