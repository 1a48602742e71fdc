import FoundationEssentials
import ReleaseDefinition

/// A payload with its type under signatures: in-toto's DSSE 1.0 envelope. Says nothing until `verify` did.
public struct DSSEEnvelope: Sendable, Equatable {
    public struct Signature: Sendable, Equatable {
        /// A hint only: never trusted.
        public var keyID: String
        public var bytes: [UInt8]

        public init(keyID: String, bytes: [UInt8]) {
            self.keyID = keyID
            self.bytes = bytes
        }
    }

    public static let signaturesMax = 64
    public var payloadType: String
    public var payload: [UInt8]
    public var signatures: [Signature]

    public static func sign(_ payload: [UInt8], type: String, keys: [SigningKey]) throws(TrustError) -> DSSEEnvelope {
        var envelope = DSSEEnvelope(payloadType: type, payload: payload, signatures: [])
        for key in keys {
            let bytes = try key.sign(envelope.preAuthenticationEncoding)
            envelope.signatures.append(Signature(keyID: key.publicKey.keyID, bytes: bytes))
        }
        return envelope
    }

    /// For signatures that were made elsewhere, over `preAuthenticationEncoding`.
    public init(payloadType: String, payload: [UInt8], signatures: [Signature]) {
        self.payloadType = payloadType
        self.payload = payload
        self.signatures = signatures
    }

    /// - Throws: `trust.envelope.form`.
    public init(json: JSONValue) throws(TrustError) {
        guard let type = json["payloadType"]?.stringValue, let payload = json["payload"]?.stringValue,
            let signatures = json["signatures"]?.arrayValue, signatures.count <= Self.signaturesMax
        else {
            throw Self.malformed("payloadType, payload and at most \(Self.signaturesMax) signatures are expected")
        }
        payloadType = type
        self.payload = try Self.decode(payload)
        self.signatures = []
        for signature in signatures {
            guard let text = signature["sig"]?.stringValue else { throw Self.malformed("a signature has no sig") }
            self.signatures.append(
                Signature(keyID: signature["keyid"]?.stringValue ?? "", bytes: try Self.decode(text)))
        }
    }

    public var json: JSONValue {
        .object([
            JSONMember("payload", .string(Data(payload).base64EncodedString())),
            JSONMember("payloadType", .string(payloadType)),
            JSONMember(
                "signatures",
                .array(
                    signatures.map { signature in
                        .object([
                            JSONMember("keyid", .string(signature.keyID)),
                            JSONMember("sig", .string(Data(signature.bytes).base64EncodedString())),
                        ])
                    })),
        ])
    }

    /// `DSSEv1 <length of type> <type> <length of payload> <payload>`: what is signed.
    public var preAuthenticationEncoding: [UInt8] {
        let type = Array(payloadType.utf8)
        return Array("DSSEv1 \(type.count) ".utf8) + type + Array(" \(payload.count) ".utf8) + payload
    }

    /// The payload, once at least `threshold` different keys of `keys` have signed it; each key counts once.
    /// - Throws: `trust.envelope.type`, `trust.envelope.signatures`.
    public func verify(type: String, keys: Set<PublicKey>, threshold: Int) throws(TrustError) -> [UInt8] {
        guard TrustCheck.payloadType.holds(payloadType.utf8.elementsEqual(type.utf8)) else {
            throw TrustError(
                code: "envelope.type",
                summary: "The envelope holds \(payloadType.debugDescription), expected is \(type.debugDescription).",
                remedy: "The sender mixed up two kinds of document: nothing was accepted.")
        }
        let message = preAuthenticationEncoding
        let valid = keys.filter { key in signatures.contains { key.verify(signature: $0.bytes, over: message) } }
        guard TrustCheck.directorSigned.holds(threshold >= 1 && valid.count >= threshold) else {
            throw TrustError(
                code: "envelope.signatures",
                summary:
                    "The envelope has \(valid.count) valid signatures, \(threshold) of \(keys.count) keys must sign.",
                remedy:
                    "Nothing was accepted. If the director's keys were changed, publish the new targets metadata first."
            )
        }
        return payload
    }

    /// The envelope with nothing in it that this key did not sign, so that who passes it on cannot make another of it.
    /// - Throws: `trust.envelope.signatures` where the key signed nothing of it.
    public func signed(by key: PublicKey) throws(TrustError) -> DSSEEnvelope {
        let message = preAuthenticationEncoding
        guard let own = signatures.first(where: { key.verify(signature: $0.bytes, over: message) }) else {
            throw TrustError(
                code: "envelope.signatures", summary: "The envelope has no signature of key \(key.keyID.prefix(8))….",
                remedy: "Nothing was accepted. See who wrote it.")
        }
        return DSSEEnvelope(
            payloadType: payloadType, payload: payload, signatures: [Signature(keyID: key.keyID, bytes: own.bytes)])
    }

    /// The envelope with its first signature alone, whose signer is known under this id.
    public func keeping(first keyID: String) -> DSSEEnvelope {
        DSSEEnvelope(
            payloadType: payloadType, payload: payload,
            signatures: signatures.prefix(1).map { Signature(keyID: keyID, bytes: $0.bytes) })
    }

    /// Base 64 in the one form that encodes back to the same text, standard or URL-safe alphabet.
    private static func decode(_ text: String) throws(TrustError) -> [UInt8] {
        let standard = String(text.map { $0 == "-" ? "+" : $0 == "_" ? "/" : $0 })
        guard let data = Data(base64Encoded: standard), data.base64EncodedString() == standard else {
            throw malformed("a member is no base 64 text")
        }
        return Array(data)
    }

    private static func malformed(_ what: String) -> TrustError {
        TrustError(
            code: "envelope.form", summary: "The text is no DSSE envelope: \(what).",
            remedy: "Nothing was accepted. See who wrote it.")
    }
}
