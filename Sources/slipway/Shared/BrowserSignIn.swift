import ControllerAPI
import Effects
import ReleaseDefinition

/// Signing in with a browser of this machine (RFC 8252): authorization code with PKCE, back over 127.0.0.1.
struct BrowserSignIn {
    static let patience = TimeSpan.minutes(5)
    static let path = "/callback"

    var issuer: SignInIssuer
    var http: any HTTPDoor
    var time: any TimeDoor = SystemTime()
    var random: any RandomDoor = SystemRandom()

    /// - Parameter show: says the address that the browser is to open.
    /// - Throws: `command.login.…`.
    func run(_ listener: LoopbackListener, show: (String) -> Void) async throws -> IssuedTokens {
        let endpoints = try await endpoints()
        guard let authorization = endpoints.authorization, let token = endpoints.token else {
            throw refused("it has nothing to sign in with", cause: nil)
        }
        let attempt = SignInAttempt(secret: Hexadecimal.encode(random.bytes(32)), issuer: issuer.url)
        let redirect = "http://127.0.0.1:\(listener.port)\(Self.path)"
        show(
            attempt.address(authorization, clientID: issuer.clientID, scopes: issuer.scopes, redirect: redirect))
        let code = try await code(listener, attempt)
        let tokens: IssuedTokens
        do {
            tokens = try await IssuedTokens.exchanged(
                for: attempt.form(code: code, redirect: redirect), by: TokenExchange(token, clientID: issuer.clientID),
                http)
        } catch let error as TokenExchange.Refusal {
            throw refused("it \(error.words)", cause: nil)
        }
        // It came from the issuer's own server over TLS (OpenID Connect Core 3.1.3.7); the controller verifies it.
        guard tokens.claims["nonce"]?.stringValue == attempt.nonce, tokens.claims["iss"]?.stringValue == issuer.url
        else {
            throw refused("its identity token is not of this sign-in", cause: nil)
        }
        var kept = tokens
        kept.endpoint = token
        return kept
    }

    private func endpoints() async throws -> ProviderEndpoints {
        do {
            let answer = try await http.send(
                HTTPRequest(
                    "GET", ProviderEndpoints.address(of: issuer.url),
                    headers: [HTTPField("Accept", "application/json")],
                    responseSizeMax: ProviderEndpoints.documentMax))
            guard answer.status == 200 else { throw refused("it answered \(answer.status)", cause: nil) }
            return try ProviderEndpoints(answer.body, of: issuer.url)
        } catch let error as ProviderEndpoints.Refusal {
            throw refused(error.words, cause: nil)
        } catch let error as EffectsError {
            throw refused("its server cannot be asked", cause: "\(error.code): \(error.summary)")
        }
    }

    /// What the browser brings back; whatever else comes to the port is turned away and waited on.
    private func code(_ listener: LoopbackListener, _ attempt: SignInAttempt) async throws -> String {
        let (issuer, time) = (issuer.url, time)
        let brought = try await withThrowingTaskGroup(of: Result<String, CommandError>?.self) { group in
            group.addTask {
                try await listener.wait { target in Self.answer(target, attempt, issuer: issuer) }
            }
            group.addTask {
                try await time.sleep(for: Self.patience)
                return nil
            }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
        guard let brought else {
            throw refused("the browser did not come back within \(Self.patience)", cause: nil)
        }
        return try brought.get()
    }

    static func answer(
        _ target: String, _ attempt: SignInAttempt, issuer: String
    ) -> (status: String, page: String, value: Result<String, CommandError>?) {
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.first.map(String.init) == path else {
            return ("404 Not Found", page("There is nothing here."), nil)
        }
        let query = QueryText(parts.count > 1 ? String(parts[1]) : "")
        guard query["state"] == attempt.state, query["iss"].map({ $0 == issuer }) ?? true else {
            return ("400 Bad Request", page("This is not the sign-in that the command began."), nil)
        }
        guard let code = query["code"], !code.isEmpty else {
            let error = CommandError(
                code: "login.refused",
                summary: "The identity provider refused the sign-in: \(query["error"] ?? "it gave no code").",
                remedy: "Begin again: slipway login --oidc")
            return ("200 OK", page("The sign-in was refused. The command says why."), .failure(error))
        }
        return ("200 OK", page("You are signed in. This page can be closed."), .success(code))
    }

    private static func page(_ words: String) -> String {
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>slipway</title><p>\(words)</p></html>\n"
    }

    private func refused(_ why: String, cause: String?) -> CommandError {
        CommandError(
            code: "login.refused", summary: "The sign-in with \(issuer.name) (\(issuer.url)) was not finished: \(why).",
            remedy: "Begin again: slipway login --oidc. Where its server's certificate is not believed: "
                + "--issuer-authority PEM.", cause: cause)
    }
}

/// What an issuer's token endpoint gave.
struct IssuedTokens: Sendable {
    var idToken: String
    var refreshToken: String?
    var expiresAt: UTCInstant
    /// Unverified.
    var claims: JSONValue
    /// Where a refresh token is taken.
    var endpoint = ""

    /// - Throws: `TokenExchange.Refusal`, `effects.http.…`.
    static func exchanged(
        for form: [(String, String)], by exchange: TokenExchange, _ http: any HTTPDoor
    ) async throws -> IssuedTokens {
        let answer = try await exchange.answer(to: form, http)
        guard let tokens = IssuedTokens(answer.value, answer.identityToken) else {
            throw TokenExchange.Refusal(words: "gave no identity token that can be read")
        }
        return tokens
    }

    private init?(_ answer: JSONValue, _ token: String) {
        guard token.utf8.count <= 16 << 10 else { return nil }
        let parts = token.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 3, let payload = Base64URL.decode(parts[1]),
            let claims = try? JSONValue(parsing: payload),
            let seconds = claims["exp"]?.integerValue, (0...253_402_300_799).contains(seconds)
        else { return nil }
        idToken = token
        refreshToken = answer["refresh_token"]?.stringValue
        expiresAt = UTCInstant(secondsSince1970: seconds)
        self.claims = claims
    }
}

/// `a=b&c=d` of an address.
struct QueryText {
    private var values: [String: String] = [:]

    init(_ text: String) {
        for pair in text.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, let name = Self.decoded(parts[0]), let value = Self.decoded(parts[1]) else {
                continue
            }
            // A second value would be somebody else's.
            if values[name] == nil { values[name] = value }
        }
    }

    subscript(name: String) -> String? { values[name] }

    private static func decoded(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "+"): bytes.append(UInt8(ascii: " "))
            case UInt8(ascii: "%"):
                guard rest.count >= 2,
                    let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
                else { return nil }
                bytes.append(value)
                rest = rest.dropFirst(2)
            default: bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
