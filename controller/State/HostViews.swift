import AgentProtocol
import ControllerAPI
import ReleaseDefinition

extension Controller {
    func hostViews() -> [HostView] { hostViews(of: state.hostsInOrder) }

    /// What each should run is found for all of them together: for one after another it is a search for each in each plan.
    func hostViews(of records: [HostRecord]) -> [HostView] {
        let wanted = state.wantedByHost()
        return records.map { view(of: $0, wanted: wanted[$0.id] ?? [:]) }
    }

    func hostView(_ id: HostID) throws -> HostView {
        guard let record = state.hosts[id] else {
            throw ControllerError.notFound("host \(id)", remedy: "List them with slipway hosts list.")
        }
        return view(of: record)
    }

    func view(of record: HostRecord) -> HostView { view(of: record, wanted: state.wanted(on: record.id)) }

    private func view(of record: HostRecord, wanted: [ProductName: WantedRelease]) -> HostView {
        HostView(
            id: record.id, environment: record.environment, labels: record.labels,
            delivery: record.inventory?.delivery, contact: contact(of: record), lastContactAt: lastContact(of: record),
            agentVersion: record.inventory?.agentVersion, products: products(of: record, wanted),
            standing: record.identity.standing.word,
            notice: ControllerError.refusal(of: record.id, record.identity.standing).map(IdentityNotice.init),
            certificateNotAfter: record.identity.current.notAfter, marks: record.markViews,
            drift: record.inventory?.drift,
            labelsOnHost: record.labelsOnHost, nextCheckBy: nextCheck(of: record))
    }

    /// An interval spreads by a fifth.
    private func nextCheck(of record: HostRecord) -> UTCInstant? {
        guard record.delivery == .pull, let interval = record.inventory?.checkInterval,
            let last = lastContact(of: record)
        else { return nil }
        return last + TimeSpan(milliseconds: interval.milliseconds * 6 / 5)
    }

    func contact(of record: HostRecord) -> HostContact {
        if hub.isOnline(record.id) || hostsElsewhere.contains(record.id) { return .online }
        guard let last = lastContact(of: record) else { return .never }
        if record.delivery == .pull, let interval = record.inventory?.checkInterval,
            time.now() <= last + interval * 2 + Self.checkTolerance
        {
            return .online
        }
        return .offline
    }

    /// A check takes some time itself; a host that checks every second is not away after two.
    private static let checkTolerance = TimeSpan.seconds(5)

    func lastContact(of record: HostRecord) -> UTCInstant? {
        [record.lastReportAt, lastSeen[record.id]].compactMap { $0 }.max()
    }

    private func products(of record: HostRecord, _ wanted: [ProductName: WantedRelease]) -> [HostProductView] {
        return Set(record.running.keys).union(wanted.keys).union(record.locked.keys).sorted().map { product in
            let installed = record.running[product]
            return HostProductView(
                product: product, wanted: wanted[product]?.version, running: installed?.release.version,
                manifest: installed?.manifest, isHealthy: installed?.isHealthy ?? false,
                rollout: wanted[product]?.rollout, isRevoked: state.runsRevoked(record, product),
                lockedBy: record.locked[product]?.order)
        }
    }
}

extension HostView: PassinglyShown {
    /// But when it was heard of last.
    var lasting: HostView {
        var view = self
        (view.contact, view.lastContactAt, view.nextCheckBy) = (.never, nil, nil)
        return view
    }
}

/// What a host should run of a product.
struct WantedRelease: Sendable, Equatable {
    /// nil: nothing, as before the rollout that was backed out.
    var version: ReleaseVersion?
    /// Which rollout decided it.
    var rollout: RolloutID
}

extension FleetState {
    /// By the last decision about each product: after a back-out it is what the host ran before.
    func wanted(on host: HostID) -> [ProductName: WantedRelease] { wanted(by: decisions(on: host))[host] ?? [:] }

    /// The same of every host.
    func wantedByHost() -> [HostID: [ProductName: WantedRelease]] { wanted(by: decisions(on: nil)) }

    private struct Decision {
        var rollout: RolloutID
        var isBackOut = false
        var decidedAt: UTCInstant?
    }

    /// The last one of each product and host.
    /// - Parameter only: nil: of all hosts.
    private func decisions(on only: HostID?) -> [ProductName: [HostID: Decision]] {
        var decisions: [ProductName: [HostID: Decision]] = [:]
        for id in rolloutOrder {
            guard let record = rollouts[id], let product = record.plan?.definition.release.product else { continue }
            // Taken out, so that it is not copied.
            var known = decisions.removeValue(forKey: product) ?? [:]
            if let only {
                if let facts = record.hosts[only] { Self.note(facts, of: id, on: only, in: &known) }
            } else {
                for (host, facts) in record.hosts { Self.note(facts, of: id, on: host, in: &known) }
            }
            decisions[product] = known
        }
        return decisions
    }

    private static func note(
        _ facts: RolloutRecord.Host, of rollout: RolloutID, on host: HostID, in known: inout [HostID: Decision]
    ) {
        guard let order = facts.order else { return }
        let last = known[host]?.decidedAt
        // An older rollout may take its release back after a newer one that brought nothing.
        if let startedAt = facts.startedAt, let last, last > startedAt { return }
        var decision = Decision(rollout: rollout, decidedAt: facts.startedAt ?? last)
        if case .backedOut = facts.outcome { decision.isBackOut = true }
        if order.action == .backOut { decision.isBackOut = true }
        known[host] = decision
    }

    private func wanted(by decisions: [ProductName: [HostID: Decision]]) -> [HostID: [ProductName: WantedRelease]] {
        var wanted: [HostID: [ProductName: WantedRelease]] = [:]
        for (product, hosts) in decisions {
            // Of a plan that took thousands back, one search for all of them.
            let plans = Set(hosts.values.lazy.filter(\.isBackOut).map(\.rollout))
            let before = Dictionary(
                uniqueKeysWithValues: plans.map { id in
                    let running = (rollouts[id]?.planHosts ?? []).lazy.filter { hosts[$0.id]?.rollout == id }
                        .map { ($0.id, $0.running?.version) }
                    return (id, Dictionary(running, uniquingKeysWith: { first, _ in first }))
                })
            let versions = Dictionary(
                uniqueKeysWithValues: Set(hosts.values.map(\.rollout)).map { id in
                    (id, rollouts[id]?.plan?.definition.release.version)
                })
            for (host, decision) in hosts {
                let version = decision.isBackOut ? before[decision.rollout]?[host] : versions[decision.rollout]
                wanted[host, default: [:]][product] = WantedRelease(version: version ?? nil, rollout: decision.rollout)
            }
        }
        return wanted
    }
}
