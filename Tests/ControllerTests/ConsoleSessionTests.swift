import ControllerAPI
import Effects
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

@Suite("Signing in to the console")
struct ConsoleSessionTests {
    private func cookie(_ response: HTTPResponse) -> String? {
        response.header("Set-Cookie").flatMap { $0.split(separator: ";").first.map(String.init) }
    }

    private func signIn(
        _ client: TestClient, _ token: String, headers: [HTTPField] = []
    ) async throws -> HTTPResponse {
        let form = [HTTPField("Content-Type", "application/x-www-form-urlencoded")]
        return try await client.send(
            "POST", "/console/sign-in", headers: form + headers, bytes: Array("token=\(token)".utf8))
    }

    private func withClient(_ body: (TestController, TestController.Running, TestClient) async throws -> Void)
        async throws
    {
        let test = try TestController()
        try await test.run { running in
            let client = try TestClient(test, running)
            try await body(test, running, client)
            await client.close()
        }
    }

    @Test("The token opens a session that the page's own script cannot read and no other site can use")
    func session() async throws {
        try await withClient { test, _, client in
            let before = try await client.send("GET", "/")
            #expect(String(decoding: before.body, as: UTF8.self).contains("name=\"token\""))
            let response = try await signIn(client, test.adminToken)
            #expect(response.status == 303)
            let attributes = response.header("Set-Cookie") ?? ""
            for attribute in ["HttpOnly", "Secure", "SameSite=Strict", "Path=/"] {
                #expect(attributes.contains(attribute))
            }
            let session = [HTTPField("Cookie", try #require(cookie(response)))]
            let page = try await client.send("GET", "/", headers: session)
            #expect(String(decoding: page.body, as: UTF8.self).contains("Sign out"))
            #expect(!String(decoding: page.body, as: UTF8.self).contains(test.adminToken))
            #expect(try await client.send("GET", "/console/live", headers: session).status == 200)
            #expect(try await client.send("GET", "/v1/rollouts", headers: session).status == 200)
        }
    }

    @Test("A wrong token, an empty one and a form from another site open none")
    func refused() async throws {
        try await withClient { test, running, client in
            for token in ["", "wrong", "%00", String(repeating: "a", count: 8000)] {
                let response = try await signIn(client, token)
                #expect(response.status == 401)
                #expect(cookie(response) == nil)
            }
            for field in [HTTPField("Sec-Fetch-Site", "cross-site"), HTTPField("Origin", "https://127.0.0.1:1")] {
                #expect(try await signIn(client, test.adminToken, headers: [field]).status == 401)
            }
            let own = [HTTPField("Origin", "https://127.0.0.1:\(running.port)")]
            #expect(try await signIn(client, test.adminToken, headers: own).status == 303)
        }
    }

    @Test("A session only looks: what changes something needs the token itself")
    func onlyLooks() async throws {
        try await withClient { test, _, client in
            let session = [HTTPField("Cookie", try #require(cookie(try await signIn(client, test.adminToken))))]
            let body = Array("{}".utf8)
            for path in ["/v1/rollouts", "/v1/hosts/invitations", "/v1/emergency-pushes", "/v1/rollouts/r-1/abort"] {
                #expect(try await client.send("POST", path, headers: session, bytes: body).status == 401, "\(path)")
            }
        }
    }

    @Test("Signing out ends the session on the server, not only in the browser")
    func signOut() async throws {
        try await withClient { test, _, client in
            let browser = try await TestBrowser.signIn(test.adminToken, client)
            let session = [HTTPField("Cookie", browser.cookie)]
            let response = try await browser.post("/console/sign-out")
            #expect(response.status == 303)
            #expect(response.header("Set-Cookie")?.contains("Max-Age=0") == true)
            #expect(try await client.send("GET", "/console/live", headers: session).status == 401)
            let page = try await client.send("GET", "/", headers: session)
            #expect(String(decoding: page.body, as: UTF8.self).contains("name=\"token\""))
        }
    }

    @Test("Every page carries the policy; style and script are kept by their digest, others are not found")
    func headersAndAssets() async throws {
        try await withClient { _, _, client in
            let page = try await client.send("GET", "/")
            #expect(page.header("Content-Security-Policy") == ConsoleResponses.contentSecurityPolicy)
            #expect(page.header("X-Content-Type-Options") == "nosniff")
            #expect(page.header("Cache-Control") == "no-store")
            for (path, type) in [(ConsoleAssets.stylePath, "text/css"), (ConsoleAssets.scriptPath, "text/javascript")] {
                let asset = try await client.send("GET", path)
                #expect(asset.status == 200)
                #expect(asset.header("Content-Type")?.hasPrefix(type) == true)
                #expect(asset.header("Cache-Control")?.contains("immutable") == true)
            }
            for path in ["/console/assets/page.mustache", "/console/assets/..%2fcontroller.json", "/console/assets/"] {
                #expect(try await client.send("GET", path).status == 404)
            }
        }
    }
}

extension HTTPResponse {
    func header(_ name: String) -> String? { head[name] }
}
