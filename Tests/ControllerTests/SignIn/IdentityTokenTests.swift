import ControllerAPI
import Effects
import ReleaseDefinition
import TestSupport
import Testing

@testable import ControllerLibrary

@Suite("Identity tokens of an issuer", .enabled(if: TestProvider.python != nil, "\(TestProvider.absent)"))
struct IdentityTokenTests {
    private func with(
        _ members: String = TestProvider.usual,
        _ body: (TestProvider, TestController, TestController.Running, ManualTime) async throws -> Void
    ) async throws {
        try await TestProvider.serving { provider in
            let time = ManualTime(now: SystemTime().now())
            let test = try TestController(time: time)
            try provider.configure(test, members)
            try await test.run { running in try await body(provider, test, running, time) }
        }
    }

    private func get(
        _ token: String, _ test: TestController, _ running: TestController.Running, _ path: String = "/v1/rollouts"
    ) async throws -> HTTPResponse {
        let client = try TestClient(test, running, token: token)
        let answer = try await client.send("GET", path)
        await client.close()
        return answer
    }

    @Test("A token that an issuer signed is a person with what its claims give, by each of three algorithms")
    func good() async throws {
        try await with { provider, test, running, _ in
            for key in ["rsa", "ec", "ed"] {
                let token = try await provider.token(#"{"key": "\#(key)"}"#)
                #expect(try await get(token, test, running).status == 200, "\(key)")
                let refused = try await get(token, test, running, "/v1/tokens")
                #expect(refused.status == 403 && refused.problemCode == "controller.access.permission")
            }
            let stranger = try await provider.token(#"{"claims": {"sub": "mallory", "groups": ["guests"]}}"#)
            #expect(try await get(stranger, test, running).status == 403)
            // Many requests, one question.
            #expect(try await provider.timesAsked() == 1)
        }
    }

    @Test("What a person does by an issuer's token stands in the log with issuer and subject, and never the token")
    func audited() async throws {
        try await with { provider, test, running, _ in
            let token = try await provider.token(#"{"claims": {"sub": "ann:1", "groups": ["administrators"]}}"#)
            let client = try TestClient(test, running, token: token)
            let grant = GrantRequest(person: "company:bob", set: "viewer")
            #expect(try await client.post("/v1/grants", grant).status == 201)
            let log = try await client.send("GET", "/v1/audit/export?after=0")
            let lines = String(decoding: log.body, as: UTF8.self).split(separator: "\n")
            let acted = try #require(lines.first { $0.contains("personActed") && $0.contains("/v1/grants") })
            #expect(acted.contains("person:company:ann:1"))
            #expect(acted.contains(provider.url) && acted.contains(#""subject":"ann:1""#))
            #expect(!lines.contains { $0.contains(token.suffix(40)) })
            await client.close()
            // The grant is for whoever the issuer calls so.
            let bob = try await provider.token(#"{"claims": {"sub": "bob", "groups": []}}"#)
            #expect(try await get(bob, test, running).status == 200)
        }
    }

    @Test("A program of a CI system has the set that the beginning of its subject gives, for that product alone")
    func ci() async throws {
        try await with { provider, test, running, _ in
            for (subject, status) in [
                ("repo:org/app:ref:refs/heads/main", 404), ("repo:org/app-evil:ref:refs/heads/main", 403),
                ("repo:org/app", 403), ("repo:org/app:", 403), ("Repo:org/app:ref:refs/heads/main", 403),
            ] {
                let token = try await provider.token(#"{"claims": {"sub": "\#(subject)", "groups": null}}"#)
                let answer = try await get(token, test, running, "/v1/releases/app/1.0")
                #expect(answer.status == status, "\(subject)")
                #expect(try await get(token, test, running, "/v1/releases/shop/1.0").status == 403, "\(subject)")
            }
        }
    }

    @Test("A subject that oidc.json says is a person of this controller has that person's name and grants")
    func linked() async throws {
        let members = #""command": {"clientID": "slipway-cli"}, "people": [{"subject": "alice-1", "person": "ann"}]"#
        try await with(members) { provider, test, running, _ in
            let token = try await provider.token()
            #expect(try await get(token, test, running).status == 403)
            let admin = try TestClient(test, running, token: test.adminToken)
            #expect(try await admin.post("/v1/grants", GrantRequest(person: "ann", set: "viewer")).status == 201)
            await admin.close()
            #expect(try await get(token, test, running).status == 200)
            let other = try await provider.token(#"{"claims": {"sub": "ann"}}"#)
            #expect(try await get(other, test, running).status == 403)
        }
    }

    @Test("In the profile regulated, claims make nobody approver and release manager of one place")
    func bothHands() async throws {
        try await TestProvider.serving { provider in
            let test = try TestPeople(.regulated).test
            try provider.configure(
                test,
                #"""
                "command": {"clientID": "slipway-cli"}, "grants": [
                    {"claims": {"groups": "a"}, "set": "approver", "product": "web"},
                    {"claims": {"groups": "m"}, "set": "releaseManager", "product": "web"},
                    {"claims": {"groups": "s"}, "set": "releaseManager", "product": "shop"}]
                """#)
            try await test.run { running in
                for (groups, status) in [
                    (#"["a"]"#, 200), (#"["m"]"#, 200), (#"["a", "s"]"#, 200), (#"["a", "m"]"#, 403),
                ] {
                    let token = try await provider.token(#"{"claims": {"groups": \#(groups)}}"#)
                    let answer = try await get(token, test, running)
                    #expect(answer.status == status, "\(groups)")
                    if status == 403 { #expect(answer.problemCode == "controller.access.bothHands") }
                }
            }
        }
    }

    /// What is sent, and the code of the refusal.
    static let attacks: [(String, String)] = [
        (#"{"key": "none"}"#, "identityToken"),
        (#"{"key": "none", "header": {"alg": "None"}}"#, "identityToken"),
        (#"{"key": "none", "header": {"alg": "nOnE"}}"#, "identityToken"),
        // HS256 with the public key as its secret.
        (#"{"key": "hmac-public"}"#, "identityToken"),
        (#"{"key": "stranger"}"#, "identityKey"),
        // Keys that a token brings along, or says where they lie.
        (#"{"key": "stranger", "header": {"jwk": {"kty": "RSA", "n": "AQAB", "e": "AQAB"}}}"#, "identityKey"),
        (#"{"key": "stranger", "header": {"jku": "https://127.0.0.1:1/jwks", "x5c": ["AAAA"]}}"#, "identityKey"),
        (#"{"header": {"kid": "unknown"}}"#, "identityKey"),
        // A key of one kind under the id of another.
        (#"{"key": "ec", "header": {"kid": "rsa-1"}}"#, "identityKey"),
        (#"{"header": {"typ": "logout+jwt"}}"#, "identityToken"),
        (#"{"header": {"crit": ["exp"]}}"#, "identityToken"),
        (#"{"claims": {"iss": "https://elsewhere.example"}}"#, "identityIssuer"),
        (#"{"claims": {"iss": null}}"#, "identityIssuer"),
        (#"{"claims": {"aud": "another"}}"#, "identityAudience"),
        (#"{"claims": {"aud": null}}"#, "identityAudience"),
        (#"{"claims": {"aud": []}}"#, "identityAudience"),
        // The console's token is the console's alone.
        (#"{"claims": {"aud": "slipway-console"}}"#, "identityAudience"),
        (#"{"claims": {"aud": ["slipway-cli", "another"]}}"#, "identityAudience"),
        (#"{"claims": {"aud": ["slipway-cli", "another"], "azp": "another"}}"#, "identityAudience"),
        (#"{"at": {"exp": -120}}"#, "identityTime"),
        (#"{"at": {"exp": 0, "iat": -600}, "claims": {"exp": 9223372036854775807}}"#, "identityToken"),
        (#"{"at": {"nbf": 120}}"#, "identityTime"),
        (#"{"at": {"iat": 120}}"#, "identityTime"),
        (#"{"at": {"exp": 172800}}"#, "identityTime"),
        (#"{"claims": {"exp": null}}"#, "identityToken"),
        (#"{"claims": {"iat": null}}"#, "identityToken"),
        (#"{"claims": {"exp": "4000000000"}}"#, "identityToken"),
        (#"{"claims": {"sub": null}}"#, "identityToken"),
        (#"{"claims": {"sub": ""}}"#, "identityToken"),
        (#"{"claims": {"sub": "a\u0000b"}}"#, "identityToken"),
    ]

    @Test("A token that is forged, stale, early, for another or by another is refused, each with its reason")
    func attacks() async throws {
        try await with { provider, test, running, _ in
            // The good one first, so that keys are known and each refusal is the token's own.
            #expect(try await get(try await provider.token(), test, running).status == 200)
            for (asked, code) in Self.attacks {
                let answer = try await get(try await provider.token(asked), test, running)
                #expect(answer.status == 401 && answer.problemCode == "controller.access.\(code)", "\(asked)")
            }
            let good = try await provider.token()
            let parts = good.split(separator: ".")
            let changed = [
                good + ".", good + "A", "." + good, "..", "a.b.c", "\(parts[0]).\(parts[1]).",
                "\(parts[0]).\(parts[1])A.\(parts[2])", "\(parts[0]).\(parts[1]).\(parts[2])=",
                String(repeating: "A", count: 20_000) + "." + good,
            ]
            for text in changed {
                let answer = try await get(text, test, running)
                #expect(answer.status == 401, "\(text.prefix(40))")
            }
            let both = #"{"claims": {"aud": ["slipway-cli", "another"], "azp": "slipway-cli"}}"#
            #expect(try await get(try await provider.token(both), test, running).status == 200)
        }
    }

    @Test("After a rotation the new key counts and the old one does not; unknown keys make one question in 30 s")
    func rotation() async throws {
        try await with { provider, test, running, time in
            let old = try await provider.token()
            #expect(try await get(old, test, running).status == 200)
            try await provider.control("rotate")
            let new = try await provider.token()
            for _ in 0..<5 { #expect(try await get(new, test, running).status == 401) }
            #expect(try await provider.timesAsked() == 1)
            time.advance(by: .seconds(31))
            #expect(try await get(new, test, running).status == 200)
            #expect(try await get(old, test, running).problemCode == "controller.access.identityKey")
            let unknown = try await provider.token(#"{"header": {"kid": "made-up"}}"#)
            for _ in 0..<20 { #expect(try await get(unknown, test, running).status == 401) }
            #expect(try await provider.timesAsked() == 2)
        }
    }

    @Test("While the provider is down, known keys count for a day, then it says so; local tokens always work")
    func down() async throws {
        try await with { provider, test, running, time in
            let token = try await provider.token(#"{"at": {"exp": 86000}}"#)
            #expect(try await get(token, test, running).status == 200)
            let unknown = try await provider.token(#"{"header": {"kid": "made-up"}}"#)
            try await provider.stop()
            time.advance(by: .hours(2))
            #expect(try await get(token, test, running).status == 200)
            let answer = try await get(unknown, test, running)
            #expect(answer.status == 503 && answer.problemCode == "controller.access.provider")
            #expect(try answer.json(Problem.self).remedy.contains("local token"))
            #expect(try await get(test.adminToken, test, running).status == 200)
        }
    }

    @Test(
        "A provider that answers wrongly is asked in vain: nobody is let in by it, and it is not asked again at once",
        arguments: ["down", "oversized", "many", "redirect", "impostor"])
    func wrong(_ mode: String) async throws {
        try await with { provider, test, running, time in
            try await provider.control("set", #"{"mode": "\#(mode)"}"#)
            let token = try await provider.token()
            for _ in 0..<3 {
                let answer = try await get(token, test, running)
                #expect(answer.status == 503 && answer.problemCode == "controller.access.provider")
            }
            #expect(try await provider.timesAsked("/.well-known/openid-configuration") == 1)
            #expect(try await get(test.adminToken, test, running).status == 200)
            try await provider.control("set", #"{"mode": "good"}"#)
            time.advance(by: .seconds(31))
            #expect(try await get(token, test, running).status == 200)
        }
    }

    @Test("oidc.json counts as it is now: a grant that is taken out is gone, and a damaged file lets nobody in")
    func asItIs() async throws {
        try await with { provider, test, running, _ in
            let token = try await provider.token()
            #expect(try await get(token, test, running).status == 200)
            try provider.configure(test, #""command": {"clientID": "slipway-cli"}"#)
            #expect(try await get(token, test, running).status == 403)
            try provider.configure(test, #""command": {"clientID": "slipway-cli"}, "grant": []"#)
            #expect(try await get(token, test, running).status == 500)
            #expect(try await get(test.adminToken, test, running).status == 200)
            try provider.configure(test)
            #expect(try await get(token, test, running).status == 200)
            try Directory.open(test.folder.path).removeFile(OIDCSettings.fileName)
            #expect(try await get(token, test, running).problemCode == "controller.access.identityIssuer")
        }
    }
}
