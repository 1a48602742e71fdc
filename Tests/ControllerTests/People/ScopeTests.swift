import AgentProtocol
import ControllerAPI
import Effects
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

@Suite("Permissions hold where they were granted")
struct ScopeTests {
    /// A body that a route's scope can be read from.
    private static func body(_ route: Route) throws -> [UInt8] {
        let staging = try EnvironmentName("staging")
        let web = try ReleaseName("web@1.0")
        let value =
            switch route.path {
            case "/v1/rollouts", "/v1/rollouts/plans": try JSONCoding.value(of: TestFleet.definition("1.0"))
            case "/v1/rollouts/order":
                try JSONCoding.value(of: RolloutOrderRequest(rollouts: [TestFleet.definition("1.0")]))
            case "/v1/rollouts/preflight":
                try JSONCoding.value(of: PreflightRequest(rollout: TestFleet.definition("1.0"), wait: .zero))
            case "/v1/pushes": try JSONCoding.value(of: PushRequest(release: web, hosts: .all, environment: staging))
            case "/v1/rehearsals":
                try JSONCoding.value(of: RehearsalRequest(release: web, hosts: .all, environment: staging))
            case "/v1/emergency-pushes":
                try JSONCoding.value(
                    of: EmergencyPushRequest(release: web, reason: "r", hosts: .all, environment: staging))
            case "/v1/hosts/invitations": try JSONCoding.value(of: InvitationRequest(environment: staging))
            default: try JSONValue(parsing: Array(#"{"environment":"staging","reason":"r"}"#.utf8))
            }
        return value.wireBytes
    }

    private static func path(_ route: Route) -> String {
        let path = route.path.replacing("{product}", with: "web").replacing("{version}", with: "1.0")
            .replacing("{id}", with: route.path.contains("/hosts/") ? "host1" : "r-1")
        let rest = path.split(separator: "/").map { $0.hasPrefix("{") ? "1" : String($0) }.joined(separator: "/")
        return "/" + rest + "?environment=staging"
    }

    /// A person who may do everything that sets can say, but in one place only.
    private static func person(_ name: String, _ scope: PermissionScope, _ admin: TestClient) async throws -> String {
        for set in PermissionSet.allCases where set != .admin {
            let request = GrantRequest(
                person: name, set: set.rawValue, product: scope.product, environment: scope.environment,
                hosts: scope.hosts)
            try #require(try await admin.post("/v1/grants", request).status == 201)
        }
        return try await TokenTests.person(name, [], admin).token
    }

    @Test(
        "Whoever may everything in another place may nothing here, at every route of the table",
        arguments: [
            PermissionScope(product: ProductName(unchecked: "shop")),
            PermissionScope(environment: EnvironmentName(unchecked: "production")),
            PermissionScope(hosts: try? HostQuery("zone=elsewhere")),
        ])
    func wrongScope(_ scope: PermissionScope) async throws {
        let test = try TestController()
        try await test.run { running in
            let admin = try TestClient(test, running, token: test.adminToken)
            _ = try await TestHost.join(test, running, labels: ["name": "host1"])
            let client = try TestClient(test, running, token: try await Self.person("eve", scope, admin))
            for route in try ControllerServer(running.controller).table.routes {
                guard case .person(let permission) = route.access, route.form == nil else { continue }
                if case .shown = route.scope { continue }
                // Whose product it is stands in the upload.
                if route.path == "/v1/releases" {
                    let response = try await TestFleet.submit("1.0", by: client)
                    #expect(response.problemCode == "controller.access.scope")
                    continue
                }
                let response = try await client.send(
                    route.method.rawValue, Self.path(route), bytes: route.method == .post ? Self.body(route) : nil)
                let expected =
                    permission == .administer ? "controller.access.permission" : "controller.access.scope"
                #expect(response.problemCode == expected, "\(route.method) \(route.path) \(response.status)")
            }
            for path in ["/v1/hosts", "/v1/rollouts", "/v1/releases"] {
                let shown = try await client.send("GET", path).json(JSONValue.self)
                #expect(shown["items"]?.arrayValue?.isEmpty == true, "\(path)")
            }
            await admin.close()
            await client.close()
        }
    }

    @Test("Whoever may everything in this place is let in where the route's object is in it, and nowhere else")
    func rightScope() async throws {
        let test = try TestController()
        try await test.run { running in
            let admin = try TestClient(test, running, token: test.adminToken)
            _ = try await TestHost.join(test, running, labels: ["name": "host1", "zone": "a"])
            let scope = PermissionScope(
                product: try ProductName("web"), environment: try EnvironmentName("staging"))
            let client = try TestClient(test, running, token: try await Self.person("alice", scope, admin))
            #expect(try await TestFleet.submit("1.0", by: client).status == 201)
            #expect(try await TestFleet.submit("1.0", environment: "production", by: client).status == 403)
            for route in try ControllerServer(running.controller).table.routes {
                guard case .person(let permission) = route.access, permission != .administer, route.form == nil
                else { continue }
                guard case .objects(let kind, _) = route.scope, route.path != "/v1/releases" else { continue }
                if kind == "rollout" && route.path.contains("{id}") { continue }
                let response = try await client.send(
                    route.method.rawValue, Self.path(route), bytes: route.method == .post ? Self.body(route) : nil)
                let isCovered = kind == "rollout" || kind == "product and environment"
                #expect(
                    (response.problemCode != "controller.access.scope") == isCovered, "\(route.method) \(route.path)")
            }
            await admin.close()
            await client.close()
        }
    }

    @Test(
        "To submit and to approve are two rights, each in its place: who may only submit gets no signature of the controller"
    )
    func submittingIsNotApproving() async throws {
        let test = try TestController()
        try await test.run { running in
            let admin = try TestClient(test, running, token: test.adminToken)
            func client(_ name: String, _ grants: [(String, String?)]) async throws -> TestClient {
                for (set, environment) in grants {
                    let request = GrantRequest(
                        person: name, set: set, environment: try environment.map { try EnvironmentName($0) })
                    try #require(try await admin.post("/v1/grants", request).status == 201)
                }
                return try TestClient(test, running, token: try await TokenTests.person(name, [], admin).token)
            }
            func environments(_ response: HTTPResponse) throws -> [String] {
                try response.json(ReleaseView.self).environments.map(\.environment.text)
            }
            let bob = try await client("bob", [("builder", nil)])
            for set in [bob] {
                let first = try await TestFleet.submit("1.0", environment: "production", by: set)
                #expect(try first.status == 201 && environments(first).isEmpty)
                // The same bytes again are no other right.
                let again = try await TestFleet.submit("1.0", environment: "production", by: set)
                #expect(try again.status == 200 && environments(again).isEmpty)
            }
            let promotion = PromotionRequest(environment: try EnvironmentName("production"))
            let refused = try await bob.post("/v1/releases/web/1.0/promote", promotion)
            #expect(refused.problemCode == "controller.access.permission")
            let repository = await running.controller.repository
            #expect(repository.version(ofRole: "production-web") == repository.version(ofRole: "staging-web"))

            // Approver of staging alone: there, and not in production.
            let carol = try await client("carol", [("builder", nil), ("approver", "staging")])
            #expect(try environments(try await TestFleet.submit("1.0", environment: "production", by: carol)).isEmpty)
            #expect(
                try await carol.post("/v1/releases/web/1.0/promote", promotion).problemCode
                    == "controller.access.scope")
            #expect(try environments(try await TestFleet.submit("1.0", by: carol)) == ["staging"])

            // Approver and no builder: promotes what somebody submitted, submits nothing.
            let dave = try await client("dave", [("approver", "production")])
            #expect(try await TestFleet.submit("2.0", environment: "production", by: dave).status == 403)
            #expect(
                try environments(try await dave.post("/v1/releases/web/1.0/promote", promotion)).contains("production"))
            // A service owner submits, deploys and revokes; that is not to approve.
            let erin = try await client("erin", [("serviceOwner", nil)])
            #expect(try environments(try await TestFleet.submit("3.0", by: erin)).isEmpty)
            for one in [admin, bob, carol, dave, erin] { await one.close() }
        }
    }

    @Test("Where people hold the keys, to submit is to ask them: the right to approve is not needed for that")
    func submittingAsks() async throws {
        let people = try TestPeople()
        try await people.run { running, admin in
            let token = try await TokenTests.person("bob", ["builder"], admin).token
            let bob = try TestClient(people.test, running, token: token)
            let view = try await TestFleet.submit("1.0", by: bob).json(ReleaseView.self)
            #expect(view.environments.isEmpty && view.waiting.map(\.votes) == [0])
            await bob.close()
        }
    }

    @Test("Two grants in two places do not add up to a third")
    func noFlattening() throws {
        func grant(_ set: PermissionSet, _ product: String, _ environment: String) throws -> PermissionGrant {
            PermissionGrant(
                id: product, set: set,
                scope: PermissionScope(
                    product: try ProductName(product), environment: try EnvironmentName(environment)))
        }
        let person = PersonRecord(
            name: "p", tokenHash: SHA256Digest(of: []), permissionSets: [], expiresAt: nil,
            grants: [try grant(.operator, "web", "staging"), try grant(.operator, "shop", "production")])
        func may(_ product: String, _ environment: String) throws -> Bool {
            person.may(
                .deploy,
                on: ScopedObject(product: try ProductName(product), environment: try EnvironmentName(environment)))
        }
        #expect(try may("web", "staging") && may("shop", "production"))
        #expect(try !may("web", "production") && !may("shop", "staging"))
        #expect(!person.may(.deploy, on: ScopedObject(product: try ProductName("web"))))
        #expect(!person.mayEverywhere(.deploy))
    }
}
