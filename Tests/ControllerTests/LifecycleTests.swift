import AgentProtocol
import ControllerAPI
import Effects
import Foundation
import ReleaseDefinition
import ReleaseTrust
import Testing

@testable import ControllerLibrary

@Suite("The record of a release on the controller")
struct LifecycleTests {
    static let junit = "<testsuite><testcase name=\"a\"/><testcase name=\"b\"/></testsuite>"

    static func plan(_ version: String, evidence: String = "[{ kind: tests }]", earlyLife: String = "1s") -> String {
        """
        release: web@\(version)
        category: minor
        environment: staging
        summary: A release for tests
        owner: web-team
        changes:
          - { id: CHG-1, summary: one, risk: low, committed: "2026-01-01T00:00:00Z" }
        approvals: [{ stage: board }]
        schedule: { from: "2020-01-01T00:00:00Z", until: "2090-01-01T00:00:00Z" }
        communication: [{ event: scheduled, to: [shop] }]
        backOut: { document: docs/back-out.md, decides: ann }
        backups: { notNeeded: no data }
        earlyLife: { for: \(earlyLife), handOverTo: desk }
        targets: { leadTime: 365d, duration: 1h, failures: 0 }
        evidence: \(evidence)
        """
    }

    static let base = "/v1/releases/web/1.1"

    static func unsigned(_ kind: EvidenceKind, _ document: String? = nil, about: String? = nil) -> EvidenceRequest {
        EvidenceRequest(
            unsigned: .init(kind: kind, about: about, result: .passed), documentName: document.map { _ in "document" },
            document: document.map { Data($0.utf8).base64EncodedString() })
    }

    @discardableResult
    private func post(_ path: String, _ body: some Encodable, _ client: TestClient) async throws -> LifecycleView {
        let response = try await client.post(path, body)
        try #require(response.status < 300, "\(path): \(String(decoding: response.body, as: UTF8.self))")
        return try response.json(LifecycleView.self)
    }

    private func view(_ client: TestClient) async throws -> LifecycleView {
        try await client.send("GET", Self.base + "/lifecycle").json(LifecycleView.self)
    }

    private func problem(_ response: HTTPResponse) throws -> Problem {
        try #require(response.status >= 400)
        return try response.json(Problem.self)
    }

    /// Planned, built, with evidence and approvals, as far as `scheduled`.
    func prepare(_ client: TestClient, plan: String = LifecycleTests.plan("1.1")) async throws {
        try await post(Self.base + "/plan", ReleasePlanRequest(text: plan), client)
        #expect(try await TestFleet.submit("1.1", by: client).status == 201)
        try await eventually { try await view(client).stage == .built }
        try await post(Self.base + "/evidence", Self.unsigned(.tests, Self.junit), client)
        let validated = try await post(Self.base + "/evidence", Self.unsigned(.rehearsal), client)
        #expect(validated.stage == .validated)
        let consent = ReleaseConsent(
            release: validated.release, stage: "board", plan: try #require(validated.approvalDigest),
            package: try #require(validated.package), validUntil: SystemTime().now() + .days(1))
        try await post(Self.base + "/authorisations", ReleaseConsentRequest(consent: consent), client)
        try await eventually { try await view(client).stage == .scheduled }
        #expect(try await client.post(Self.base + "/baselines", [String: String]()).status == 201)
    }

    @Test("From the plan to the closed file; closure is refused until everything is done; a restart changes nothing")
    func whole() async throws {
        let test = try TestController()
        var fleet = TestFleet(test)
        try await test.run { running in
            try await fleet.join(2, running)
            // What they are asked before the file is closed; without an answer it stays open.
            for agent in fleet.agents {
                agent.stand(HostFacts(sentAt: SystemTime().now(), freeSpace: nil, drifted: []))
            }
            try await fleet.serving(running) { client in
                try await prepare(client)
                let ready = try await view(client)
                #expect(ready.checklist.filter { !$0.isMet }.map(\.question) == [])
                let rollout = try await TestFleet.rollOut(TestFleet.definition("1.1"), by: client)
                #expect(rollout.state == .succeeded)
                try await eventually { try await view(client).stage == .earlyLifeSupport }
                let early = try problem(try await client.post(Self.base + "/close", [String: String]()))
                #expect(early.code == "lifecycle.close.refused" && early.status == 423)
                try await post(Self.base + "/evidence", Self.unsigned(.handOver, about: "desk"), client)
                try await eventually { try await view(client).stage == .operational }
                try await post(
                    Self.base + "/deviations", DeviationRequest(kind: .deviation, text: "later", owner: "ann"), client)
                try await post(Self.base + "/feedback", FeedbackRequest(text: "fine", score: 4), client)
                let conclusion = ReleaseReviewRequest(conclusion: "well", lessons: ["begin earlier"])
                try await post(Self.base + "/review", conclusion, client)
            }
        }
        try await test.run { running in
            try await fleet.serving(running) { client in
                #expect(try await view(client).stage == .reviewed)
                let open = try problem(try await client.post(Self.base + "/close", [String: String]()))
                #expect(open.cause?.contains("open: d1 (later)") == true)
                try await post(Self.base + "/deviations/d1/resolve", DeviationResolveRequest(action: "noted"), client)
                let closed = try await post(Self.base + "/close", [String: String](), client)
                #expect(closed.stage == .closed)
                let review = try await client.send("GET", Self.base + "/review").json(ReleaseReviewView.self)
                #expect(review.filled * 100 >= review.fields.count * 90 - 100, "\(review.fields)")
                #expect(review.fields.first { $0.name == "outcome" }?.isKept == true)
                let after = try problem(try await client.post(Self.base + "/close", [String: String]()))
                #expect(after.code == "lifecycle.close.closed")
            }
        }
    }

    @Test("Without evidence and approval a planned release does not start, and the refusal names every command")
    func gated() async throws {
        try await TestFleet.serving(1) { _, client, running in
            try await post(Self.base + "/plan", ReleasePlanRequest(text: Self.plan("1.1")), client)
            #expect(try await TestFleet.submit("1.1", by: client).status == 201)
            let refused = try problem(try await client.startRollout(TestFleet.definition("1.1")))
            #expect(refused.code == "lifecycle.deploy.refused" && refused.status == 423)
            #expect(refused.cause?.contains("slipway release evidence add web@1.1 --kind tests") == true)
            #expect(try await running.controller.state.rollouts.isEmpty)
        }
    }

    @Test("Drift that a host reports keeps the file open")
    func drift() async throws {
        try await TestFleet.serving(1) { fleet, client, _ in
            try await prepare(client)
            _ = try await TestFleet.rollOut(TestFleet.definition("1.1"), by: client)
            try await post(Self.base + "/evidence", Self.unsigned(.handOver, about: "desk"), client)
            try await eventually { try await view(client).stage == .operational }
            try await post(Self.base + "/review", ReleaseReviewRequest(conclusion: "well"), client)
            let product = try ProductName("web")
            fleet.agents[0].stand(
                HostFacts(sentAt: SystemTime().now(), freeSpace: nil, drifted: [product]))
            let refused = try problem(try await client.post(Self.base + "/close", [String: String]()))
            #expect(refused.cause?.contains("drift: files were changed on") == true)
            fleet.agents[0].stand(HostFacts(sentAt: SystemTime().now(), freeSpace: nil, drifted: []))
            #expect(try await post(Self.base + "/close", [String: String](), client).stage == .closed)
        }
    }

    @Test("A host that could not be taken back keeps the file open, until something has mended it")
    func leftBehind() async throws {
        try await TestFleet.serving(2) { fleet, client, _ in
            for agent in fleet.agents {
                agent.stand(HostFacts(sentAt: SystemTime().now(), freeSpace: nil, drifted: []))
            }
            #expect(try await TestFleet.submit("1.0", by: client).status == 201)
            _ = try await TestFleet.rollOut(TestFleet.definition("1.0"), by: client)
            try await prepare(client, plan: Self.plan("1.1", earlyLife: "1d"))
            let rollout = try await TestFleet.rollOut(TestFleet.definition("1.1"), by: client)
            fleet.agents[1].become(.staysBehind)
            let verb = RolloutVerbRequest(reason: "errors", scope: .rollout)
            #expect(try await client.post("/v1/rollouts/\(rollout.id)/back-out", verb).status == 200)
            // It halts for a person each time that the host is tried again, and goes on without it in the end.
            let path = "/v1/rollouts/\(rollout.id)"
            try await eventually {
                let state = try await client.send("GET", path).json(RolloutView.self).state
                if state == .halted {
                    let goOn = RolloutVerbRequest(reason: "the other one can go back")
                    #expect(try await client.post(path + "/resume", goOn).status == 200)
                }
                return state.isFinal
            }
            #expect(fleet.agents.map { $0.running?.version.text } == ["1.0", "1.1"])

            try await eventually { try await view(client).stage == .backedOut }
            try await post(Self.base + "/review", ReleaseReviewRequest(conclusion: "it went wrong"), client)
            for open in try await view(client).deviations where open.resolution == nil {
                let action = DeviationResolveRequest(action: "noted")
                try await post(Self.base + "/deviations/\(open.id)/resolve", action, client)
            }
            let refused = try problem(try await client.post(Self.base + "/close", [String: String]()))
            #expect(refused.cause?.contains("\(fleet.agents[1].host.id) runs it still") == true, "\(refused)")
            fleet.agents[1].become(.obeys)
            #expect(try await TestFleet.submit("1.2", by: client).status == 201)
            _ = try await TestFleet.rollOut(TestFleet.definition("1.2"), by: client)
            #expect(try await post(Self.base + "/close", [String: String](), client).stage == .closed)
        }
    }

    @Test("Evidence edited by one byte, in the envelope or in the document, is refused and nothing is kept")
    func edited() async throws {
        let test = try TestController()
        try await test.run { running in
            let client = try TestClient(test, running, token: test.adminToken)
            #expect(try await TestFleet.submit("1.1", by: client).status == 201)
            let added = try await post(Self.base + "/evidence", Self.unsigned(.tests, Self.junit), client)
            let record = try #require(added.evidence.first)
            let path = "\(Self.base)/evidence/\(record.id.short)"
            let envelope = try JSONValue(parsing: try await client.send("GET", path).body)
            let document = try await client.send("GET", path + "?part=document").body
            #expect(String(decoding: document, as: UTF8.self) == Self.junit)
            let good = EvidenceRequest(
                envelope: envelope, documentName: "x", document: Data(document).base64EncodedString())
            #expect(try await client.post(Self.base + "/evidence", good).status == 201)
            for place in [0, document.count / 2, document.count - 1] {
                var edited = document
                edited[place] ^= 1
                var request = good
                request.document = Data(edited).base64EncodedString()
                let refused = try problem(try await client.post(Self.base + "/evidence", request))
                #expect(refused.code == "lifecycle.evidence.altered")
            }
            let text = try #require(envelope["payload"]?.stringValue)
            let payload = try #require(Data(base64Encoded: text))
            for place in stride(from: 0, to: payload.count, by: max(1, payload.count / 20)) {
                var edited = [UInt8](payload)
                edited[place] ^= 1
                var request = good
                request.envelope = .object([
                    JSONMember("payload", .string(Data(edited).base64EncodedString())),
                    JSONMember("payloadType", envelope["payloadType"] ?? .null),
                    JSONMember("signatures", envelope["signatures"] ?? .null),
                ])
                let refused = try problem(try await client.post(Self.base + "/evidence", request))
                #expect(refused.code == "controller.access.evidence")
            }
            #expect(try await view(client).evidence.count == 1)
            await client.close()
        }
    }

    @Test("A stranger's key states nothing")
    func stranger() async throws {
        let test = try TestController()
        try await test.run { running in
            let client = try TestClient(test, running, token: test.adminToken)
            #expect(try await TestFleet.submit("1.1", by: client).status == 201)
            let key = try SigningKey(pem: KeyGeneration.ed25519PrivateKeyPEM())
            let envelope = try DSSEEnvelope.sign(
                Array("{}".utf8), type: "application/vnd.in-toto+json", keys: [key])
            let refused = try problem(
                try await client.post(Self.base + "/evidence", EvidenceRequest(envelope: envelope.json)))
            #expect(refused.code == "controller.access.evidence" && refused.status == 403)
            await client.close()
        }
    }

    /// What slipway-agent rehearse would have signed.
    static func rehearsal(
        _ host: TestHost, by key: TestHost? = nil, of package: SHA256Digest, order: OrderID? = nil,
        isProved: Bool = true
    ) throws -> EvidenceRequest {
        let ordered = try order.map {
            "\"order\":" + String(decoding: try JSONCoding.value(of: $0).wireBytes, as: UTF8.self) + ","
        }
        let predicate = """
            {\(ordered ?? "")"host":"\(host.id)","environment":"staging","agentVersion":"0.1.0","startedAt":"2026-11-21T10:00:00Z",\
            "steps":[{"what":"install","outcome":"succeeded","endedAt":"2026-11-21T10:00:01Z"}],"before":{},\
            "differences":[],"notCompared":[],"isProved":\(isProved)}
            """
        let payload = """
            {"_type":"https://in-toto.io/Statement/v1","predicate":\(predicate),\
            "predicateType":"urn:slipway:predicate:rehearsal:v1",\
            "subject":[{"digest":{"sha256":"\(package.hex)"},"name":"web@1.1"}]}
            """
        var envelope = DSSEEnvelope(
            payloadType: "application/vnd.in-toto+json", payload: Array(payload.utf8), signatures: [])
        let signer = key ?? host
        let signature = try EllipticKey(pem: signer.keyPEM).sign(Array(envelope.preAuthenticationEncoding))
        envelope.signatures = [DSSEEnvelope.Signature(keyID: "", bytes: signature)]
        var request = EvidenceRequest(envelope: envelope.json)
        // The leaf alone, as an agent sends it.
        let end = "-----END CERTIFICATE-----\n"
        request.certificate = signer.response.certificate.components(separatedBy: end)[0] + end
        return request
    }

    @Test("What a host saw when it rehearsed is evidence under its own key; nobody says it for another host")
    func rehearsed() async throws {
        let test = try TestController()
        try await test.run { running in
            let client = try TestClient(test, running, token: test.adminToken)
            #expect(try await TestFleet.submit("1.1", by: client).status == 201)
            try await eventually { try await view(client).package != nil }
            let package = try #require(try await view(client).package)
            let (host, other) = (try await TestHost.join(test, running), try await TestHost.join(test, running))
            let kept = try await post(Self.base + "/evidence", Self.rehearsal(host, of: package), client)
            let record = try #require(kept.evidence.last)
            #expect(record.kind == .rehearsal && record.by == "host:\(host.id)" && record.about == host.id.text)
            #expect(record.summary.result == .passed && record.summary.notes == ["install: succeeded"])
            let failed = try await post(
                Self.base + "/evidence", Self.rehearsal(host, of: package, isProved: false), client)
            #expect(failed.evidence.last?.summary.result == .failed)

            let lie = try Self.rehearsal(host, by: other, of: package)
            let refused = try problem(try await client.post(Self.base + "/evidence", lie))
            #expect(refused.code == "controller.access.rehearsal" && refused.status == 403)
            // A host's key says nothing but what it rehearsed.
            var bare = try Self.rehearsal(host, of: package)
            bare.certificate = nil
            let unknown = try problem(try await client.post(Self.base + "/evidence", bare))
            #expect(unknown.code == "controller.access.evidence")
            let stranger = try Self.rehearsal(host, of: SHA256Digest(of: [1]))
            #expect(
                try problem(try await client.post(Self.base + "/evidence", stranger)).code
                    == "lifecycle.evidence.package")
            #expect(try await view(client).evidence.count == 2)
            await client.close()
        }
    }

    @Test("Where something of a bill of materials is running")
    func materials() async throws {
        try await TestFleet.serving(1) { _, client, _ in
            #expect(try await TestFleet.submit("1.1", by: client).status == 201)
            _ = try await TestFleet.rollOut(TestFleet.definition("1.1"), by: client)
            let spdx =
                "{\"spdxVersion\":\"SPDX-2.3\",\"packages\":[{\"name\":\"openssl\",\"versionInfo\":\"3.0.11\"}]}"
            try await post(Self.base + "/evidence", Self.unsigned(.billOfMaterials, spdx), client)
            let places = try await client.send("GET", "/v1/cmdb/places?material=openssl")
                .json(ListView<MaterialPlaceView>.self).items
            #expect(places.map(\.version) == ["3.0.11"])
            #expect(places.first?.hosts.count == 1)
            let items = try await client.send("GET", "/v1/cmdb/items").json(ListView<ConfigurationItem>.self).items
            #expect(items.map(\.kind) == [.host, .service, .unit])
            let csv = String(decoding: try await client.send("GET", "/v1/cmdb/items.csv").body, as: UTF8.self)
            #expect(csv.split(separator: "\r\n").count == 4)
        }
    }

    @Test("A closed release takes a bill of materials, and nothing else")
    func materialsOfClosed() async throws {
        try await TestFleet.serving(1) { fleet, client, _ in
            fleet.agents[0].stand(HostFacts(sentAt: SystemTime().now(), freeSpace: nil, drifted: []))
            try await prepare(client)
            _ = try await TestFleet.rollOut(TestFleet.definition("1.1"), by: client)
            try await post(Self.base + "/evidence", Self.unsigned(.handOver, about: "desk"), client)
            try await eventually { try await view(client).stage == .operational }
            try await post(Self.base + "/review", ReleaseReviewRequest(conclusion: "well"), client)
            #expect(try await post(Self.base + "/close", [String: String](), client).stage == .closed)
            let spdx =
                "{\"spdxVersion\":\"SPDX-2.3\",\"packages\":[{\"name\":\"xz\",\"versionInfo\":\"5.6\"}]}"
            try await post(Self.base + "/evidence", Self.unsigned(.billOfMaterials, spdx), client)
            let places = try await client.send("GET", "/v1/cmdb/places?material=xz")
                .json(ListView<MaterialPlaceView>.self).items
            #expect(places.map(\.version) == ["5.6"] && places.first?.hosts.count == 1)
            let late = try await client.post(Self.base + "/evidence", Self.unsigned(.tests, Self.junit))
            #expect(try problem(late).code == "lifecycle.evidence.over")
            #expect(try await view(client).stage == .closed)
        }
    }

    @Test("A contract that one plan named stays known behind a newer plan that names none, or another")
    func contracts() async throws {
        let test = try TestController()
        try await test.run { running in
            let client = try TestClient(test, running, token: test.adminToken)
            let plans = [
                ("1.1", "[{ name: gold, change: changed }]"), ("1.2", "[]"),
                ("1.3", "[{ name: archive, change: unchanged }]"),
            ]
            for (version, contracts) in plans {
                let plan = Self.plan(version).replacing("approvals:", with: "contracts: \(contracts)\napprovals:")
                #expect(try await TestFleet.submit(version, by: client).status == 201)
                try await post("/v1/releases/web/\(version)/plan", ReleasePlanRequest(text: plan), client)
            }
            let items = try await client.send("GET", "/v1/cmdb/items").json(ListView<ConfigurationItem>.self).items
            #expect(items.filter { $0.kind == .contract }.map(\.id) == ["contract:archive", "contract:gold"])
            await client.close()
        }
    }
}
