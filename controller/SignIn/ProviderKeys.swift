import JWTKit
import ReleaseDefinition

/// The public keys of an issuer (RFC 7517), as it published them.
struct ProviderKeys: Sendable {
    static let keysMax = 64

    struct Key: Sendable {
        var id: String?
        /// Fixed by the key, never by the token.
        var algorithm: TokenAlgorithm
        fileprivate var verifier: JWTKeyCollection
    }

    private(set) var keys: [Key] = []

    static let none = ProviderKeys()
    private init() {}

    /// Keys for other purposes and of kinds that we do not use are left out.
    /// - Throws: `OIDCProvider.Trouble`.
    init(_ bytes: [UInt8]) async throws {
        guard let value = try? JSONValue(parsing: bytes), let list = value["keys"]?.arrayValue else {
            throw OIDCProvider.Trouble("its keys are no JSON Web Key Set")
        }
        guard list.count <= Self.keysMax else {
            throw OIDCProvider.Trouble("it has \(list.count) keys, at most \(Self.keysMax) are read")
        }
        for entry in list {
            guard let key = await Self.key(entry) else { continue }
            guard !keys.contains(where: { $0.id == key.id && $0.algorithm == key.algorithm }) else {
                throw OIDCProvider.Trouble("two of its keys have one id")
            }
            keys.append(key)
        }
    }

    /// A token without a key's id can mean only the one there is.
    func key(for token: UnverifiedIdentityToken) -> Key? {
        if let id = token.keyID { return keys.first { $0.id == id && $0.algorithm == token.algorithm } }
        let fitting = keys.filter { $0.algorithm == token.algorithm }
        return fitting.count == 1 ? fitting.first : nil
    }

    private static func key(_ entry: JSONValue) async -> Key? {
        func text(_ name: String) -> String? { entry[name]?.stringValue }
        if let use = text("use"), use != "sig" { return nil }
        if let operations = entry["key_ops"]?.arrayValue {
            guard operations.contains(where: { $0.stringValue == "verify" }) else { return nil }
        }
        func isFor(_ algorithm: TokenAlgorithm) -> Bool { text("alg").map { $0 == algorithm.rawValue } ?? true }
        let verifier = JWTKeyCollection()
        switch (text("kty"), text("crv")) {
        case ("RSA", _):
            guard isFor(.rs256), let modulus = text("n"), let exponent = text("e"),
                let size = Base64URL.decode(Array(modulus.utf8))?.drop(while: { $0 == 0 }).count,
                (256...1024).contains(size),
                let key = try? Insecure.RSA.PublicKey(modulus: modulus, exponent: exponent)
            else { return nil }
            await verifier.add(rsa: key, digestAlgorithm: .sha256)
            return Key(id: text("kid"), algorithm: .rs256, verifier: verifier)
        case ("EC", "P-256"):
            guard isFor(.es256), let x = text("x"), let y = text("y"),
                let key = try? ES256PublicKey(parameters: (x, y))
            else { return nil }
            await verifier.add(ecdsa: key)
            return Key(id: text("kid"), algorithm: .es256, verifier: verifier)
        case ("OKP", "Ed25519"):
            guard isFor(.eddsa), let x = text("x"), let key = try? EdDSA.PublicKey(x: x, curve: .ed25519) else {
                return nil
            }
            await verifier.add(eddsa: key)
            return Key(id: text("kid"), algorithm: .eddsa, verifier: verifier)
        default: return nil
        }
    }
}

extension ProviderKeys.Key {
    /// Whether the token is signed by this key.
    func hasSigned(_ token: UnverifiedIdentityToken) async -> Bool {
        guard algorithm == token.algorithm else { return false }
        return (try? await verifier.verify(token.text, as: AnyClaims.self)) != nil
    }

    /// The claims are read by our own strict parser.
    private struct AnyClaims: JWTPayload {
        func verify(using algorithm: some JWTAlgorithm) async throws {}
    }
}
