import ControllerAPI
import ReleaseDefinition
import ReleaseRollout

/// Why: what holds a host, and when it tries next.
extension Controller {
    private static let hostsMax = 1000

    /// - Parameter host: nil: every host that is not done.
    func why(_ id: RolloutID, host: HostID?) throws -> RolloutWhyView {
        guard let record = state.rollouts[id], let plan = record.plan else {
            throw ControllerError.notFound("rollout \(id)", remedy: "List them with slipway rollout list.")
        }
        if let host, !record.contains(host) {
            throw ControllerError.notFound(
                "host \(host) in rollout \(id)", remedy: "Look at its hosts with slipway rollout show \(id).")
        }
        let holds = record.rollout.holds.map(RolloutHold.init)
        let views = record.rollout.view?.hosts ?? []
        let held = views.lazy.filter { host == nil || $0.id == host }.compactMap { view in
            record.rollout.hold(of: view.id).map {
                HostHold(host: view.id, phase: view.phase, state: view.state, hold: RolloutHold($0))
            }
        }.prefix(Self.hostsMax)
        let moments = holds.compactMap(\.until) + held.compactMap(\.hold.until)
        return RolloutWhyView(
            release: plan.definition.release, rollout: id, reasons: holds, hosts: Array(held),
            nextAttemptAt: host == nil ? record.rollout.nextDeadlineAt : moments.min())
    }

    /// What stands between a release and a host.
    func why(_ host: HostID, release name: ReleaseName) throws -> RolloutWhyView {
        guard let known = state.hosts[host] else {
            throw ControllerError.notFound("host \(host)", remedy: "List them with slipway hosts list.")
        }
        let record = try release(name)
        let newest = state.rolloutOrder.reversed().first { id in
            state.rollouts[id].map { $0.contains(host) && $0.plan?.definition.release == name } ?? false
        }
        var view =
            try newest.map { try why($0, host: host) }
            ?? RolloutWhyView(
                release: name, rollout: nil, reasons: [], hosts: [], nextAttemptAt: nil)
        view.reasons = holds(record, on: known) + view.reasons
        if newest == nil, known.running[name.product]?.release != name {
            view.reasons.append(RolloutHold("noRollout", "No rollout of \(name) has \(host) among its hosts."))
        }
        return view
    }

    private func holds(_ record: ReleaseRecord, on host: HostRecord) -> [RolloutHold] {
        var holds: [RolloutHold] = []
        let environment = host.environment
        if let revocation = record.revocation(in: environment) {
            holds.append(
                RolloutHold("revoked", "It was revoked for \(environment) by \(revocation.by): \(revocation.reason)"))
        }
        if !record.isApproved(in: environment) {
            holds.append(RolloutHold("approval", "It is not approved for \(environment)."))
        }
        for freeze in state.standingFreezes
        where freeze.concerns(record.submitted.release.product, in: environment)
            && freeze.concerns(host.id, labels: host.labels)
        {
            holds.append(RolloutHold("freeze", "\(freeze.refusal)"))
        }
        if !host.identity.standing.isActive {
            holds.append(RolloutHold("standing", "The host is \(host.identity.standing.word.rawValue)."))
        }
        return holds
    }
}

extension RolloutHold {
    fileprivate init(_ hold: Hold) { self.init(hold.what.rawValue, hold.text, until: hold.until) }
}
