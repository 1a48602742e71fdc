import ReleaseDefinition

/// A target as a trusted role describes it.
public struct TargetFile: Sendable, Equatable {
    public let path: String
    public let length: ByteCount
    let hashes: FileHashes
    /// TUF's per-target `custom` member.
    public let custom: JSONValue?

    /// Ours always have it; another repository's may name only SHA-512.
    public var sha256: SHA256Digest? { hashes.sha256 }

    /// Where the file lies below `targets/`: with consistent snapshots a hash stands before the last component. TUF 5.7.3.
    public func filePath(consistentSnapshot: Bool) -> String {
        consistentSnapshot ? TargetPath.file(of: path, prefix: hashes.description) : path
    }

    /// Names that could leave a folder, end a text or overflow a file system are never asked for nor stored.
    /// - Throws: `trust.target.name`.
    public func requirePlainPath() throws(TrustError) {
        let components = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        let isPlain = components.allSatisfy { component in
            (1...TargetPath.componentSizeMax).contains(component.count) && !component.elementsEqual(".".utf8)
                && !component.elementsEqual("..".utf8) && component.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
        }
        guard TrustCheck.targetName.holds(isPlain && path.utf8.count <= TargetPath.sizeMax) else {
            throw TrustError(
                code: "target.name", summary: "\(path.prefix(300).debugDescription) is no plain relative path.",
                remedy: "Nothing was accepted. No honest tool publishes such a target: ask the repository's owner.")
        }
    }

    /// Takes the bytes piece by piece; the verdict is `finish`.
    public func verifier() -> TargetVerifier { TargetVerifier(self) }

    /// The last check before the bytes are used. TUF 5.7.3.
    /// - Throws: `trust.target.length`, `trust.target.hash`.
    public func requireMatch(_ bytes: [UInt8]) throws(TrustError) {
        let verifier = verifier()
        verifier.update(bytes)
        try verifier.finish()
    }
}
