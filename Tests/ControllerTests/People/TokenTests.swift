import AgentProtocol
import ControllerAPI
import Effects
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

@Suite("People and their tokens")
struct TokenTests {
    private let reason = HostReasonRequest(reason: "left the team")

    @Test("A token is shown once, kept as a hash, and does what its person's grants say until it expires")
    func life() async throws {
        let time = ManualTime(now: SystemTime().now())
        let test = try TestController(time: time)
        try await test.run { running in
            let admin = try TestClient(test, running, token: test.adminToken)
            let made = try await admin.post("/v1/tokens", TokenRequest(person: "alice", lifetime: .days(30)))
            #expect(made.status == 201)
            let token = try made.json(NewToken.self)
            let alice = try TestClient(test, running, token: token.token)
            #expect(try await alice.send("GET", "/v1/hosts").problemCode == "controller.access.permission")
            #expect(try await admin.post("/v1/grants", GrantRequest(person: "alice", set: "viewer")).status == 201)
            #expect(try await alice.send("GET", "/v1/hosts").status == 200)
            let listed = try await admin.send("GET", "/v1/tokens")
            #expect(!String(decoding: listed.body, as: UTF8.self).contains(token.token))
            for name in try running.controller.folder.directory.list() where name.name.hasPrefix("events.sqlite") {
                let bytes = try running.controller.folder.directory.read(name.name, sizeMax: ByteCount(64 << 20))
                #expect(bytes.firstRange(of: Array(token.token.utf8)) == nil)
            }
            time.setNow(time.now() + .days(30))
            #expect(try await alice.send("GET", "/v1/hosts").problemCode == "controller.access.token")
            await admin.close()
            await alice.close()
        }
    }

    @Test(
        "A revoked token, and a console session that began with it, are refused at the next request, and after a restart"
    )
    func revoked() async throws {
        let test = try TestController()
        let token = try await test.run { running in
            let admin = try TestClient(test, running, token: test.adminToken)
            let token = try await Self.person("alice", ["viewer"], admin)
            let browser = try TestClient(test, running)
            let form = HTTPField("Content-Type", "application/x-www-form-urlencoded")
            let signedIn = try await browser.send(
                "POST", "/console/sign-in", headers: [form], bytes: Array("token=\(token.token)".utf8))
            let cookie = try #require(signedIn.head["set-cookie"]?.split(separator: ";").first.map(String.init))
            let session = [HTTPField("Cookie", cookie)]
            #expect(try await browser.send("GET", "/console/live", headers: session).status == 200)
            #expect(try await admin.post("/v1/tokens/\(token.id)/revoke", reason).status == 200)
            #expect(try await browser.send("GET", "/console/live", headers: session).status == 401)
            await admin.close()
            await browser.close()
            return token
        }
        try await test.run { running in
            let alice = try TestClient(test, running, token: token.token)
            #expect(try await alice.send("GET", "/v1/hosts").status == 401)
            await alice.close()
        }
    }

    @Test("What a person asks for is in the log before anything is done, and a refusal is there too")
    func audit() async throws {
        let test = try TestController()
        try await test.run { running in
            let admin = try TestClient(test, running, token: test.adminToken)
            let token = try await Self.person("alice", ["operator"], admin)
            let alice = try TestClient(test, running, token: token.token)
            let before = await running.controller.store.sequence
            let invitation = InvitationRequest(environment: try EnvironmentName("staging"))
            #expect(try await alice.post("/v1/hosts/invitations", invitation).status == 201)
            #expect(
                try await alice.post("/v1/tokens", TokenRequest(person: "mallory", lifetime: .days(1))).status == 403)
            #expect(try await alice.send("GET", "/v1/hosts").status == 200)
            let entries = try await running.controller.auditEntries(after: before, limit: 10)
            #expect(entries.map(\.action) == ["request.allowed", "hosts.invited", "request.refused"])
            #expect(entries.allSatisfy { $0.actor == "person:alice" })
            #expect(entries.first?.object == "POST /v1/hosts/invitations")
            let head = try await admin.send("GET", "/v1/audit/head").json(AuditHead.self)
            #expect(head.sequence == before + 3)
            await admin.close()
            await alice.close()
        }
    }

    @Test("Where the log cannot be written, nothing is done")
    func noLogNoAct() async throws {
        let test = try TestController()
        try await test.run { running in
            let admin = try TestClient(test, running, token: test.adminToken)
            try await running.controller.store.close()
            let invitation = InvitationRequest(environment: try EnvironmentName("staging"))
            #expect(try await admin.post("/v1/hosts/invitations", invitation).status == 500)
            #expect(await running.controller.state.invitations.isEmpty)
            await admin.close()
        }
    }

    @Test("The last administrator cannot be taken away; another one first, and it can")
    func lastAdministrator() async throws {
        let test = try TestController()
        try await test.run { running in
            let admin = try TestClient(test, running, token: test.adminToken)
            let refused = try await admin.post("/v1/tokens/admin/revoke", reason)
            #expect(refused.problemCode == "controller.conflict.lastAdministrator")
            let token = try await Self.person("alice", ["admin"], admin)
            #expect(try await admin.post("/v1/tokens/admin/revoke", reason).status == 200)
            let alice = try TestClient(test, running, token: token.token)
            let grants = try await alice.send("GET", "/v1/grants").json(ListView<GrantView>.self)
            let own = try #require(grants.items.first { $0.person == "alice" })
            let last = try await alice.post("/v1/grants/\(own.id)/remove", reason)
            #expect(last.problemCode == "controller.conflict.lastAdministrator")
            await admin.close()
            await alice.close()
        }
    }

    @Test("In the profile regulated nobody is approver and release manager of the same place")
    func bothHands() async throws {
        let people = try TestPeople(.regulated)
        let clash = "controller.conflict.bothHands"
        try await people.run { (_, admin: TestClient) async throws -> Void in
            let first = try await Self.grant("approver", "web", admin)
            #expect(first.status == 201)
            let same = try await Self.grant("releaseManager", "web", admin)
            #expect(same.problemCode == clash)
            let everywhere = try await Self.grant("releaseManager", nil, admin)
            #expect(everywhere.problemCode == clash)
            let other = try await Self.grant("releaseManager", "shop", admin)
            #expect(other.status == 201)
        }
    }

    private static func grant(_ set: String, _ product: String?, _ admin: TestClient) async throws -> HTTPResponse {
        let product = try product.map { try ProductName($0) }
        return try await admin.post("/v1/grants", GrantRequest(person: "alice", set: set, product: product))
    }

    /// A person with these sets everywhere, and a token.
    static func person(_ name: String, _ sets: [String], _ admin: TestClient) async throws -> NewToken {
        for set in sets {
            let response = try await admin.post("/v1/grants", GrantRequest(person: name, set: set))
            try #require(response.status == 201)
        }
        return try await admin.post("/v1/tokens", TokenRequest(person: name, lifetime: .days(1))).json(NewToken.self)
    }
}
