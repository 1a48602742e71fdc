import ReleaseDefinition

/// An in-toto statement (in-toto Attestation Framework 1.0, "Statement") about a package: what a DSSE envelope of type
/// `payloadType` holds. Says nothing until somebody verified the envelope.
public struct EvidenceStatement: Sendable, Equatable {
    public static let payloadType = "application/vnd.in-toto+json"
    public static let statementType = "https://in-toto.io/Statement/v1"
    static let provenanceTypes = ["https://slsa.dev/provenance/v1", "https://slsa.dev/provenance/v0.2"]
    static let materialsType = "https://spdx.dev/Document"
    /// What `slipway-agent rehearse` writes.
    static let rehearsalType = "urn:slipway:predicate:rehearsal:v1"
    public static let sizeMax = ByteCount(4 << 20)
    /// So far ahead the clock of who states something may be.
    static let clockSkewMax = TimeSpan.minutes(5)

    public var kind: EvidenceKind
    /// Of the packages' manifests.
    public var subjects: [SHA256Digest]
    public var summary: EvidenceSummary
    public var about: String?
    /// nil: another tool made it, which says nothing of the kind.
    public var statedAt: UTCInstant?
    public var document: EvidenceDocument?
    /// The host that rehearsed, by its own words.
    public var host: HostID?

    /// What a person or a program of ours states.
    public init(
        kind: EvidenceKind, package: SHA256Digest, summary: EvidenceSummary, about: String?, statedAt: UTCInstant,
        document: EvidenceDocument?
    ) {
        self.kind = kind
        subjects = [package]
        self.summary = summary
        self.about = about
        self.statedAt = statedAt
        self.document = document
    }

    private struct Own: Codable {
        var summary: EvidenceSummary
        var about: String?
        var statedAt: UTCInstant
        var document: EvidenceDocument?
    }

    /// Of the predicate what a rule or a reader asks; the rest is in the envelope.
    private struct Rehearsal: Codable {
        struct Step: Codable {
            var what: String
            var outcome: String
        }

        var host: HostID
        var startedAt: UTCInstant
        var steps: [Step]
        var differences: [String]
        var isProved: Bool

        var summary: EvidenceSummary {
            let seen = steps.map { "\($0.what): \($0.outcome)" } + differences
            return EvidenceSummary(
                result: isProved ? .passed : .failed, notes: seen.map { String($0.prefix(200)) })
        }
    }

    static func predicateType(_ kind: EvidenceKind) -> String { "urn:slipway:evidence:\(kind.rawValue):v1" }

    /// The payload to sign.
    /// - Throws: `DefinitionError` of `JSONCoding`.
    public func bytes(of release: ReleaseName) throws -> [UInt8] {
        let own = Own(
            summary: summary, about: about, statedAt: statedAt ?? UTCInstant(secondsSince1970: 0), document: document)
        return JSONValue.object([
            JSONMember("_type", .string(Self.statementType)),
            JSONMember("predicate", try JSONCoding.value(of: own)),
            JSONMember("predicateType", .string(Self.predicateType(kind))),
            JSONMember(
                "subject",
                .array(
                    subjects.map { digest in
                        .object([
                            JSONMember("digest", .object([JSONMember("sha256", .string(digest.hex))])),
                            JSONMember("name", .string(release.description)),
                        ])
                    })),
        ]).canonicalBytes
    }

    /// - Throws: `lifecycle.evidence.statement`, or what the predicate's own reader finds.
    public init(parsing payload: [UInt8]) throws(LifecycleError) {
        let value = try ForeignJSON.parse(payload, what: "in-toto statement")
        guard value["_type"]?.stringValue?.hasPrefix("https://in-toto.io/Statement/") == true,
            let type = value["predicateType"]?.stringValue, let predicate = value["predicate"],
            let list = value["subject"]?.arrayValue, !list.isEmpty, list.count <= 1000
        else { throw Self.malformed("_type, subject, predicateType and predicate are expected") }
        subjects = list.compactMap { subject in
            subject["digest"]?["sha256"]?.stringValue.flatMap { try? SHA256Digest(hex: $0) }
        }
        guard !subjects.isEmpty else { throw Self.malformed("no subject has a sha256") }
        if let kind = EvidenceKind.allCases.first(where: { Self.predicateType($0) == type }) {
            guard let own = try? JSONCoding.decode(Own.self, from: predicate) else {
                throw Self.malformed("the predicate is none of \(type)")
            }
            guard kind != .pilot else {
                throw LifecycleError(
                    code: "evidence.pilot", summary: "Nobody states a pilot: the log says whether one has passed.",
                    remedy: "Start a phased rollout of it: slipway rollout start FILE")
            }
            self.kind = kind
            (summary, about, statedAt, document) = (own.summary, own.about, own.statedAt, own.document)
        } else if type == Self.rehearsalType {
            guard let seen = try? JSONCoding.decode(Rehearsal.self, from: predicate) else {
                throw Self.malformed("the predicate is none of \(type)")
            }
            kind = .rehearsal
            (summary, host, about, statedAt) = (seen.summary, seen.host, seen.host.text, seen.startedAt)
        } else if Self.provenanceTypes.contains(type) {
            kind = .provenance
            summary = try MaterialsReport.provenance(predicate)
        } else if type == Self.materialsType || type.hasPrefix(Self.materialsType + "/") {
            kind = .billOfMaterials
            summary = try MaterialsReport.summary(predicate)
        } else {
            throw LifecycleError(
                code: "evidence.predicate", summary: "Statements of type \(type.debugDescription) are not read here.",
                remedy: "Give the tool's file itself: slipway release evidence add NAME --kind KIND --file FILE")
        }
    }

    private static func malformed(_ what: String) -> LifecycleError {
        LifecycleError(
            code: "evidence.statement", summary: "The payload is no in-toto statement: \(what).",
            remedy: "Nothing was taken. See who wrote it.")
    }

    /// What a document says, read here and not believed.
    /// - Parameter result: of kinds whose documents are for people; of others it is in the document.
    public static func summary(
        of document: [UInt8]?, kind: EvidenceKind, result: EvidenceSummary.Result
    ) throws(LifecycleError) -> EvidenceSummary {
        let needed: [EvidenceKind] = [.tests, .scan, .billOfMaterials, .provenance]
        guard let document else {
            guard !needed.contains(kind) else {
                throw LifecycleError(
                    code: "evidence.document", summary: "A \(kind.words) without a document says nothing.",
                    remedy: "Name it with --file FILE.")
            }
            return EvidenceSummary(result: result)
        }
        switch kind {
        case .tests: return try TestReport.summary(document)
        case .scan: return try ScanReport.summary(document)
        case .billOfMaterials: return try MaterialsReport.summary(ForeignJSON.parse(document, what: "SPDX JSON"))
        case .provenance:
            let value = try ForeignJSON.parse(document, what: "SLSA provenance")
            return try MaterialsReport.provenance(value["predicate"] ?? value)
        default: return EvidenceSummary(result: result)
        }
    }

    /// The document's own words against the statement's. The document is read whole: not where others wait.
    /// - Throws: `lifecycle.evidence.altered` where a byte of it is another, `lifecycle.evidence.summary`,
    ///   `lifecycle.evidence.document` where there must be one, or what its reader finds.
    public func check(document bytes: [UInt8]?) throws(LifecycleError) {
        if document == nil, let bytes {
            throw LifecycleError(
                code: "evidence.altered",
                summary: "The statement is about no document, \(SHA256Digest(of: bytes).short)… came with it.",
                remedy: "Nothing was taken. Send the statement alone, or one that names the document.")
        }
        if let document {
            guard let bytes, SHA256Digest(of: bytes) == document.sha256, bytes.count == Int(document.length.value)
            else {
                let found = bytes.map { "\(SHA256Digest(of: $0).short)…" } ?? "none"
                throw LifecycleError(
                    code: "evidence.altered",
                    summary: "The statement is about the document \(document.sha256.short)…, \(found) came with it.",
                    remedy: "Nothing was taken. Send the file that was signed.")
            }
            guard try Self.summary(of: bytes, kind: kind, result: summary.result) == summary else {
                throw LifecycleError(
                    code: "evidence.summary", summary: "The statement says of \(document.name) what it does not say.",
                    remedy:
                        "Nothing was taken. Make the statement again: slipway release evidence add NAME --kind \(kind.rawValue)"
                )
            }
        }
        // Our own kinds of statement rest on a document wherever a reader for it exists.
        if statedAt != nil, document == nil { _ = try Self.summary(of: nil, kind: kind, result: summary.result) }
    }

    /// What goes down in the record, once the controller has verified who signed the statement and `check` its document.
    /// - Parameter statement: of the payload that was signed.
    /// - Throws: `lifecycle.evidence.package` where it speaks of another package, `lifecycle.evidence.future`.
    public func verified(
        envelope: SHA256Digest, statement: SHA256Digest, about package: SHA256Digest, by signer: String, keyID: String,
        at now: UTCInstant
    ) throws(LifecycleError) -> EvidenceRecord {
        if let statedAt, statedAt > now + Self.clockSkewMax {
            throw LifecycleError(
                code: "evidence.future", summary: "It was stated at \(statedAt), and now it is \(now).",
                remedy: "Nothing was taken. Set the clock of who stated it, and state it again.")
        }
        guard subjects.contains(package) else {
            let named = subjects.first.map { "\($0.short)…" } ?? "nothing"
            throw LifecycleError(
                code: "evidence.package",
                summary: "The statement is about manifest \(named), the package's is \(package.short)….",
                remedy: "State it about this package: slipway release evidence add NAME --kind \(kind.rawValue)")
        }
        // Nobody has tested tomorrow.
        let at = statedAt.map { min($0, now) } ?? now
        return EvidenceRecord(
            id: envelope, kind: kind, package: package, summary: summary, about: about, statedAt: at, by: signer,
            keyID: keyID, document: document, statement: statement)
    }
}
