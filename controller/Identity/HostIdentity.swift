import AgentProtocol
import ReleaseDefinition

/// Who may speak as a host: its certificates, and whether it may speak at all.
struct HostIdentity: Sendable, Equatable {
    enum Standing: Sendable, Equatable {
        case active
        /// Two agents hold this identity.
        case quarantined([AgentSession])
        /// For good: somebody else may have the key.
        case revoked(String)
        /// Out of use; the machine may join again, as another host.
        case retired(String)

        var isActive: Bool { self == .active }

        /// It never comes back under this identity.
        var isGone: Bool {
            switch self {
            case .active, .quarantined: false
            case .revoked, .retired: true
            }
        }
    }

    var standing = Standing.active
    /// The one in use.
    private(set) var current: HostCertificate
    /// Given, not used yet.
    private(set) var offered: HostCertificate?

    init(_ certificate: HostCertificate) { current = certificate }

    mutating func renew(_ certificate: HostCertificate) { offered = certificate }

    mutating func take(_ fingerprint: SHA256Digest) {
        guard let offered, offered.fingerprint == fingerprint else { return }
        current = offered
        self.offered = nil
    }

    /// nil: one that was replaced.
    func certificate(_ fingerprint: SHA256Digest) -> HostCertificate? {
        [current, offered].compactMap { $0 }.first { $0.fingerprint == fingerprint }
    }

    /// What the host will be using at its next renewal at the latest.
    var newest: HostCertificate { offered ?? current }
}

extension ControllerError {
    /// Why a host that is known may not speak; the agent shows the remedy in its status.
    static func refusal(of host: HostID, _ standing: HostIdentity.Standing) -> ControllerError? {
        switch standing {
        case .active: nil
        case .quarantined(let sessions):
            .forbidden(
                "hostQuarantined",
                "Two agents use the identity of \(host): \(sessions.words). Neither is believed.",
                remedy:
                    "Find the copy and stop it. Then, if the key cannot have left this machine: slipway hosts unlock "
                    + "\(host) --reason …; else slipway hosts retire \(host) --reason … and join each machine anew.")
        case .revoked(let reason):
            .forbidden(
                "hostRevoked", "The identity of \(host) was revoked (\(reason)).",
                remedy: "It never works again. Clean the machine, then join it as a new host: slipway hosts invite.")
        case .retired(let reason):
            .forbidden(
                "hostRetired", "The host \(host) was retired (\(reason)).",
                remedy: "If it is to come back, join it again with a string from slipway hosts invite.")
        }
    }
}

extension [AgentSession] {
    /// For messages: what tells them apart.
    var words: String {
        map { "machine \($0.machine.prefix(12)), boot \($0.boot.prefix(12)), process \($0.process.prefix(12))" }
            .joined(separator: "; ")
    }
}
