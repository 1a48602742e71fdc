import Effects
import ReleaseDefinition

/// One entry of `GET /v1/audit`.
public struct AuditEntryView: Sendable, Equatable, Codable {
    public var sequence: Int64
    public var at: UTCInstant
    public var actor: String
    public var action: String
    public var object: String

    public init(sequence: Int64, at: UTCInstant, actor: String, action: String, object: String) {
        self.sequence = sequence
        self.at = at
        self.actor = actor
        self.action = action
        self.object = object
    }
}

/// `GET /v1/audit/head`: what the whole chain comes to, after every entry was read again.
public typealias AuditHead = LogCheckpoint

extension LogCheckpoint: CustomStringConvertible {
    /// Before the first entry.
    public static let empty = AuditHead(sequence: 0, digest: SHA256Digest(of: []))

    public var description: String { "\(sequence):\(digest.hex)" }

    /// `SEQUENCE:DIGEST`, as a person keeps it.
    public init(_ text: String) throws {
        let parts = text.split(separator: ":", maxSplits: 1)
        guard parts.count == 2, let sequence = Int64(parts[0]), sequence >= 0 else {
            throw ControllerAPIError(
                family: .refused, code: "audit.checkpoint", summary: "\(text.debugDescription) is no checkpoint.",
                remedy: "Write SEQUENCE:DIGEST, as slipway audit verify and slipway-agent status print it.")
        }
        self.init(sequence: sequence, digest: try SHA256Digest(hex: String(parts[1])))
    }

    /// The end of the log after this line, the stored bytes of an entry: each names the digest of the one before.
    /// - Throws: `api.audit.chain`.
    public func following(_ line: [UInt8]) throws -> AuditHead {
        func broken(_ what: String) -> ControllerAPIError {
            ControllerAPIError(
                family: .refused, code: "audit.chain", summary: "The log is damaged at entry \(sequence + 1): \(what).",
                remedy: "Compare with other exports and backups: an intact log is never rewritten.")
        }
        let entry: JSONValue
        do { entry = try JSONValue(parsing: line) } catch { throw broken("it is no JSON (\(error))") }
        // What was lost before a restore has numbers that nothing has again.
        let isBreak = entry["action"]?.stringValue == "controller.restored"
        guard let number = entry["sequence"]?.integerValue, isBreak ? number > sequence : number == sequence + 1 else {
            throw broken("its number is another")
        }
        guard entry["previous"]?.stringValue == digest.hex else {
            throw broken("it does not follow an entry with digest \(digest.short)…")
        }
        return AuditHead(sequence: number, digest: SHA256Digest(of: line))
    }
}

/// Follows a log line by line, and remembers what it came to where somebody else has seen it before.
public struct AuditChain: Sendable {
    public private(set) var head: AuditHead
    private let witnessed: [Int64: AuditHead]
    /// Two witnesses of the same entry saw different ones.
    private let contradiction: AuditHead?

    /// - Parameter witnesses: ends of the log that agents or people have kept.
    public init(witnesses: [AuditHead], from start: AuditHead = .empty) {
        head = start
        witnessed = Dictionary(witnesses.map { ($0.sequence, $0) }, uniquingKeysWith: { first, _ in first })
        contradiction = Set(witnesses).count == Set(witnesses.map(\.sequence)).count ? nil : witnesses.first
    }

    /// - Throws: `api.audit.chain`, `api.audit.witness`.
    public mutating func follow(_ line: [UInt8]) throws {
        let before = head.sequence
        head = try head.following(line)
        if head.sequence > before + 1,
            let lost = witnessed.values.filter({ $0.sequence > before && $0.sequence < head.sequence }).max(by: {
                $0.sequence < $1.sequence
            })
        {
            throw ControllerAPIError(
                family: .refused, code: "audit.witness",
                summary: "Entry \(lost.sequence) was witnessed and is not in the log: a backup was restored that ends "
                    + "at entry \(before).",
                remedy: "See entry \(head.sequence), controller.restored, for who did it and when.")
        }
        if let seen = witnessed[head.sequence], seen != head { throw differs(seen) }
    }

    /// The log is over: whatever was witnessed must have been in it.
    /// - Throws: `api.audit.witness`.
    public func finish() throws {
        if let contradiction { throw differs(contradiction) }
        guard let last = witnessed.values.max(by: { $0.sequence < $1.sequence }), last.sequence > head.sequence else {
            return
        }
        throw ControllerAPIError(
            family: .refused, code: "audit.witness",
            summary: "The log ends at entry \(head.sequence), a witness has seen entry \(last.sequence): "
                + "\(last.sequence - head.sequence) entries were removed.",
            remedy: "Find out who restored or cut the log. A restored backup says so: slipway-controller restore.")
    }

    private func differs(_ seen: AuditHead) -> ControllerAPIError {
        ControllerAPIError(
            family: .refused, code: "audit.witness",
            summary: "Entry \(seen.sequence) is not the one that was witnessed, \(seen.digest.short)….",
            remedy: "The log was written anew from somewhere before: compare with other exports and backups.")
    }
}

extension ControllerClient {
    /// Entries after one, the oldest first. `next` of the answer: there are more after its last.
    /// - Parameter limit: at most 1000.
    public func audit(after sequence: Int64, limit: Int) async throws -> ListView<AuditEntryView> {
        try await get(["audit"], query: "after=\(sequence)&limit=\(limit)")
    }

    /// Entries before one, the newest first. `next` of the answer: there are more before its last.
    /// - Parameters:
    ///   - sequence: nil: from the end of the log.
    ///   - limit: at most 1000.
    public func audit(before sequence: Int64?, limit: Int) async throws -> ListView<AuditEntryView> {
        try await get(["audit"], query: "before=\(sequence ?? Int64.max)&limit=\(limit)")
    }

    public func auditHead() async throws -> AuditHead { try await get(["audit", "head"]) }

    /// The entries after one, each as the line that is chained, without its line feed; none at the end of the log.
    public func auditLines(after sequence: Int64) async throws -> [[UInt8]] {
        let bytes = try await getBytes(["audit", "export"], query: "after=\(sequence)")
        return bytes.split(separator: UInt8(ascii: "\n")).map { Array($0) }
    }
}
