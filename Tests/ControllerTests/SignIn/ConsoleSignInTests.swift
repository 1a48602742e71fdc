import ControllerAPI
import Effects
import ReleaseDefinition
import TestSupport
import Testing

@testable import ControllerLibrary

@Suite(
    "Signing in to the console with an identity provider",
    .enabled(if: TestProvider.python != nil, "\(TestProvider.absent)"))
struct ConsoleSignInTests {
    private func with(_ body: (TestProvider, TestController, TestClient) async throws -> Void) async throws {
        try await TestProvider.serving { provider in
            let test = try TestController()
            try provider.configure(test)
            try await test.run { running in
                let client = try TestClient(test, running)
                try await body(provider, test, client)
                await client.close()
            }
        }
    }

    /// The header that a browser sends back for one that it was given.
    private func cookies(_ response: HTTPResponse) -> [String: String] {
        var cookies: [String: String] = [:]
        for field in response.head.headers where field.name.lowercased() == "set-cookie" {
            let pair = field.value.split(separator: ";")[0].split(separator: "=", maxSplits: 1)
            cookies[String(pair[0])] = pair.count > 1 ? String(pair[1]) : ""
        }
        return cookies
    }

    private func begin(_ client: TestClient) async throws -> (address: String, cookie: [HTTPField]) {
        let response = try await client.send("GET", "/console/sign-in/company")
        try #require(response.status == 303)
        let secret = try #require(cookies(response)[ConsoleSignIn.cookieName])
        return (
            try #require(response.header("Location")),
            [HTTPField("Cookie", "\(ConsoleSignIn.cookieName)=\(secret)")]
        )
    }

    /// The path and query at which the provider sends the browser back.
    private func back(_ location: String) throws -> String {
        let place = try #require(location.firstRange(of: "/console/"))
        return String(location[place.lowerBound...])
    }

    @Test(
        "The browser goes to the provider and comes back with a session that looks, as its claims give, and does no more"
    )
    func signsIn() async throws {
        try await with { provider, _, client in
            let page = try await client.send("GET", "/")
            #expect(String(decoding: page.body, as: UTF8.self).contains(#"href="/console/sign-in/company""#))
            let start = try await client.send("GET", "/console/sign-in/company")
            let attributes = start.header("Set-Cookie") ?? ""
            for attribute in ["HttpOnly", "Secure", "SameSite=Lax", "Path=/", "Max-Age=600"] {
                #expect(attributes.contains(attribute))
            }
            let (address, cookie) = try await begin(client)
            #expect(address.hasPrefix(provider.url + "/authorize?"))
            for word in ["code_challenge_method=S256", "state=", "nonce=", "response_type=code"] {
                #expect(address.contains(word))
            }
            let target = try back(try await provider.agree(to: address))
            let response = try await client.send("GET", target, headers: cookie)
            #expect(response.status == 200)
            // A redirect would not bring a SameSite=Strict cookie along; a page of ours does.
            let text = String(decoding: response.body, as: UTF8.self)
            #expect(text.contains(#"http-equiv="refresh" content="0;url=/""#))
            #expect(response.header("Content-Security-Policy") == ConsoleResponses.contentSecurityPolicy)
            let given = cookies(response)
            #expect(given[ConsoleSignIn.cookieName] == "")
            let session = [
                HTTPField("Cookie", "\(PersonSessions.cookieName)=\(try #require(given[PersonSessions.cookieName]))")
            ]
            let home = try await client.send("GET", "/", headers: session)
            #expect(String(decoding: home.body, as: UTF8.self).contains("company:alice-1"))
            #expect(try await client.send("GET", "/v1/rollouts", headers: session).status == 200)
            let body = Array("{}".utf8)
            #expect(try await client.send("POST", "/v1/freezes", headers: session, bytes: body).status == 401)
            // The code counts once.
            #expect(try await client.send("GET", target, headers: cookie).status == 401)
            let proof = try #require(home.text.firstMatch(of: /name="proof" value="([0-9a-f]{64})"/)?.output.1)
            let browser = TestBrowser(client: client, cookie: try #require(session.first).value, proof: String(proof))
            #expect(try await browser.post("/console/sign-out").status == 303)
            #expect(try await client.send("GET", "/v1/rollouts", headers: session).status == 401)
        }
    }

    @Test("A code without the cookie, with another state, for another browser or of another issuer opens no session")
    func refused() async throws {
        try await with { provider, _, client in
            let (address, cookie) = try await begin(client)
            let target = try back(try await provider.agree(to: address))
            let (_, other) = try await begin(client)
            func tries(_ target: String, _ headers: [HTTPField]) async throws {
                let response = try await client.send("GET", target, headers: headers)
                #expect(response.status == 401)
                #expect(cookies(response)[PersonSessions.cookieName] == nil)
                #expect(String(decoding: response.body, as: UTF8.self).contains("name=\"token\""))
            }
            try await tries(target, [])
            try await tries(target, other)
            try await tries(target.replacing("state=", with: "state=0"), cookie)
            try await tries(target.replacing("&state=", with: "&old="), cookie)
            try await tries(target.replacing("&iss=https", with: "&iss=http"), cookie)
            try await tries(target.replacing("code=", with: "nothing="), cookie)
            try await tries(target.replacing("code=", with: "error=access_denied&was="), cookie)
            #expect(try await provider.timesAsked("/token") == 0)
            // A code that the provider never gave, and one that was begun elsewhere.
            try await tries(target.replacing("code=", with: "code=x"), cookie)
            #expect(try await client.send("GET", "/console/sign-in/nobody").status == 404)
            // All that was in vain changed nothing for whoever began.
            #expect(try await client.send("GET", target, headers: cookie).status == 200)
        }
    }

    @Test(
        "A token that is not of this sign-in, or whose person may look at nothing, opens no session",
        arguments: [
            (#"{"override": {"nonce": "another"}}"#, 401), (#"{"override": {"aud": "slipway-cli"}}"#, 401),
            (#"{"override": {"exp": 1}}"#, 401), (#"{"override": {"iss": "https://elsewhere.example"}}"#, 401),
            (#"{"override": {"groups": ["guests"]}}"#, 403),
        ])
    func wrongToken(_ asked: String, _ status: Int) async throws {
        try await with { provider, _, client in
            try await provider.control("set", asked)
            let (address, cookie) = try await begin(client)
            let target = try back(try await provider.agree(to: address))
            let response = try await client.send("GET", target, headers: cookie)
            #expect(response.status == Int(status))
            #expect(cookies(response)[PersonSessions.cookieName] == nil)
        }
    }

    @Test("A session is looked at by oidc.json as it is now, and a provider that is down is said on the page")
    func later() async throws {
        try await with { provider, test, client in
            let (address, cookie) = try await begin(client)
            let target = try back(try await provider.agree(to: address))
            let given = cookies(try await client.send("GET", target, headers: cookie))
            let session = [
                HTTPField("Cookie", "\(PersonSessions.cookieName)=\(try #require(given[PersonSessions.cookieName]))")
            ]
            #expect(try await client.send("GET", "/v1/rollouts", headers: session).status == 200)
            try await provider.stop()
            // Who is in stays in.
            #expect(try await client.send("GET", "/v1/rollouts", headers: session).status == 200)
            try provider.configure(test, #""console": {"clientID": "slipway-console"}"#)
            #expect(try await client.send("GET", "/v1/rollouts", headers: session).status == 403)
            let down = try await client.send("GET", "/console/sign-in/company")
            #expect(down.status == 503)
            #expect(String(decoding: down.body, as: UTF8.self).contains("cannot be asked"))
        }
    }
}
