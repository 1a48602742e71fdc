import Effects
import ReleaseDefinition

/// `GET /v1/sign-in`: where people get an identity token that this controller believes.
public struct SignInView: Sendable, Equatable, Codable {
    public var issuers: [SignInIssuer]
    public init(issuers: [SignInIssuer]) { self.issuers = issuers }
}

public struct SignInIssuer: Sendable, Equatable, Codable {
    public var name: String
    /// Exactly as `iss` in its tokens.
    public var url: String
    /// As whom the command asks: a public client.
    public var clientID: String
    public var scopes: [String]

    public init(name: String, url: String, clientID: String, scopes: [String]) {
        self.name = name
        self.url = url
        self.clientID = clientID
        self.scopes = scopes
    }
}

extension ControllerClient {
    /// Needs no token.
    public func signIn() async throws -> SignInView { try await get(["sign-in"]) }
}
