/// How an order ended on a host (semantics 2). Every case is terminal.
public enum HostOutcome: Sendable, Hashable, Codable {
    case succeeded
    case alreadyCurrent
    /// The order failed and the host is on the release that it had before, or never left it.
    case failed(FailureClass)
    /// The order was a back-out and is done, or the host backed out by itself after its switch; the cause of the latter.
    case backedOut(FailureClass?)
    case backOutFailed
    case skipped(String)
    case offline
    case gone
    case silent
    case cancelled
    case superseded
}

public enum FailureClass: String, Sendable, Hashable, Codable, CaseIterable {
    case transport, verify, preflight, install, hook, health, confirm, lost, backOut
}

/// The named steps of an installation, the same words in journal, reports, API and console.
public enum InstallationStep: String, Sendable, Hashable, Codable, CaseIterable {
    case received, verified, preflight, staged, stopping, switched, starting, checking, committed
    case backingOut, backedOut, backOutFailed
}
