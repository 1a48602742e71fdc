import ControllerAPI
import Effects
import ReleaseDefinition
import ReleaseTrust
import Testing

@testable import ControllerLibrary

@Suite("Whoever holds a key may send its signatures")
struct SignerRightsTests {
    private func client(
        _ name: String, _ set: String, _ scope: PermissionScope = .everything, _ people: TestPeople,
        _ running: TestController.Running, _ admin: TestClient
    ) async throws -> TestClient {
        let request = GrantRequest(
            person: name, set: set, product: scope.product, environment: scope.environment, hosts: scope.hosts)
        try #require(try await admin.post("/v1/grants", request).status == 201)
        return try TestClient(people.test, running, token: try await TokenTests.person(name, [], admin).token)
    }

    @Test("An approver of one product in one environment signs there, also a renewal, and nowhere else")
    func approver() async throws {
        let people = try TestPeople(products: ["web", "shop"])
        try await people.run { running, admin in
            #expect(try await TestFleet.submit("1.0", by: admin).status == 201)
            let (web, staging) = (try ProductName("web"), try EnvironmentName("staging"))
            let own = try await client(
                "ann", "approver", PermissionScope(product: web, environment: staging), people, running, admin)
            let others = [
                try await client(
                    "bob", "approver", PermissionScope(product: ProductName("shop")), people, running, admin),
                try await client(
                    "carl", "approver", PermissionScope(environment: EnvironmentName("production")), people, running,
                    admin),
            ]
            let change = try await TestPeople.candidate("web@1.0", client: admin)
            for other in others {
                let refused = try await people.sign(change, by: "approver-1", client: other)
                #expect(refused.problemCode == "controller.access.scope")
                #expect(
                    try await other.send("GET", "/v1/keys/changes/\(change.id)").problemCode
                        == "controller.access.scope")
            }
            #expect(try await own.send("GET", "/v1/keys/changes/\(change.id)").status == 200)
            #expect(try await people.sign(change, by: "approver-1", client: own).status == 200)
            let done = try await people.sign(change, by: "approver-2", client: own)
            #expect(try done.json(MetadataChangeView.self).state == .published)

            // A renewal of the role, and what is of keys.
            let renewal = MetadataChangeRequest(
                edits: [try JSONCoding.value(of: RoleEdit.renew(role: "staging-web"))], reason: "r")
            let renewed = try await admin.post("/v1/keys/changes", renewal).json(ListView<MetadataChangeView>.self)
            let first = try #require(renewed.items.first)
            #expect(try await people.sign(first, by: "approver-1", client: own).status == 200)
            let ofRoot = MetadataChangeRequest(
                edits: [try JSONCoding.value(of: RoleEdit.renew(role: "root"))], reason: "r")
            let root = try await admin.post("/v1/keys/changes", ofRoot).json(ListView<MetadataChangeView>.self)
            let second = try #require(root.items.first)
            #expect(
                try await people.sign(second, by: "root-1", client: own).problemCode == "controller.access.scope")
            #expect(try await people.sign(second, by: "root-1", client: admin).status == 200)
            for one in [own] + others { await one.close() }
        }
    }

    @Test("Emergency people sign for a hot fix with the permission set emergency alone; a viewer's token sends nothing")
    func emergency() async throws {
        let people = try TestPeople(.regulated)
        try await people.run { running, admin in
            #expect(try await TestFleet.submit("1.0.1", by: admin).status == 201)
            let eve = try await client(
                "eve", "emergency", PermissionScope(product: ProductName("web")), people, running, admin)
            let viewer = try await client("vic", "viewer", .everything, people, running, admin)
            let asked = try await eve.post("/v1/releases/web/1.0.1/emergency", EmergencyApprovalRequest(reason: "r"))
            #expect(asked.status == 200)
            let change = try await TestPeople.candidate("web@1.0.1", "emergency", client: eve)
            #expect(
                try await people.sign(change, by: "emergency-1", client: viewer).problemCode
                    == "controller.access.permission")
            #expect(try await people.sign(change, by: "emergency-1", client: eve).status == 200)
            let done = try await people.sign(change, by: "emergency-2", client: eve)
            #expect(try done.json(MetadataChangeView.self).state == .published)
            // The right to send signatures is no right to approve.
            #expect(
                try await eve.post(
                    "/v1/releases/web/1.0.1/promote", PromotionRequest(environment: EnvironmentName("production"))
                ).problemCode == "controller.access.permission")
            await eve.close()
            await viewer.close()
        }
    }

    @Test("An approver of one place looks at its frozen plans and authorises them, and no others")
    func plans() async throws {
        let people = try TestPeople(.regulated)
        try await people.run { running, admin in
            _ = try await TestHost.join(people.test, running, labels: ["name": "host1"])
            try await people.approve("1.0", client: admin)
            let planned = try await admin.post("/v1/rollouts/plans", TestFleet.definition("1.0"))
                .json(RolloutPlanView.self)
            let web = PermissionScope(product: try ProductName("web"), environment: try EnvironmentName("staging"))
            let own = try await client("ann", "approver", web, people, running, admin)
            let other = try await client(
                "bob", "approver", PermissionScope(product: ProductName("shop")), people, running, admin)
            let path = "/v1/rollouts/plans/\(planned.digest)"
            #expect(try await other.send("GET", path).problemCode == "controller.access.scope")
            #expect(try await own.send("GET", path).status == 200)
            let consent = RolloutConsent(plan: planned.digest, validUntil: SystemTime().now() + .hours(1))
            let envelope = try DSSEEnvelope.sign(
                JSONCoding.canonicalBytes(of: consent), type: RolloutConsent.payloadType,
                keys: [people.key("approver-3")])
            let body = RolloutAuthorisation(envelope: envelope.json)
            #expect(try await other.post(path + "/authorisations", body).problemCode == "controller.access.scope")
            let given = try await own.post(path + "/authorisations", body).json(RolloutPlanView.self)
            #expect(given.authorisedBy == ["approver-3"])
            // Who authorised it does not start it alone: that takes two people.
            let starter = try await client("approver-3", "operator", web, people, running, admin)
            let alone = try await starter.post("/v1/rollouts?plan=\(planned.digest)", TestFleet.definition("1.0"))
            #expect(alone.problemCode == "controller.approval.authorisation")
            #expect(try alone.json(Problem.self).detail.hasPrefix("Only person:approver-3 has authorised"))
            await starter.close()
            let started = try await admin.post("/v1/rollouts?plan=\(planned.digest)", TestFleet.definition("1.0"))
            #expect(started.status == 201)
            await own.close()
            await other.close()
        }
    }
}
