import AgentProtocol
import ControllerAPI
import Effects
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

@Suite("Who may call what")
struct AccessTests {
    /// A path that the route answers to.
    private func path(_ route: Route) -> String {
        route.path.split(separator: "/").map { $0.hasPrefix("{") || $0 == "**" ? "1" : String($0) }
            .reduce("") { "\($0)/\($1)" }
    }

    private func table(_ running: TestController.Running) throws -> [Route] {
        try ControllerServer(running.controller).table.routes
    }

    @Test("Each route asks for the right that is written down for it, where it is written down; no route is not")
    func rights() async throws {
        let test = try TestController()
        try await test.run { running in
            let routes = try table(running)
            for route in routes {
                #expect(RouteRights.said(route) == RouteRights.all[RouteRights.key(route)], "\(RouteRights.key(route))")
            }
            let known = Set(routes.map(RouteRights.key))
            #expect(RouteRights.all.keys.filter { !known.contains($0) }.sorted() == [], "these are no routes")
        }
        for permission in Permission.allCases {
            let holders = PermissionSet.allCases.filter { $0.permissions.contains(permission) }
            #expect(Set(holders) == RouteRights.sets[permission.rawValue], "\(permission)")
        }
    }

    @Test("Without a credential, every route but the public ones is refused")
    func nobody() async throws {
        let test = try TestController()
        try await test.run { running in
            let client = try TestClient(test, running)
            for route in try table(running) {
                if RouteRights.right(route) == "anyone" { continue }
                let response = try await client.send(route.method.rawValue, path(route))
                #expect(response.status == 401, "\(route.method) \(route.path)")
            }
            await client.close()
        }
    }

    @Test("A wrong token is refused everywhere")
    func wrongToken() async throws {
        let test = try TestController()
        try await test.run { running in
            let client = try TestClient(test, running, token: String(repeating: "0", count: 64))
            for route in try table(running) {
                if ["anyone", "host"].contains(RouteRights.right(route)) { continue }
                let response = try await client.send(route.method.rawValue, path(route))
                #expect(response.status == 401, "\(route.method) \(route.path)")
            }
            await client.close()
        }
    }

    @Test("A host's certificate opens no route for people, a person's token none for hosts")
    func hostIsNoPerson() async throws {
        let test = try TestController()
        try await test.run { running in
            let client = try await TestHost.join(test, running).client(test, running)
            let admin = try TestClient(test, running, token: test.adminToken)
            for route in try table(running) {
                let caller = RouteRights.right(route) == "host" ? admin : client
                if RouteRights.right(route) == "anyone" { continue }
                #expect(
                    try await caller.send(route.method.rawValue, path(route)).status == 401, "\(RouteRights.key(route))"
                )
            }
            await client.close()
            await admin.close()
        }
    }

    @Test("A viewer may look and do nothing", arguments: PermissionSet.allCases)
    func permissionSets(_ set: PermissionSet) async throws {
        let test = try TestController()
        try await test.run { running in
            let token = "token-of-\(set.rawValue)"
            let person = PersonRecord(
                name: "p", tokenHash: SHA256Digest(of: Array(token.utf8)), permissionSets: [set], expiresAt: nil)
            try await running.controller.commit(.personAdded(person), by: "test", at: test.time.now())
            let client = try TestClient(test, running, token: token)
            for route in try table(running) where !route.path.hasSuffix("/events") {
                // A token opens no form: ConsoleFormTests.
                guard case .person = route.access, route.form == nil else { continue }
                let holders = RouteRights.sets[try #require(RouteRights.right(route))]
                let status = try await client.send(route.method.rawValue, path(route)).status
                #expect((status == 403) != (holders?.contains(set) == true), "\(route.method) \(route.path)")
            }
            await client.close()
        }
    }

    @Test("An expired token is refused")
    func expiredToken() async throws {
        let test = try TestController()
        try await test.run { running in
            let person = PersonRecord(
                name: "p", tokenHash: SHA256Digest(of: Array("t".utf8)), permissionSets: [.admin],
                expiresAt: test.time.now())
            try await running.controller.commit(.personAdded(person), by: "test", at: test.time.now())
            let client = try TestClient(test, running, token: "t")
            #expect(try await client.send("GET", "/v1/hosts").status == 401)
            await client.close()
        }
    }

    @Test("A certificate of another authority does not get through the handshake")
    func foreignCertificate() async throws {
        let test = try TestController()
        let other = try TestController()
        let stranger = try await other.run { try await TestHost.join(other, $0) }
        try await test.run { running in
            let client = try stranger.client(test, running)
            await #expect(throws: EffectsError.self) {
                try await client.post("/v1/agent/reports", HostReportBatch(reports: []))
            }
            await client.close()
        }
    }

    @Test("A certificate that our authority signed but no record knows is refused")
    func unrecordedCertificate() async throws {
        let test = try TestController()
        try await test.run { running in
            let keyPEM = try KeyGeneration.ecdsaP256PrivateKeyPEM()
            let key = try HostKey(signingRequestPEM: SigningRequest.pem(keyPEM: keyPEM))
            let certificate = try await running.controller.authorities.serving.issueHost(
                key, host: HostID("ghost"), serial: [1, 2, 3], at: test.time.now())
            let client = try TestClient(test, running, certificate: certificate, key: keyPEM)
            let response = try await client.post("/v1/agent/reports", HostReportBatch(reports: []))
            #expect(response.status == 401)
            #expect(response.problemCode == "controller.access.unknownCertificate")
            await client.close()
        }
    }

    @Test("The server's certificate does not pass as a host's")
    func serverCertificateAsHost() async throws {
        let test = try TestController()
        try await test.run { running in
            let folder = running.controller.folder
            let client = try TestClient(
                test, running, certificate: folder.text(ControllerDirectory.serverCertificateName),
                key: folder.text(ControllerDirectory.serverKeyName))
            let status = try? await client.post("/v1/agent/reports", HostReportBatch(reports: [])).status
            #expect(status == nil || status == 401)
            await client.close()
        }
    }

    @Test("A body that is too long is refused before it is read")
    func bodyLimit() async throws {
        let test = try TestController()
        try await test.run { running in
            let client = try TestClient(test, running)
            let response = try await client.send(
                "POST", "/v1/agent/join", bytes: [UInt8](repeating: 0x20, count: 70_000))
            #expect(response.status == 413)
            await client.close()
        }
    }

    @Test("What is no JSON, or not the JSON that is expected, gets a problem document")
    func badBodies() async throws {
        let test = try TestController()
        try await test.run { running in
            let client = try TestClient(test, running, token: test.adminToken)
            for text in ["", "{", "[]", "{\"environment\":1}", "{\"environment\":\"UPPER\",\"labels\":{},\"uses\":1}"] {
                let response = try await client.send("POST", "/v1/hosts/invitations", bytes: Array(text.utf8))
                #expect(response.status == 400)
                #expect(response.head["content-type"] == Problem.mediaType)
                #expect(response.problemCode == "controller.request.body")
            }
            #expect(try await client.send("GET", "/v1/nothing").status == 404)
            #expect(try await client.send("DELETE", "/v1/hosts").status == 405)
            await client.close()
        }
    }
}
