import AgentProtocol
import ReleaseDefinition

/// What hosts say that they have seen of this log, held against it.
struct LogWitnesses: Sendable {
    /// Digests of entries that hosts named, so that the record is asked once for thousands of hosts.
    private var digests: [Int64: SHA256Digest] = [:]
    private static let digestsMax = 256
    /// Who has seen what is not in this log.
    private(set) var contradictions: [HostID: LogCheckpoint] = [:]

    /// - Returns: whether the host contradicts, and did not before.
    mutating func hear(_ facts: HostFacts, of host: HostID, from store: any EventStore) throws -> Bool {
        guard let seen = facts.log else { return false }
        let isContradiction = try facts.logContradiction != nil || !holds(seen, store)
        let before = contradictions[host]
        contradictions[host] = isContradiction ? seen : nil
        return isContradiction && before == nil
    }

    private mutating func holds(_ seen: LogCheckpoint, _ store: any EventStore) throws -> Bool {
        if seen.sequence > store.sequence { return false }
        if seen.sequence == 0 { return true }
        if let known = digests[seen.sequence] { return known == seen.digest }
        guard let line = try store.lines(after: seen.sequence - 1, limit: 1).first else { return false }
        let digest = SHA256Digest(of: line.bytes)
        if digests.count >= Self.digestsMax { digests = [:] }
        digests[seen.sequence] = digest
        return line.sequence == seen.sequence && digest == seen.digest
    }
}

extension Controller {
    /// An alarm, never an obstacle: the host goes on.
    func hearWitness(_ facts: HostFacts, of host: HostID) {
        do {
            // A standby may be behind what another controller has signed.
            if let seen = facts.log, seen.sequence > store.sequence { try takeNews() }
            guard try witnesses.hear(facts, of: host, from: store) else { return }
            logger.critical(
                "a host has witnessed another log than this one",
                metadata: [
                    "host": "\(host)", "witnessed": "\(facts.log?.sequence ?? 0)", "end": "\(store.sequence)",
                ])
        } catch {
            logger.error("a witness was not heard", metadata: ["error": "\(ReportedError(error))"])
        }
    }
}
