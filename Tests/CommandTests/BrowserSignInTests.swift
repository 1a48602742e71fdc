import ControllerAPI
import Effects
import ReleaseDefinition
import Synchronization
import TestSupport
import Testing

@testable import slipway

@Suite(
    "slipway login --oidc, with a real provider",
    .enabled(if: TestProvider.python != nil, "\(TestProvider.absent)"))
struct BrowserSignInTests {
    private func issuer(_ provider: TestProvider, scopes: [String] = ["openid", "offline_access"]) -> SignInIssuer {
        SignInIssuer(name: "company", url: provider.url, clientID: "slipway-cli", scopes: scopes)
    }

    /// As a browser on this machine does it.
    private func come(back location: String) async throws -> HTTPResponse {
        let http = try LiveHTTP(identity: nil, userAgent: "slipway-tests")
        let answer = try await http.send(HTTPRequest("GET", location))
        await http.shutdown()
        return answer
    }

    /// Signs in; `browse` is given the address that the command shows.
    private func signIn(
        _ provider: TestProvider, _ issuer: SignInIssuer, browse: @escaping @Sendable (String) async throws -> Void
    ) async throws -> IssuedTokens {
        let (addresses, continuation) = AsyncStream.makeStream(of: String.self)
        // Whichever fails first ends the other.
        return try await withThrowingTaskGroup(of: IssuedTokens?.self) { group in
            group.addTask {
                defer { continuation.finish() }
                return try await BrowserSignIn(issuer: issuer, http: provider.http).run(LoopbackListener()) {
                    continuation.yield($0)
                }
            }
            group.addTask {
                for await address in addresses { try await browse(address) }
                return nil
            }
            var tokens: IssuedTokens?
            for try await outcome in group { tokens = outcome ?? tokens }
            return try #require(tokens)
        }
    }

    @Test("The browser brings a code to 127.0.0.1, the command gets a token for it, and only its own sign-in counts")
    func whole() async throws {
        try await TestProvider.serving { provider in
            let tokens = try await signIn(provider, issuer(provider)) { address in
                let location = try await provider.agree(to: address)
                #expect(location.hasPrefix("http://127.0.0.1:"))
                // Another page of this machine's browsers, and a made-up answer: turned away, and the command waits on.
                let base = String(location.prefix { $0 != "?" })
                #expect(try await come(back: base.replacing("/callback", with: "/favicon.ico")).status == 404)
                #expect(try await come(back: base + "?code=stolen&state=guessed").status == 400)
                #expect(try await come(back: base + "?code=stolen").status == 400)
                #expect(try await come(back: location.replacing("iss=https", with: "iss=http")).status == 400)
                #expect(try await come(back: location).status == 200)
            }
            #expect(tokens.refreshToken != nil && tokens.endpoint == provider.url + "/token")
            #expect(tokens.claims["sub"]?.stringValue == "alice-1")
        }
    }

    @Test(
        "A token with another nonce or of another issuer, and a refusal by the provider, are errors with what to do",
        arguments: [#"{"override": {"nonce": "x"}}"#, #"{"override": {"iss": "https://elsewhere.example"}}"#, "denied"])
    func refused(_ what: String) async throws {
        try await TestProvider.serving { provider in
            if what != "denied" { try await provider.control("set", what) }
            let error = await #expect(throws: CommandError.self) {
                try await signIn(provider, issuer(provider)) { address in
                    let location = try await provider.agree(to: address)
                    let denied = location.replacing("code=", with: "error=access_denied&was=")
                    _ = try await come(back: what == "denied" ? denied : location)
                }
            }
            #expect(error?.code == "command.login.refused")
            #expect(error?.remedy.contains("slipway login --oidc") == true)
        }
    }

    @Test(
        "A kept token is used until it ends, then renewed once for all; what cannot be renewed says how to sign in again"
    )
    func renews() async throws {
        try await TestProvider.serving { provider in
            try await WorkFolder.with { work in
                let path = work.path + "/config/slipway"
                func keep(_ scopes: [String]) async throws -> IssuedTokens {
                    let tokens = try await signIn(provider, issuer(provider, scopes: scopes)) { address in
                        _ = try await come(back: try await provider.agree(to: address))
                    }
                    let material = ConnectionMaterial(url: "https://a.example", authority: "PEM", token: tokens.idToken)
                    try LoginFolder.keep(
                        material, in: path, signIn: (KeptSignIn(tokens, of: issuer(provider)), provider.authority))
                    return tokens
                }
                let tokens = try await keep(["openid", "offline_access"])
                let folder = try Directory.open(path)
                for name in try folder.list() { #expect(try folder.status(name.name)?.mode == 0o600, "\(name.name)") }
                let early = ManualTime(now: tokens.expiresAt - .minutes(5))
                #expect(
                    try await KeptSignIn.freshToken(in: path, kept: tokens.idToken, time: early) == tokens.idToken)
                let late = ManualTime(now: tokens.expiresAt - .seconds(10))
                try await provider.control("set", #"{"lifetime": 4000}"#)
                let next = try await KeptSignIn.freshToken(in: path, kept: tokens.idToken, time: late)
                #expect(next != tokens.idToken)
                #expect(try InputFile.readText(path + "/token") == next)
                #expect(try await KeptSignIn.freshToken(in: path, kept: next, time: late) == next)
                #expect(try await provider.timesAsked("/token") == 2)
                // Without offline_access there is nothing to renew with.
                let short = try await keep(["openid"])
                let after = ManualTime(now: short.expiresAt)
                let error = await #expect(throws: CommandError.self) {
                    try await KeptSignIn.freshToken(in: path, kept: short.idToken, time: after)
                }
                #expect(
                    error?.code == "command.login.expired" && error?.remedy == "Sign in again: slipway login --oidc")
                // What renews counts once, and its answer is said.
                let used = try await keep(["openid", "offline_access"])
                let kept = try folder.read(KeptSignIn.fileName, sizeMax: ByteCount(1 << 16))
                let then = ManualTime(now: used.expiresAt)
                _ = try? await KeptSignIn.freshToken(in: path, kept: used.idToken, time: then)
                try folder.writeDurably(KeptSignIn.fileName, kept, mode: 0o600)
                let twice = await #expect(throws: CommandError.self) {
                    try await KeptSignIn.freshToken(in: path, kept: used.idToken, time: then)
                }
                #expect(twice?.cause?.contains("invalid_grant") == true)
                // The provider is gone.
                let last = try await keep(["openid", "offline_access"])
                try await provider.stop()
                let gone = await #expect(throws: CommandError.self) {
                    try await KeptSignIn.freshToken(in: path, kept: last.idToken, time: ManualTime(now: last.expiresAt))
                }
                #expect(gone?.code == "command.login.expired" && gone?.cause?.contains("effects.http.") == true)
            }
        }
    }

    @Test("Login by a browser needs no token, chooses among issuers by name, and says so where there is none")
    func options() throws {
        #expect(throws: Never.self) { try LoginCommand.parse(["--oidc"]) }
        #expect(throws: Never.self) { try LoginCommand.parse(["--oidc", "--dir", "d", "--issuer", "company"]) }
        for wrong in [["--oidc", "--forget"], ["--oidc", "--token-file", "f"], ["--dir", "d", "--issuer", "x"]] {
            #expect(throws: (any Error).self, "\(wrong)") { try LoginCommand.parse(wrong) }
        }
        let offered = ["a", "b"].map { SignInIssuer(name: $0, url: "https://\($0)", clientID: "c", scopes: ["openid"]) }
        #expect(try LoginCommand.choose("b", of: offered).name == "b")
        #expect(try LoginCommand.choose(nil, of: [offered[0]]).name == "a")
        for (name, list) in [(nil, offered), ("c", offered), (nil, [])] {
            let error = #expect(throws: CommandError.self) { try LoginCommand.choose(name, of: list) }
            #expect(error?.code == "command.login.issuer")
        }
    }
}
