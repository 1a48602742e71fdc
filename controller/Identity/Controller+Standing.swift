import AgentProtocol
import ControllerAPI
import ReleaseDefinition

/// What people decide about a host's identity.
extension Controller {
    /// For good, at once: its stream ends, its requests are refused. The id, the key and the certificate never work again.
    func revokeHost(_ id: HostID, _ request: HostReasonRequest, by actor: String) throws -> HostView {
        let host = try knownHost(id)
        if case .revoked = host.identity.standing { return view(of: host) }
        return try change(host, .hostRevoked(HostStandingChanged(host: id, reason: reason(request))), by: actor)
    }

    /// Takes a host out of use. Its machine may join again and becomes another host.
    func retireHost(_ id: HostID, _ request: HostReasonRequest, by actor: String) throws -> HostView {
        let host = try knownHost(id)
        switch host.identity.standing {
        case .retired: return view(of: host)
        case .revoked(let reason):
            throw ControllerError.conflict(
                "hostRevoked", "The host \(id) was revoked, which is more than retired: \(reason)",
                remedy: "Nothing is to be done; its id is not used again.")
        case .active, .quarantined: break
        }
        return try change(host, .hostRetired(HostStandingChanged(host: id, reason: reason(request))), by: actor)
    }

    /// Believes a quarantined host again.
    func unlockHost(_ id: HostID, _ request: HostReasonRequest, by actor: String) throws -> HostView {
        let host = try knownHost(id)
        guard case .quarantined = host.identity.standing else {
            throw ControllerError.conflict(
                "notQuarantined", "The host \(id) is \(host.identity.standing.word), not quarantined.",
                remedy: "Look at it: slipway hosts show \(id)")
        }
        duplicates.forget(id)
        return try change(host, .hostUnlocked(HostStandingChanged(host: id, reason: reason(request))), by: actor)
    }

    private func change(_ host: HostRecord, _ event: ControllerEvent, by actor: String) throws -> HostView {
        try commit(event, by: actor, at: time.now())
        guard let changed = state.hosts[host.id] else { return view(of: host) }
        if let refusal = ControllerError.refusal(of: host.id, changed.identity.standing) {
            endStream(of: host.id, saying: refusal)
        }
        // Channels say anew who is meant.
        drive()
        return view(of: changed)
    }

    func knownHost(_ id: HostID) throws -> HostRecord {
        guard let host = state.hosts[id] else {
            throw ControllerError.notFound("host \(id)", remedy: "List them with slipway hosts list.")
        }
        return host
    }

    func reason(_ request: HostReasonRequest) throws -> String {
        guard request.reason.contains(where: { !$0.isWhitespace }) else {
            throw ControllerError.badRequest(
                "reason", "This needs a reason: it stands in the log.", remedy: "Add --reason.")
        }
        return request.reason.bounded(4000)
    }
}

extension HostIdentity.Standing {
    var word: HostStanding {
        switch self {
        case .active: .active
        case .quarantined: .quarantined
        case .revoked: .revoked
        case .retired: .retired
        }
    }
}
