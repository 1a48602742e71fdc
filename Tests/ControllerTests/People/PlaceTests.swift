import AgentProtocol
import ControllerAPI
import Effects
import ReleaseDefinition
import ReleaseTrust
import Testing

@testable import ControllerLibrary

@Suite("Rights end where their place ends")
struct PlaceTests {
    private func client(
        _ name: String, _ sets: [String], _ scope: PermissionScope = .everything, _ test: TestController,
        _ running: TestController.Running, _ admin: TestClient
    ) async throws -> TestClient {
        for set in sets {
            let request = GrantRequest(
                person: name, set: set, product: scope.product, environment: scope.environment, hosts: scope.hosts)
            try #require(try await admin.post("/v1/grants", request).status == 201)
        }
        return try TestClient(test, running, token: try await TokenTests.person(name, [], admin).token)
    }

    private func withdrawal(_ environment: String) throws -> WithdrawalRequest {
        WithdrawalRequest(environment: try EnvironmentName(environment), reason: "loses orders")
    }

    private func floor(_ environment: String) throws -> FloorRequest {
        FloorRequest(environment: try EnvironmentName(environment), reason: "older ones lose orders")
    }

    @Test("To revoke is not to withdraw: where the controller holds the approvers' keys, only approvers get them")
    func withdrawing() async throws {
        let test = try TestController()
        try await test.run { running in
            let admin = try TestClient(test, running, token: test.adminToken)
            #expect(try await TestFleet.submit("1.0", by: admin).status == 201)
            let before = await running.controller.repository.version(ofRole: "staging-web")
            for set in ["serviceOwner", "releaseManager", "emergency"] {
                let person = try await client(set.lowercased(), [set], .everything, test, running, admin)
                let refused = try await person.post("/v1/releases/web/1.0/withdraw", withdrawal("staging"))
                #expect(refused.problemCode == "controller.access.withdrawal", "\(set)")
                await person.close()
            }
            #expect(await running.controller.repository.version(ofRole: "staging-web") == before)
            #expect(await running.controller.state.openChanges.isEmpty)

            // Both rights, but in two places.
            let apart = try await client(
                "apart", ["approver"], PermissionScope(environment: EnvironmentName("production")), test, running, admin
            )
            #expect(
                try await admin.post("/v1/grants", GrantRequest(person: "apart", set: "releaseManager")).status == 201)
            #expect(
                try await apart.post("/v1/releases/web/1.0/withdraw", withdrawal("staging")).problemCode
                    == "controller.access.withdrawal")
            let both = try await client("both", ["approver", "releaseManager"], .everything, test, running, admin)
            #expect(try await both.post("/v1/releases/web/1.0/withdraw", withdrawal("staging")).status == 200)
            #expect(await running.controller.repository.version(ofRole: "staging-web") > before)
            for one in [admin, apart, both] { await one.close() }
        }
    }

    @Test("Where people hold the keys, who may revoke may ask them to withdraw")
    func asking() async throws {
        let people = try TestPeople()
        try await people.run { running, admin in
            try await people.approve("1.0", client: admin)
            let manager = try await client("mia", ["releaseManager"], .everything, people.test, running, admin)
            #expect(try await manager.post("/v1/releases/web/1.0/withdraw", withdrawal("staging")).status == 200)
            #expect(await running.controller.state.openChanges.count == 1)
            await manager.close()
        }
    }

    @Test("The emergency role is no environment: its floor and its withdrawals need the right to push emergencies")
    func emergencyRole() async throws {
        let test = try TestController()
        try await test.run { running in
            let admin = try TestClient(test, running, token: test.adminToken)
            #expect(try await TestFleet.submit("1.0", by: admin).status == 201)
            let roles = await running.controller.repository.version(ofRole: "emergency-web")
            let approver = try await client("ann", ["approver", "releaseManager"], .everything, test, running, admin)
            #expect(
                try await approver.post("/v1/releases/web/1.0/floor", floor("emergency")).problemCode
                    == "controller.access.scope")
            #expect(
                try await approver.post("/v1/releases/web/1.0/withdraw", withdrawal("emergency")).problemCode
                    == "controller.access.scope")
            #expect(await running.controller.repository.version(ofRole: "emergency-web") == roles)
            // And of an environment that the grant names, as of any other.
            let staging = try await client(
                "stan", ["approver", "emergency"], PermissionScope(environment: EnvironmentName("staging")), test,
                running,
                admin)
            #expect(
                try await staging.post("/v1/releases/web/1.0/floor", floor("emergency")).problemCode
                    == "controller.access.scope")
            let both = try await client("eve", ["approver", "emergency"], .everything, test, running, admin)
            #expect(try await both.post("/v1/releases/web/1.0/floor", floor("emergency")).status == 200)
            #expect(await running.controller.repository.version(ofRole: "emergency-web") > roles)
            for one in [admin, approver, staging, both] { await one.close() }
        }
    }

    @Test(
        "A name that is no environment of the controller's is refused wherever one is taken",
        arguments: ["emergency", "moon"])
    func unknownEnvironment(_ name: String) async throws {
        let test = try TestController()
        try await test.run { running in
            let admin = try TestClient(test, running, token: test.adminToken)
            #expect(try await TestFleet.submit("1.0", by: admin).status == 201)
            let policy = PolicyRequest(
                text: "environments:\n  staging: { strategies: [bigBang] }\noverrides: { freeze: [admin] }\n",
                reason: "test")
            let applied = try await admin.post("/v1/policy", policy)
            #expect(applied.status == 201, "\(String(decoding: applied.body, as: UTF8.self))")
            let place = EnvironmentName(unchecked: name)
            var rollout = try TestFleet.definition("1.0")
            rollout.environment = place
            let release = try ReleaseName("web@1.0")
            let sequence = await running.controller.store.sequence
            var answers: [(String, HTTPResponse)] = []
            func ask(_ path: String, _ body: some Encodable) async throws {
                answers.append((path, try await admin.post(path, body)))
            }
            answers.append(("submit", try await TestFleet.submit("2.0", environment: name, by: admin)))
            try await ask("/v1/rollouts", rollout)
            try await ask("/v1/rollouts/plans", rollout)
            try await ask("/v1/rollouts/order", RolloutOrderRequest(rollouts: [rollout]))
            try await ask("/v1/rollouts/preflight", PreflightRequest(rollout: rollout, wait: .zero))
            try await ask("/v1/pushes", PushRequest(release: release, hosts: .all, environment: place))
            try await ask(
                "/v1/emergency-pushes",
                EmergencyPushRequest(release: release, reason: "r", hosts: .all, environment: place))
            try await ask("/v1/hosts/invitations", InvitationRequest(environment: place))
            try await ask("/v1/grants", GrantRequest(person: "eve", set: "viewer", environment: place))
            try await ask("/v1/freezes", FreezeRequest(reason: "r", environment: place))
            try await ask(
                "/v1/policy/overrides",
                PolicyOverrideRequest(
                    release: release, environment: place, rules: [.freeze], reason: "r", valid: .hours(1)))
            try await ask("/v1/releases/web/1.0/promote", PromotionRequest(environment: place))
            try await ask("/v1/releases/web/1.0/revoke", RevocationRequest(environment: place, reason: "r"))
            let edit = RoleEdit.delegate(product: try ProductName("shop"), environments: [place])
            try await ask(
                "/v1/keys/changes", MetadataChangeRequest(edits: [try JSONCoding.value(of: edit)], reason: "r"))
            if name != "emergency" {
                try await ask("/v1/releases/web/1.0/floor", floor(name))
                try await ask("/v1/releases/web/1.0/withdraw", withdrawal(name))
            }
            for (path, answer) in answers {
                #expect(answer.problemCode == "controller.request.environment", "\(path): \(answer.status)")
            }
            // Nothing was decided: what is written down is that it was asked.
            let entries = try await running.controller.store.entries(after: sequence, limit: 1000)
            #expect(entries.allSatisfy { if case .personActed = $0.event { true } else { false } })
            await admin.close()
        }
    }

    // MARK: hosts that are yet to come

    @Test("A right over some hosts starts nothing that would take others along when they join")
    func laterHosts() async throws {
        let test = try TestController()
        try await test.run { running in
            let admin = try TestClient(test, running, token: test.adminToken)
            #expect(try await TestFleet.submit("1.0", by: admin).status == 201)
            _ = try await TestHost.join(test, running, labels: ["name": "host1", "zone": "a"])
            let scope = PermissionScope(hosts: try HostQuery("zone=a"))
            let person = try await client("olga", ["operator", "emergency"], scope, test, running, admin)
            let release = try ReleaseName("web@1.0")
            // Every host there is, is hers; not every host that will be.
            for query in ["all", "zone", "zone!=b", "zone=a or zone=b", "not id=host1", "id in (host1,host2)"] {
                var rollout = try TestFleet.definition("1.0")
                rollout.hosts = try HostQuery(query)
                let answers = [
                    try await person.post("/v1/rollouts/plans", rollout),
                    try await person.post("/v1/pushes", PushRequest(release: release, hosts: rollout.hosts)),
                    try await person.post(
                        "/v1/emergency-pushes",
                        EmergencyPushRequest(release: release, reason: "r", hosts: rollout.hosts)),
                    try await person.post("/v1/freezes", FreezeRequest(reason: "r", hosts: rollout.hosts)),
                ]
                #expect(answers.allSatisfy { $0.problemCode == "controller.access.scope" }, "\(query)")
            }
            for query in ["zone=a", "zone=a and not old", "id=host1"] {
                var rollout = try TestFleet.definition("1.0")
                rollout.hosts = try HostQuery(query)
                let answer = try await person.post("/v1/rollouts/plans", rollout)
                #expect(answer.status == 201, "\(query) \(String(decoding: answer.body, as: UTF8.self))")
            }
            // What an administrator started of everybody is not hers to go on with either.
            let started = try await admin.startRollout(TestFleet.definition("1.0"))
            let id = try started.json(RolloutView.self).id
            #expect(
                try await person.post("/v1/rollouts/\(id)/resume", RolloutVerbRequest(reason: "r")).problemCode
                    == "controller.access.scope")
            #expect(try await person.send("GET", "/v1/rollouts/\(id)").status == 200)
            await admin.close()
            await person.close()
        }
    }
}
