import ReleaseDefinition

/// One sign-in by a browser: authorization code with PKCE (RFC 6749 4.1, RFC 7636, RFC 9700). All of it comes from one
/// secret, which whoever began keeps to himself until the browser is back.
public struct SignInAttempt: Sendable, Equatable {
    /// Comes back with the browser: this sign-in and no other.
    public let state: String
    /// Comes back within the token.
    public let nonce: String
    /// Shown to the issuer with the code alone.
    public let verifier: String

    /// - Parameters:
    ///   - secret: at least 32 random bytes, as hexadecimal.
    ///   - issuer: an answer of another one is none (RFC 9700 4.4).
    public init(secret: String, issuer: String) {
        func derive(_ purpose: String) -> String {
            SHA256Digest(of: Array("\(purpose)\n\(issuer)\n\(secret)".utf8)).hex
        }
        state = derive("state")
        nonce = derive("nonce")
        verifier = derive("verifier")
    }

    /// S256.
    public var challenge: String { Base64URL.encode(SHA256Digest(of: Array(verifier.utf8)).bytes) }

    /// Where the browser goes.
    public func address(
        _ authorization: String, clientID: String, scopes: [String], redirect: String
    ) -> String {
        let query = [
            ("response_type", "code"), ("client_id", clientID), ("redirect_uri", redirect),
            ("scope", scopes.joined(separator: " ")), ("state", state), ("nonce", nonce),
            ("code_challenge", challenge), ("code_challenge_method", "S256"),
        ]
        let joined = query.map { "\($0)=\($1.percentEncoded)" }.joined(separator: "&")
        return authorization + (authorization.contains("?") ? "&" : "?") + joined
    }

    /// What is sent for the code (RFC 6749 4.1.3).
    public func form(code: String, redirect: String) -> [(String, String)] {
        [
            ("grant_type", "authorization_code"), ("code", code), ("redirect_uri", redirect),
            ("code_verifier", verifier),
        ]
    }
}
