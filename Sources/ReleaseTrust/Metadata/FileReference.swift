import ReleaseDefinition

/// What timestamp and snapshot say of another metadata file. TUF 4.4, 4.5.
struct FileReference: Sendable, Equatable {
    let version: Int64
    let length: Int64?
    let hashes: FileHashes?

    init(reading file: MetadataReader) throws(TrustError) {
        version = try file.version()
        length = file.optional("length") == nil ? nil : try file.integer("length", from: 0)
        hashes = file.optional("hashes") == nil ? nil : try FileHashes(reading: try file.member("hashes"))
    }

    /// - Throws: `trust.<role>.length`, `trust.<role>.hash`. TUF 5.5.2, 5.6.2.
    func requireMatch(_ bytes: [UInt8], role: String, namedBy delegator: String) throws(TrustError) {
        let check = TrustCheck.asNamed(role: role)
        if let length, !check.holds(length == Int64(bytes.count)) {
            throw .refused(
                role, "length", "the file has \(bytes.count) bytes, \(delegator) says \(length)",
                remedy:
                    "Nothing was accepted. Files of two states of the repository are mixed, or somebody changed one.")
        }
        if let hashes, !check.holds(hashes.match(bytes)) {
            throw .refused(
                role, "hash", "the file's hash is \(SHA256Digest(of: bytes)), \(delegator) says \(hashes)",
                remedy:
                    "Nothing was accepted. Files of two states of the repository are mixed, or somebody changed one.")
        }
    }

    func matches(_ bytes: [UInt8]) -> Bool {
        (length ?? Int64(bytes.count)) == Int64(bytes.count) && (hashes?.match(bytes) ?? true)
    }

    func matches(_ file: SignedMetadata) -> Bool {
        (length ?? Int64(file.bytes.count)) == Int64(file.bytes.count) && (hashes?.match(file) ?? true)
    }
}

/// The hashes of a file, of which SHA-256 and SHA-512 are read; at least one of them must be there.
struct FileHashes: Sendable, Equatable, CustomStringConvertible {
    let sha256: SHA256Digest?
    private let sha512: [UInt8]?

    init(reading hashes: MetadataReader) throws(TrustError) {
        sha256 = try hashes.optional("sha256")?.digest()
        if let text = try hashes.optional("sha512")?.string() {
            guard let bytes = Hexadecimal.decode(text), bytes.count == 64 else {
                throw hashes.malformed("sha512 is no hash of 64 bytes")
            }
            sha512 = bytes
        } else {
            sha512 = nil
        }
        for (_, hash) in try hashes.members() { _ = try hash.string() }
        guard sha256 != nil || sha512 != nil else { throw hashes.malformed("neither sha256 nor sha512 is given") }
    }

    /// Every hash that is given must be right, not the first alone.
    func match(_ bytes: [UInt8]) -> Bool {
        (sha256.map { $0 == SHA256Digest(of: bytes) } ?? true)
            && (sha512.map { $0 == MessageDigest.sha512(of: bytes) } ?? true)
    }

    func match(_ file: SignedMetadata) -> Bool {
        match(sha256: file.sha256, sha512: hasSHA512 ? MessageDigest.sha512(of: file.bytes) : nil)
    }

    func match(sha256 found256: SHA256Digest, sha512 found512: [UInt8]?) -> Bool {
        (sha256.map { $0 == found256 } ?? true) && (sha512.map { $0 == found512 } ?? true)
    }

    var hasSHA512: Bool { sha512 != nil }

    var description: String { sha256?.hex ?? Hexadecimal.encode(sha512 ?? []) }
}
