import ReleaseDefinition

/// Where an issuer of identities answers (OpenID Connect Discovery 1.0).
public struct ProviderEndpoints: Sendable, Equatable {
    /// What is wrong with the document, for a sentence about the issuer.
    public struct Refusal: Error, Equatable {
        public var words: String
    }

    public static let documentMax = ByteCount(64 << 10)

    public var keys: String
    /// nil: nobody signs in there; that of a CI system has keys alone.
    public var authorization: String?
    public var token: String?
    /// Whether a client's secret goes into the form and not into a header.
    public var takesSecretInForm: Bool

    public static func address(of issuer: String) -> String {
        (issuer.hasSuffix("/") ? String(issuer.dropLast()) : issuer) + "/.well-known/openid-configuration"
    }

    /// - Throws: `Refusal`.
    public init(_ document: [UInt8], of issuer: String) throws {
        guard let value = try? JSONValue(parsing: document) else {
            throw Refusal(words: "its configuration is no JSON")
        }
        guard let name = value["issuer"]?.stringValue, name.utf8.elementsEqual(issuer.utf8) else {
            throw Refusal(words: "its configuration names another issuer than \(issuer)")
        }
        func address(_ member: String) throws -> String? {
            guard let found = value[member] else { return nil }
            guard let text = found.stringValue, Self.isAddress(text) else {
                throw Refusal(words: "its \(member) is no https address")
            }
            return text
        }
        guard let keys = try address("jwks_uri") else { throw Refusal(words: "its configuration names no jwks_uri") }
        self.keys = keys
        authorization = try address("authorization_endpoint")
        token = try address("token_endpoint")
        let methods = value["token_endpoint_auth_methods_supported"]?.arrayValue?.compactMap(\.stringValue)
        takesSecretInForm =
            methods.map { !$0.contains("client_secret_basic") && $0.contains("client_secret_post") } ?? false
    }

    /// `https`, a host, and nothing that a log or a header could not hold.
    public static func isAddress(_ text: String) -> Bool {
        guard text.hasPrefix("https://"), text.utf8.count <= 2000 else { return false }
        let rest = text.dropFirst("https://".count)
        return !rest.isEmpty && rest.first != "/" && !rest.contains("@") && !rest.contains("#")
            && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "\\") && $0 != UInt8(ascii: "\"") }
    }
}
