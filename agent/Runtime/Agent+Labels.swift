import AgentProtocol
import ReleaseDefinition
import ReleaseTrust

/// The controller decides what a host is called by, also after it has joined; the host believes its director alone.
extension Agent {
    /// Takes the word as it came, down the stream or with a receipt; never throws: what cannot be believed is logged and left
    /// alone. One installation has the same labels from its first hook to its last: the word waits for its end.
    func offer(labels envelope: JSONValue) async {
        do {
            let verified = try await source.labels(envelope)
            if let waiting = waitingLabels, !waiting.precedes(DecidedLabels(verified)) { return }
            waitingLabels = DecidedLabels(verified)
            try takeWaitingLabels()
        } catch {
            log.error("labels were refused", metadata: ["error": "\(ReportedError(error))"])
        }
    }

    /// Where nothing is being installed. What waits is lost with this process, and said again to the next one.
    func takeWaitingLabels() throws {
        guard let new = waitingLabels, host.installation == nil, rehearsing == nil else { return }
        let before = DecidedLabels.read(in: folder.base, of: configuration.host)
        waitingLabels = nil
        guard before?.precedes(new) ?? true else {
            return log.warning(
                "labels were refused: newer ones were taken before",
                metadata: ["counter": "\(new.counter)", "known": "\(before?.counter ?? 0)"])
        }
        guard before?.labels != new.labels || before?.director != new.director else { return }
        try new.write(in: folder.base)
        // Said for the first time, or by another director: what it goes by already is no news.
        guard labels.current != new.labels else { return }
        labels.hold(new.labels)
        log.info(
            "this host is called by other labels",
            metadata: ["labels": "\(new.labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" })"])
        guard configuration.controller != nil else { return }
        try record([
            .report(report: HostReport(sequence: host.nextSequence, at: time.now(), body: .inventory(inventory())))
        ])
    }
}
