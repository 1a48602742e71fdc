import ControllerAPI
import Effects
import ReleaseDefinition
import ReleaseTrust
import Testing

@testable import ControllerLibrary

@Suite("Keys: replaced, taken away, apart from one another")
struct KeyCeremonyTests {
    private func edits(_ edits: RoleEdit...) throws -> MetadataChangeRequest {
        MetadataChangeRequest(edits: try edits.map { try JSONCoding.value(of: $0) }, reason: "a test")
    }

    private func open(_ client: TestClient, _ request: MetadataChangeRequest) async throws -> MetadataChangeView {
        let answer = try await client.post("/v1/keys/changes", request)
        return try #require(try answer.json(ListView<MetadataChangeView>.self).items.first)
    }

    @Test("A new online key is made by the controller, and is in force once root has signed; the old one is deleted")
    func onlineKey() async throws {
        let people = try TestPeople()
        try await people.run { running, client in
            func names() throws -> [String] { try running.controller.folder.directory.list("keys").map(\.name) }
            let view = try await client.post("/v1/keys/rotate", OnlineRotationRequest(role: "timestamp"))
                .json(KeysView.self)
            #expect(try names().count == 4)
            let change = try #require(view.changes.first)
            // Until then the old key signs on.
            _ = try await people.sign(change, by: "approver-1", client: client)
            #expect(await running.controller.repository.version(ofRole: "root") == 1)
            let done = try await people.sign(change, by: "root-2", client: client).json(MetadataChangeView.self)
            #expect(done.state == .published)
            #expect(try names().count == 3 && !names().contains("timestamp.pem"))
            try await people.approve("1.0", client: client)
            #expect(try await client.send("GET", "/repository/metadata/2.root.json").status == 200)
        }
    }

    private func newApprovers() throws -> RoleEdit {
        let holders = try ["a1", "a2"].map { KeyHolder(name: $0, key: try TestPeople.ownKey($0).publicKey) }
        return .delegatedKeys(.init(approvers: RoleSigners(holders, threshold: 2)))
    }

    @Test("A role that is published while new keys of its approvers wait for signatures is signed again with them")
    func overtakenRotation() async throws {
        let people = try TestPeople()
        try await people.run { running, client in
            try await people.approve("1.0", client: client)
            let rotation = try await open(client, edits(try newApprovers()))
            #expect(rotation.candidates.map(\.role) == ["targets", "staging-web"])
            _ = try await TestPeople.sign(
                rotation, with: [people.key("targets"), TestPeople.ownKey("a1")], client: client)

            let production = PromotionRequest(environment: try EnvironmentName("production"))
            #expect(try await client.post("/v1/releases/web/1.0/promote", production).status == 200)
            for name in ["approver-1", "approver-2"] {
                let change = try await TestPeople.candidate("web@1.0", "production", client: client)
                #expect(try await people.sign(change, by: name, client: client).status == 200)
            }
            #expect(await running.controller.repository.version(ofRole: "production-web") == 1)

            let late = try await TestPeople.sign(rotation, with: [TestPeople.ownKey("a2")], client: client)
            #expect(late.problemCode == "controller.conflict.changeEdited")
            let anew = try await client.send("GET", "/v1/keys/changes/\(rotation.id)").json(MetadataChangeView.self)
            #expect(anew.candidates.map(\.role) == ["targets", "staging-web", "production-web"])
            #expect(anew.standings.map(\.votes) == [0, 0, 0])
            let keys = try [people.key("targets"), TestPeople.ownKey("a1"), TestPeople.ownKey("a2")]
            let done = try await TestPeople.sign(anew, with: keys, client: client).json(MetadataChangeView.self)
            #expect(done.state == .published)
            #expect(await running.controller.repository.refusals(at: SystemTime().now()).isEmpty)
            let doctor = try await client.send("GET", "/v1/doctor").json(DoctorReport.self)
            #expect(!doctor.findings.contains { $0.check == .repository && $0.level != .good })
            #expect(doctor.findings.contains { $0.summary.hasPrefix("every role is signed") })
        }
    }

    @Test("A rotation that was overtaken when the controller ended is written anew when it begins, with its signers")
    func overtakenBeforeStart() async throws {
        let people = try TestPeople()
        let id = try await people.run { running, client in
            try await people.approve("1.0", client: client)
            let rotation = try await open(client, edits(try newApprovers()))
            let controller = running.controller
            let submitted = try #require(await controller.state.releases.values.first?.submitted)
            let approval = RoleEdit.approve(
                .init(
                    place: .environment(try EnvironmentName("production")), release: submitted.release,
                    manifest: submitted.manifest, length: submitted.manifestLength))
            // As a version did that left the rotation as it was.
            let (repository, keys, now) = (await controller.repository, await controller.keys, SystemTime().now())
            let proposal = try #require(
                try RepositoryWriter.propose([approval], in: repository, signers: ProductSigners(keys), at: now))
            let signatures = try RepositoryWriter.sign(
                proposal, in: repository, by: [people.key("approver-1"), people.key("approver-2")])
            let change = try RepositoryWriter.publish(
                proposal, signatures: signatures, to: repository, keys: keys, at: now)
            try await controller.commit([], metadata: [change], at: now)
            return rotation.id
        }
        try await people.run { _, client in
            let anew = try await client.send("GET", "/v1/keys/changes/\(id)").json(MetadataChangeView.self)
            #expect(anew.candidates.map(\.role) == ["targets", "staging-web", "production-web"])
            #expect(anew.standings.allSatisfy { !$0.signers.isEmpty })
            let keys = try [people.key("targets"), TestPeople.ownKey("a1"), TestPeople.ownKey("a2")]
            let done = try await TestPeople.sign(anew, with: keys, client: client).json(MetadataChangeView.self)
            #expect(done.state == .published)
        }
    }

    @Test("Keys that were taken out of the folder are forgotten, and remembered as having been there")
    func offline() async throws {
        let test = try TestController()
        try await test.run { running in
            let client = try TestClient(test, running, token: test.adminToken)
            _ = try await TestFleet.submit("1.0", by: client)
            let team = ProfileRequest(profile: .team)
            #expect(try await client.post("/v1/keys/profile", team).problemCode == "controller.conflict.profile")
            let folder = running.controller.folder.directory
            for name in ["root", "targets", "releases", "emergency"] { try folder.removeFile("keys/\(name).pem") }
            let view = try await client.post("/v1/keys/reload", ReasonRequest(reason: "a test")).json(KeysView.self)
            #expect(view.claims.map(\.isEarned).prefix(2) == [true, false])
            let second = try await TestFleet.submit("1.1", by: client).json(ReleaseView.self)
            #expect(second.environments.isEmpty && second.waiting.count == 1)
            // Off the controller, and still one person alone: that is no team.
            let single = try await client.post("/v1/keys/profile", team).json(Problem.self)
            #expect(single.detail.contains("slipway keys rotate releases --threshold 2"), "\(single.detail)")
            await client.close()
        }
    }

    @Test("Who submitted a release does not approve it, and a rollout waits for another person's authorisation")
    func regulated() async throws {
        let people = try TestPeople(.regulated) { plan in
            // The test's token is admin's: the person of that name is the author.
            let keys = try ["admin", "bob", "carol"].map { name in
                KeyHolder(name: name, key: try TestPeople.ownKey(name).publicKey)
            }
            plan.approvers = keys
        }
        try await people.run { running, client in
            _ = try await TestFleet.submit("1.0", by: client)
            let change = try await TestPeople.candidate("web@1.0", client: client)
            func sign(_ name: String) async throws -> HTTPResponse {
                let candidate = try #require(change.candidates.first)
                let own = try MetadataCandidate(role: candidate.role, signed: candidate.signed)
                    .signature(by: TestPeople.ownKey(name))
                let upload = RoleSignatureView(role: own.role, keyID: own.keyID, signature: own.signature)
                return try await client.post(
                    "/v1/keys/changes/\(change.id)/signatures",
                    SignatureUpload(digest: try #require(change.digest), signatures: [upload]))
            }
            #expect(try await sign("admin").problemCode == "controller.access.author")
            #expect(try await sign("bob").status == 200)
            #expect(try await sign("carol").status == 200)

            let definition = try TestFleet.definition("1.0")
            _ = try await TestHost.join(people.test, running, labels: [:])
            let refused = try await client.startRollout(definition)
            #expect(refused.status == 423)
            #expect(refused.problemCode == "controller.approval.authorisation")
            let plan = try await client.post("/v1/rollouts/plans", definition).json(RolloutPlanView.self)
            #expect(plan.needsAuthorisation && plan.authorisedBy.isEmpty)
            func authorise(_ name: String, _ digest: SHA256Digest) async throws -> HTTPResponse {
                let consent = RolloutConsent(plan: digest, validUntil: SystemTime().now() + .days(30))
                let envelope = try DSSEEnvelope.sign(
                    JSONCoding.canonicalBytes(of: consent), type: RolloutConsent.payloadType,
                    keys: [TestPeople.ownKey(name)])
                return try await client.post(
                    "/v1/rollouts/plans/\(plan.digest)/authorisations", RolloutAuthorisation(envelope: envelope.json))
            }
            let other = SHA256Digest(of: [1])
            #expect(try await authorise("bob", other).problemCode == "controller.access.authorisation")
            #expect(try await authorise("mallory", plan.digest).problemCode == "controller.access.authorisation")
            #expect(try await authorise("admin", plan.digest).problemCode == "controller.access.author")
            let yes = try await authorise("bob", plan.digest).json(RolloutPlanView.self)
            #expect(yes.authorisedBy == ["bob"])
            // Seven days at most, whatever was signed.
            #expect(try #require(yes.authorisedUntil) < SystemTime().now() + .days(8))
            #expect(try await client.startRollout(definition).status == 201)
        }
    }
}
