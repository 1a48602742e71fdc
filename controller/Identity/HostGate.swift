import AgentProtocol
import ReleaseDefinition
import Synchronization

/// Hosts whose certificate and agent were let in as they are now: what they ask next needs no turn on the actor, which may be
/// waiting for the disk. Whatever the log says of a host's identity makes it forgotten here.
final class HostGate: Sendable {
    private struct Known {
        var host: HostID
        var session: AgentSession?
        var notAfter: UTCInstant
    }

    private struct State {
        var known: [SHA256Digest: Known] = [:]
        /// One certificate of each.
        var certificates: [HostID: SHA256Digest] = [:]
    }

    private let state = Mutex(State())

    /// - Returns: nil where it must be looked at: another agent may use the same identity.
    func host(_ certificate: SHA256Digest, _ session: AgentSession?, at now: UTCInstant) -> HostID? {
        guard let known = state.withLock({ $0.known[certificate] }), known.notAfter > now else { return nil }
        return session == nil || session == known.session ? known.host : nil
    }

    func keep(_ host: HostID, _ certificate: SHA256Digest, _ session: AgentSession?, until notAfter: UTCInstant) {
        state.withLock { state in
            if let before = state.certificates.updateValue(certificate, forKey: host) { state.known[before] = nil }
            state.known[certificate] = Known(host: host, session: session, notAfter: notAfter)
        }
    }

    func hear(_ event: ControllerEvent) {
        switch event {
        case .hostJoined(let it): forget(it.host)
        case .certificateRenewed(let it): forget(it.host)
        case .certificateTaken(let it): forget(it.host)
        case .hostRevoked(let it), .hostRetired(let it), .hostUnlocked(let it): forget(it.host)
        case .hostQuarantined(let it): forget(it.host)
        default: break
        }
    }

    private func forget(_ host: HostID) {
        state.withLock { state in
            if let certificate = state.certificates.removeValue(forKey: host) { state.known[certificate] = nil }
        }
    }
}
