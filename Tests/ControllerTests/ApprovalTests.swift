import ControllerAPI
import Effects
import ReleaseDefinition
import ReleaseTrust
import Testing

@testable import ControllerLibrary

@Suite("Approvals by people")
struct ApprovalTests {
    @Test("A submitted release waits until two of three have signed, and only then is it published")
    func twoOfThree() async throws {
        let people = try TestPeople()
        try await people.run { running, client in
            let submitted = try await TestFleet.submit("1.0", by: client)
            #expect(submitted.status == 201)
            let view = try submitted.json(ReleaseView.self)
            #expect(view.environments.isEmpty)
            #expect(view.waiting.map(\.votes) == [0] && view.waiting.map(\.threshold) == [2])
            let refused = try await client.startRollout(TestFleet.definition("1.0"))
            #expect(refused.status == 423)
            #expect(refused.problemCode == "controller.approval.missing")

            let first = try await people.sign(
                TestPeople.candidate("web@1.0", client: client), by: "approver-1", client: client)
            #expect(try first.json(MetadataChangeView.self).standings.map(\.votes) == [1])
            let after = try await client.send("GET", "/v1/releases/web/1.0").json(ReleaseView.self)
            #expect(after.waiting.map(\.signedBy) == [["approver-1"]])
            #expect(await running.controller.repository.version(ofRole: "staging-web") == 0)

            let second = try await people.sign(
                TestPeople.candidate("web@1.0", client: client), by: "approver-3", client: client)
            #expect(try second.json(MetadataChangeView.self).state == .published)
            let approved = try await client.send("GET", "/v1/releases/web/1.0").json(ReleaseView.self)
            #expect(approved.environments.map(\.environment.text) == ["staging"] && approved.waiting.isEmpty)
            let role = try await client.send("GET", "/repository/metadata/1.staging-web.json")
            let envelope = try JSONValue(parsing: role.body)
            #expect(envelope["signatures"]?.arrayValue?.count == 2)
        }
    }

    @Test("Nothing counts but a valid signature of a key of the role, once for each person")
    func badSignatures() async throws {
        let people = try TestPeople()
        try await people.run { running, client in
            _ = try await TestFleet.submit("1.0", by: client)
            let change = try await TestPeople.candidate("web@1.0", client: client)
            let digest = try #require(change.digest)
            let candidate = try #require(change.candidates.first)
            func post(_ key: SigningKey, _ signature: String? = nil, digest: SHA256Digest) async throws -> HTTPResponse
            {
                let own = try MetadataCandidate(role: candidate.role, signed: candidate.signed).signature(by: key)
                let upload = RoleSignatureView(
                    role: own.role, keyID: own.keyID, signature: signature ?? own.signature)
                return try await client.post(
                    "/v1/keys/changes/\(change.id)/signatures", SignatureUpload(digest: digest, signatures: [upload]))
            }
            let approver = try people.key("approver-1")
            let targets = try people.key("targets")
            #expect(try await post(targets, digest: digest).problemCode == "controller.access.signature")
            let wrong = String(repeating: "0", count: 128)
            #expect(try await post(approver, wrong, digest: digest).problemCode == "controller.access.signature")
            let other = SHA256Digest(of: [1])
            #expect(try await post(approver, digest: other).problemCode == "controller.conflict.changeEdited")
            #expect(try await post(approver, digest: digest).status == 200)
            // The same again adds nothing.
            let again = try await post(approver, digest: digest).json(MetadataChangeView.self)
            #expect(again.standings.map(\.votes) == [1] && again.state == .open)
            #expect(await running.controller.repository.version(ofRole: "staging-web") == 0)
        }
    }

    @Test("A second release of the product waits for the first, and is written on top of it")
    func serialised() async throws {
        let people = try TestPeople()
        try await people.run { running, client in
            _ = try await TestFleet.submit("1.0", by: client)
            let first = try await TestPeople.candidate("web@1.0", client: client)
            _ = try await TestFleet.submit("2.0", by: client)
            let queued = try await TestPeople.candidate("web@2.0", client: client)
            #expect(queued.state == .queued && queued.candidates.isEmpty)
            _ = try await people.sign(first, by: "approver-1", client: client)
            _ = try await people.sign(first, by: "approver-2", client: client)
            let second = try await TestPeople.candidate("web@2.0", client: client)
            #expect(second.state == .open && second.candidates.first?.signed["version"]?.integerValue == 2)
            #expect(second.candidates.first?.signed["targets"]?.objectValue?.count == 2)
            _ = try await people.sign(second, by: "approver-1", client: client)
            _ = try await people.sign(second, by: "approver-2", client: client)
            #expect(await running.controller.repository.version(ofRole: "staging-web") == 2)
        }
    }

    @Test("A new product needs the targets key once; release and delegation are published together")
    func delegation() async throws {
        let people = try TestPeople(products: [])
        try await people.run { running, client in
            _ = try await TestFleet.submit("1.0", by: client)
            let change = try await TestPeople.candidate("web@1.0", client: client)
            #expect(change.candidates.map(\.role) == ["targets", "staging-web"])
            _ = try await people.sign(change, by: "approver-1", client: client)
            _ = try await people.sign(change, by: "approver-2", client: client)
            #expect(await running.controller.repository.version(ofRole: "targets") == 1)
            let done = try await people.sign(change, by: "targets", client: client).json(MetadataChangeView.self)
            #expect(done.state == .published)
            #expect(await running.controller.repository.version(ofRole: "staging-web") == 1)
        }
    }

    @Test("What waits for signatures is still there after a restart, with those that were given")
    func restart() async throws {
        let people = try TestPeople()
        try await people.run { _, client in
            _ = try await TestFleet.submit("1.0", by: client)
            let change = try await TestPeople.candidate("web@1.0", client: client)
            _ = try await people.sign(change, by: "approver-1", client: client)
        }
        try await people.run { _, client in
            let change = try await TestPeople.candidate("web@1.0", client: client)
            let done = try await people.sign(change, by: "approver-2", client: client)
            #expect(try done.json(MetadataChangeView.self).state == .published)
        }
    }

    @Test("Withdrawal and floor need the approvers; a withdrawn release is not rolled out again")
    func withdrawal() async throws {
        let people = try TestPeople()
        try await people.run { running, client in
            try await people.approve("1.0", client: client)
            try await people.approve("2.0", client: client)
            let body = WithdrawalRequest(environment: try EnvironmentName("staging"), reason: "loses orders")
            #expect(try await client.post("/v1/releases/web/1.0/withdraw", body).status == 200)
            let change = try await TestPeople.candidate("web@1.0", client: client)
            _ = try await people.sign(change, by: "approver-1", client: client)
            _ = try await people.sign(change, by: "approver-2", client: client)
            let view = try await client.send("GET", "/v1/releases/web/1.0").json(ReleaseView.self)
            #expect(view.environments.first?.withdrawnAt != nil)
            let refused = try await client.startRollout(TestFleet.definition("1.0"))
            #expect(refused.status == 423 && refused.problemCode == "controller.approval.withdrawn")
            let again = try await client.post(
                "/v1/releases/web/1.0/promote", PromotionRequest(environment: try EnvironmentName("staging")))
            #expect(again.problemCode == "trust.writer.withdrawn")
            #expect(again.status == 409)
            #expect(try await client.post("/v1/releases/web/2.0/floor", body).status == 200)
            #expect(
                await running.controller.state.openChanges.map(\.summary) == ["nothing of web below 2.0 in staging"])
        }
    }

    @Test(
        "A withdrawal that must wait for another change of its role names it; an approval that waits is dropped instead"
    )
    func queuedWithdrawal() async throws {
        let people = try TestPeople()
        try await people.run { _, client in
            try await people.approve("1.0", client: client)
            _ = try await TestFleet.submit("2.0", by: client)
            let body = WithdrawalRequest(environment: try EnvironmentName("staging"), reason: "loses orders")
            let asked = try await client.post("/v1/releases/web/2.0/withdraw", body)
            #expect(asked.problemCode == "controller.conflict.notApproved")
            #expect(try await client.post("/v1/releases/web/1.0/withdraw", body).status == 200)
            let queued = try await TestPeople.candidate("web@1.0", client: client)
            let first = try await TestPeople.candidate("web@2.0", client: client)
            #expect(queued.state == .queued && queued.waitsFor?.map(\.id) == [first.id] && first.waitsFor == nil)
            let reason = ReasonRequest(reason: "a test")
            #expect(try await client.post("/v1/keys/changes/\(first.id)/drop", reason).status == 200)
            let open = try await TestPeople.candidate("web@1.0", client: client)
            #expect(open.state == .open && open.waitsFor == nil)
        }
    }

    @Test("keys status earns the claims that the keys bear out, and names what is missing")
    func claims() async throws {
        func earned(_ client: TestClient) async throws -> [Bool] {
            try await client.send("GET", "/v1/keys").json(KeysView.self).claims.map(\.isEarned)
        }
        let solo = try TestController()
        try await solo.run { running in
            let client = try TestClient(solo, running, token: solo.adminToken)
            #expect(try await earned(client) == [false, false, false, false, false, false])
            await client.close()
        }
        try await TestPeople().run { _, client in
            let team = try await earned(client)
            #expect(team == [true, true, true, false, false, false])
        }
        try await TestPeople(.regulated).run { _, client in
            let regulated = try await earned(client)
            #expect(regulated == [true, true, true, true, true, true])
        }
    }
}
