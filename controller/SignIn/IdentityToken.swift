import ReleaseDefinition

/// How an identity token may be signed: by a private key of the issuer, never by a shared secret and never not at all.
enum TokenAlgorithm: String, Sendable, CaseIterable {
    case rs256 = "RS256"
    case es256 = "ES256"
    case eddsa = "EdDSA"
}

/// A JSON Web Token in its compact form (RFC 7519, RFC 7515 7.1), read and not yet believed.
struct UnverifiedIdentityToken: Sendable {
    static let sizeMax = 16 << 10
    /// What a header may say that it is (RFC 8725 3.11): a token for something else is no identity.
    private static let types: Set = ["jwt", "at+jwt", "application/at+jwt"]

    let text: String
    let algorithm: TokenAlgorithm
    let keyID: String?
    let claims: JSONValue

    /// Tokens of our own are hexadecimal.
    static func isOne(_ text: String) -> Bool { text.utf8.contains(UInt8(ascii: ".")) }

    /// - Throws: `controller.access.identityToken`.
    init(_ text: String) throws {
        let parts = text.utf8.split(separator: UInt8(ascii: "."), maxSplits: 3, omittingEmptySubsequences: false)
        guard text.utf8.count <= Self.sizeMax, parts.count == 3,
            let header = Self.object(parts[0]), let claims = Self.object(parts[1]),
            Base64URL.decode(parts[2]) != nil
        else {
            throw ControllerError.identityToken("it is not three parts of base64url, two of them JSON objects")
        }
        let name = header["alg"]?.stringValue ?? ""
        guard let algorithm = TokenAlgorithm(rawValue: name) else {
            let known = TokenAlgorithm.allCases.map(\.rawValue).joined(separator: ", ")
            throw ControllerError.identityToken("it is signed by \(name.bounded(40).debugDescription), not by \(known)")
        }
        // Whatever must be understood is not (RFC 7515 4.1.11); keys that a token brings along are never looked at.
        guard header["crit"] == nil else { throw ControllerError.identityToken("its header has critical extensions") }
        if let type = header["typ"] {
            guard let word = type.stringValue, Self.types.contains(word.lowercased()) else {
                throw ControllerError.identityToken("its header says that it is something else")
            }
        }
        if let key = header["kid"], key.stringValue == nil {
            throw ControllerError.identityToken("its header's kid is no text")
        }
        self.text = text
        self.algorithm = algorithm
        self.keyID = header["kid"]?.stringValue
        self.claims = claims
    }

    private static func object(_ part: some Collection<UInt8>) -> JSONValue? {
        guard let bytes = Base64URL.decode(part),
            let value = try? JSONValue(parsing: bytes, limits: JSONLimits(bytesMax: sizeMax, depthMax: 8)),
            value.objectValue != nil
        else { return nil }
        return value
    }
}

extension ControllerError {
    static func identityToken(_ why: String) -> Self {
        .unauthorized(
            "identityToken", "This is no identity token that is believed here: \(why).",
            remedy: "Sign in again: slipway login --oidc; in CI, ask for an ID token of the provider.")
    }
}
