import ReleaseDefinition
import Testing

@testable import ControllerLibrary

@Suite("Whom oidc.json believes, and what it gives")
struct IssuerSettingsTests {
    private func read(_ members: String, url: String = "https://id.example") throws -> OIDCIssuer {
        let text = #"{"issuers": [{"name": "ci", "url": "\#(url)", "authority": "a.pem", \#(members)}]}"#
        return try #require(try OIDCSettings(file: Array(text.utf8)).issuers.first)
    }

    private func person(_ claims: String, _ issuer: OIDCIssuer) throws -> VerifiedIdentity {
        let now = UTCInstant(secondsSince1970: 1_800_000_000)
        let all = #"{"iss": "https://id.example", "aud": "slipway", "iat": 1800000000, "exp": 1800000600, \#(claims)}"#
        return VerifiedIdentity(
            issuer: issuer,
            claims: try TokenClaims(
                JSONValue(parsing: Array(all.utf8)), of: issuer, expecting: TokenExpectation(audiences: ["slipway"]),
                at: now))
    }

    @Test(
        "What could let in more than was meant is refused: slips of the pen, everybody, half a name, a scoped administrator",
        arguments: [
            #""audiences": ["a"], "grants": [{"set": "viewer"}]"#,
            #""audiences": ["a"], "grants": [{"claims": {}, "set": "viewer"}]"#,
            #""audiences": ["a"], "grants": [{"claims": {"groups": ""}, "set": "viewer"}]"#,
            #""audiences": ["a"], "grants": [{"claims": {"groups": "x"}, "set": "operator", "enviroment": "staging"}]"#,
            #""audiences": ["a"], "grants": [{"claims": {"groups": "x"}, "set": "emperor"}]"#,
            #""audiences": ["a"], "grants": [{"claims": {"groups": "x"}, "set": "admin", "product": "web"}]"#,
            #""audiences": ["a"], "grants": [{"beginnings": {"sub": "repo:org/app"}, "set": "viewer"}]"#,
            #""audiences": ["a"], "grants": [{"beginnings": {"sub": "repo:"}, "set": "viewer"}]"#,
            #""audiences": ["a"], "grants": [{"beginnings": {"sub": ""}, "set": "viewer"}]"#,
            #""audiences": [""]"#, #""audiences": []"#, #""grants": []"#,
            #""command": {"clientID": ""}"#, #""command": {"clientID": "a", "scopes": ["email"]}"#,
            #""command": {"clientID": "a", "secretFile": "s"}"#,
            #""audiences": ["a"], "people": [{"subject": "1", "person": "company:bob"}]"#,
            #""audiences": ["a"], "people": [{"subject": "1", "person": "a"}, {"subject": "1", "person": "b"}]"#,
        ])
    func refused(_ members: String) {
        let error = #expect(throws: ControllerError.self) { try read(members) }
        #expect(error?.code == "controller.setup.oidc")
    }

    @Test(
        "An issuer's address is https and nothing else",
        arguments: [
            "http://id.example", "https://", "https:///x", "https://user@id.example", "https://id.example/?a=b", "",
        ])
    func address(_ url: String) {
        #expect(throws: ControllerError.self) { try read(#""audiences": ["a"]"#, url: url) }
    }

    @Test("All that a grant names must hold, whole and by bytes; an address counts when it was proved")
    func grants() throws {
        let issuer = try read(
            #"""
            "audiences": ["slipway"], "grants": [
                {"claims": {"repository": "org/app", "ref": "refs/heads/main"}, "set": "builder", "product": "app"},
                {"claims": {"groups": "operators"}, "set": "operator"},
                {"claims": {"email": "ann@example.com"}, "set": "viewer"},
                {"claims": {"environment": "production"}, "beginnings": {"sub": "repo:org/"}, "set": "emergency"}]
            """#)
        func sets(_ claims: String) throws -> [PermissionSet] {
            try person(#""sub": "s", \#(claims)"#.replacing(#""sub": "s", "sub""#, with: #""sub""#), issuer).grants.map(
                \.set)
        }
        #expect(try sets(#""repository": "org/app", "ref": "refs/heads/main""#) == [.builder])
        #expect(try sets(#""repository": "org/app", "ref": "refs/heads/mainline""#).isEmpty)
        #expect(try sets(#""repository": "org/app""#).isEmpty)
        #expect(try sets(#""groups": ["users", "operators"]"#) == [.operator])
        #expect(try sets(#""groups": "operators""#) == [.operator])
        #expect(try sets(#""groups": "operators users""#).isEmpty)
        #expect(try sets(#""groups": {"operators": true}"#).isEmpty)
        #expect(try sets(#""email": "ann@example.com""#).isEmpty)
        #expect(try sets(#""email": "ann@example.com", "email_verified": "true""#).isEmpty)
        #expect(try sets(#""email": "ann@example.com", "email_verified": true"#) == [.viewer])
        #expect(try sets(#""sub": "repo:org/app:x", "environment": "production""#) == [.emergency])
        #expect(try sets(#""sub": "repo:org/app:x""#).isEmpty)
        #expect(try sets(#""sub": "repo:organisation/app:x", "environment": "production""#).isEmpty)
    }

    @Test("No two subjects have one name, and none has a local person's unless oidc.json says that it is that person")
    func names() throws {
        let issuer = try read(#""audiences": ["slipway"], "people": [{"subject": "8f3e", "person": "ann"}]"#)
        func name(_ subject: String) throws -> String { try person(#""sub": "\#(subject)""#, issuer).personName }
        #expect(try name("8f3e") == "ann")
        #expect(try name("8F3E") == "ci:8F3E")
        #expect(try name("repo:org/app:ref:refs/heads/main") == "ci:repo:org/app:ref:refs/heads/main")
        #expect(try name("a b%20c") == "ci:a%20b%2520c")
        for subject in ["ann", "a b", "repo:x/y", "a%20b", String(repeating: "%", count: 255)] {
            let name = try name(subject)
            #expect(PersonNames.isOfIssuer(name))
            #expect(throws: ControllerError.self) { try Controller.checkedPerson(name) }
        }
        for name in ["ann", ":ann", "ci:", "ci:a b", "c i:a", "ci:\u{e9}"] { #expect(!PersonNames.isOfIssuer(name)) }
    }
}
