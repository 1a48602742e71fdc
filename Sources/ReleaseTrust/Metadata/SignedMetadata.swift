import ReleaseDefinition

/// A metadata file taken apart, before anyone believes it: `{"signed": …, "signatures": […]}`. TUF 4.2.1.
///
/// The signed bytes are the canonical form of the parsed `signed`, unknown members included.
struct SignedMetadata: Sendable {
    static let signaturesMax = 1024

    /// `root`, `timestamp`, `snapshot`, `targets` or the delegated role's name: what messages and codes call it.
    let role: String
    let signed: JSONValue
    let version: Int64
    let expiresAt: UTCInstant
    /// The file as it came: what is stored and what hashes are of.
    let bytes: [UInt8]
    /// Of `bytes`, computed once.
    let sha256: SHA256Digest
    private let signedBytes: [UInt8]
    private let signatures: [String: [UInt8]]

    /// - Parameter type: the `_type` that must stand inside.
    /// - Throws: `trust.<role>.size`, `.form`, `.type`, `.specVersion`.
    init(parsing bytes: [UInt8], role: String, type: String, sizeMax: ByteCount) throws(TrustError) {
        guard TrustCheck.fileSize.holds(Int64(bytes.count) <= sizeMax.value) else {
            throw .refused(
                role, "size", "the file has \(bytes.count) bytes, at most \(sizeMax.value) are read",
                remedy: "Nothing was accepted. A repository of this size is not ours.")
        }
        let reader = try MetadataReader(parsing: bytes, role: role)
        let signed = try reader.member("signed")
        let foundType = try signed.string("_type")
        guard TrustCheck.fileType.holds(foundType.utf8.elementsEqual(type.utf8)) else {
            throw .refused(
                role, "type",
                "the file is of type \(foundType.debugDescription), expected is \"\(type)\"",
                remedy: "Nothing was accepted. The server mixed up files or somebody did.")
        }
        let specVersion = try signed.string("spec_version")
        guard TrustCheck.specVersion.holds(Self.isSupported(specVersion: specVersion)) else {
            throw .refused(
                role, "specVersion", "it follows TUF \(specVersion.debugDescription), we read 1.x",
                remedy: "Nothing was accepted. Update the agent if the repository moved on.")
        }
        self.role = role
        self.bytes = bytes
        sha256 = SHA256Digest(of: bytes)
        self.signed = signed.value
        version = try signed.version()
        expiresAt = try signed.instant("expires")
        signedBytes = signed.value.canonicalBytes
        signatures = try Self.signatures(reader)
    }

    /// TUF 4.2.1: key ids are unique in the list. A signature that is no hexadecimal text is kept as one that fails: an
    /// algorithm that we do not know may write it differently.
    private static func signatures(_ reader: MetadataReader) throws(TrustError) -> [String: [UInt8]] {
        var signatures: [String: [UInt8]] = [:]
        let list = try reader.array("signatures")
        guard list.count <= signaturesMax else {
            throw reader.malformed("\(list.count) signatures, at most \(signaturesMax) are read")
        }
        for signature in list {
            let keyID = try signature.string("keyid")
            let old = signatures.updateValue(Hexadecimal.decode(try signature.string("sig")) ?? [], forKey: keyID)
            guard TrustCheck.keySignsOnce.holds(old == nil) else {
                throw reader.malformed("the key id \(keyID.debugDescription) signs twice")
            }
        }
        return signatures
    }

    /// TUF 4.3: the major version decides.
    private static func isSupported(specVersion: String) -> Bool {
        let parts = specVersion.split(separator: ".", omittingEmptySubsequences: false)
        return (2...3).contains(parts.count) && parts[0] == "1"
            && parts.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }
    }

    /// A threshold of different keys signed this. TUF 5.3.4, 5.4.2, 5.5.3, 5.6.3.
    /// - Throws: `trust.<role>.signatures`.
    func requireSignatures(
        of keys: RoleKeys, from delegator: String, check: TrustCheck = .threshold
    ) throws(TrustError) {
        var (counted, valid) = (Set<PublicKey>(), 0)
        for (keyID, key) in keys.keys {
            guard let key, TrustCheck.keyCountsOnce.holds(!counted.contains(key)), let signature = signatures[keyID],
                TrustCheck.signatureIsValid.holds(key.verify(signature: signature, over: signedBytes))
            else { continue }
            counted.insert(key)
            valid += 1
        }
        guard check.holds(valid >= keys.threshold) else {
            throw .refused(
                role, "signatures",
                "version \(version) has \(valid) valid signatures of the \(keys.keys.count) keys that \(delegator) "
                    + "names, \(keys.threshold) are needed",
                remedy: "Nothing was accepted; what is installed is kept. Publish it again, signed by enough keys.")
        }
    }

    /// - Throws: `trust.<role>.expired`. TUF 5.3.10, 5.4.4, 5.5.6, 5.6.5: later than the start of the update.
    func requireUnexpired(at now: UTCInstant) throws(TrustError) {
        guard TrustCheck.unexpired(role: role).holds(expiresAt > now) else {
            throw .refused(
                role, "expired", "version \(version) expired at \(expiresAt), now it is \(now)",
                remedy: "No new release is installed; what runs is kept, and backing out still works. See that the "
                    + "repository renews its metadata, and that this host's clock is right.")
        }
    }
}

extension TrustError {
    /// The refusal of a metadata file. Delegated roles share the word `role` in codes.
    static func refused(_ role: String, _ why: String, _ what: String, remedy: String) -> TrustError {
        let isTop = ["root", "timestamp", "snapshot", "targets"].contains(role)
        return TrustError(
            code: "\(isTop ? role : "role").\(why)",
            summary: isTop ? "\(role) metadata: \(what)." : "Metadata of role \(role.debugDescription): \(what).",
            remedy: remedy)
    }
}
