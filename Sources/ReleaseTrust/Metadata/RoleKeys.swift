import ReleaseDefinition

/// Who may sign for a role, and how many of them must: the part of a delegator that is about one role.
struct RoleKeys: Sendable {
    /// By key id, recomputed from the key; nil for an algorithm that the policy does not accept.
    let keys: [String: PublicKey?]
    let threshold: Int

    var publicKeys: Set<PublicKey> { Set(keys.values.compactMap { $0 }) }

    /// A key that could sign before and cannot now. Adding a key or changing the threshold takes nothing away.
    func lostKey(of old: RoleKeys) -> Bool { !old.publicKeys.isSubset(of: publicKeys) }

    /// - Parameter table: the delegator's `keys`.
    init(reading role: MetadataReader, table: KeyTable) throws(TrustError) {
        var keys: [String: PublicKey?] = [:]
        for keyID in try role.strings("keyids") {
            guard keys[keyID] == nil else { throw role.malformed("the key id \(keyID.debugDescription) stands twice") }
            // An id without a key can never sign; TUF leaves it to the threshold to notice.
            keys.updateValue(table.keys[keyID] ?? nil, forKey: keyID)
        }
        self.keys = keys
        let threshold = try role.integer("threshold", from: .min)
        guard TrustCheck.thresholdIsPositive.holds(threshold >= 1) else {
            throw role.malformed("found threshold \(threshold), expected 1 or more")
        }
        guard let exact = Int(exactly: threshold) else { throw role.malformed("threshold \(threshold)") }
        self.threshold = exact
    }
}

/// The `keys` member of root, delegations and the director's entry. TUF 4.2.2, 4.3.
struct KeyTable: Sendable {
    let keys: [String: PublicKey?]

    /// - Throws: `trust.key.id` where a key id is not the hash of its key; `trust.key.form`, `trust.key.weak`.
    init(reading table: MetadataReader, accepting algorithms: Set<KeyAlgorithm>) throws(TrustError) {
        var keys: [String: PublicKey?] = [:]
        for (keyID, key) in try table.members() {
            let hash = SHA256Digest(of: key.value.canonicalBytes).hex
            guard TrustCheck.keyIsHash.holds(keyID.utf8.elementsEqual(hash.utf8)) else {
                throw TrustError(
                    code: "key.id",
                    summary: "\(table.role) metadata names a key \(keyID.debugDescription) whose hash is \(hash).",
                    remedy: "Nothing was accepted. Publish the metadata with key ids that are the keys' SHA-256.")
            }
            keys.updateValue(try Self.publicKey(key, accepting: algorithms), forKey: keyID)
        }
        self.keys = keys
    }

    /// nil for an algorithm that we do not know or that the policy does not accept: it can never sign.
    private static func publicKey(
        _ key: MetadataReader, accepting algorithms: Set<KeyAlgorithm>
    ) throws(TrustError) -> PublicKey? {
        let algorithm = KeyAlgorithm(keyType: try key.string("keytype"), scheme: try key.string("scheme"))
        let text = try key.member("keyval").string("public")
        guard let algorithm, TrustCheck.keyAlgorithm.holds(algorithms.contains(algorithm)) else { return nil }
        guard algorithm == .ed25519 else { return try PublicKey(pem: text, algorithm: algorithm) }
        guard let bytes = Hexadecimal.decode(text) else {
            throw key.malformed("keyval.public is no lower-case hexadecimal text")
        }
        return try PublicKey(ed25519: bytes)
    }
}
