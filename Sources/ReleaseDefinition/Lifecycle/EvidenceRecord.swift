/// A statement about a package that was verified when it came in: its signature, its subject, its document.
public struct EvidenceRecord: Sendable, Equatable, Codable {
    /// Of the envelope's canonical JSON.
    public var id: SHA256Digest
    public var kind: EvidenceKind
    /// The manifest that it speaks of.
    public var package: SHA256Digest
    public var summary: EvidenceSummary
    /// As whom, or which group, where the kind knows one.
    public var about: String?
    public var statedAt: UTCInstant
    /// Who signed; a person, or the controller for the person who sent it.
    public var by: String
    public var keyID: String
    public var document: EvidenceDocument?
    /// Of what was signed: one key states it once, whatever its signature looks like. nil: of an older log.
    public var statement: SHA256Digest?

    public init(
        id: SHA256Digest, kind: EvidenceKind, package: SHA256Digest, summary: EvidenceSummary, about: String?,
        statedAt: UTCInstant, by: String, keyID: String, document: EvidenceDocument?, statement: SHA256Digest? = nil
    ) {
        self.id = id
        self.kind = kind
        self.package = package
        self.summary = summary
        self.about = about
        self.statedAt = statedAt
        self.by = by
        self.keyID = keyID
        self.document = document
        self.statement = statement
    }

    /// The same words under the same key.
    public func repeats(_ other: EvidenceRecord) -> Bool {
        id == other.id || (statement != nil && statement == other.statement && keyID == other.keyID)
    }
}

/// The file that a statement rests on; kept beside it, found by its digest.
public struct EvidenceDocument: Sendable, Equatable, Codable {
    public var name: String
    public var sha256: SHA256Digest
    public var length: ByteCount

    public init(name: String, sha256: SHA256Digest, length: ByteCount) {
        self.name = name
        self.sha256 = sha256
        self.length = length
    }
}

/// What a document says, in numbers that rules read.
public struct EvidenceSummary: Sendable, Equatable, Codable {
    public enum Result: String, Sendable, Codable, CaseIterable { case passed, failed }

    public var result: Result
    /// Of tests: `passed`, `failed`, `skipped`; of a scan: the names of `ScanLevel`; of a bill of materials: `packages`.
    public var counts: [String: Int]
    /// Names of what failed or was found, the first of them; who built it.
    public var notes: [String]

    public static let notesMax = 20

    public init(result: Result = .passed, counts: [String: Int] = [:], notes: [String] = []) {
        self.result = result
        self.counts = counts
        self.notes = Array(notes.prefix(Self.notesMax))
    }

    /// `120 passed, 0 failed, 3 skipped`
    public var words: String {
        if counts.isEmpty { return result.rawValue }
        return counts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
    }
}
