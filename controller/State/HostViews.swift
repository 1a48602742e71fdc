import AgentProtocol
import ControllerAPI
import ReleaseDefinition

extension Controller {
    func hostViews() -> [HostView] { state.hostsInOrder.map { view(of: $0) } }

    func hostView(_ id: HostID) throws -> HostView {
        guard let record = state.hosts[id] else {
            throw ControllerError.notFound("host \(id)", remedy: "List them with slipway hosts list.")
        }
        return view(of: record)
    }

    func view(of record: HostRecord) -> HostView {
        HostView(
            id: record.id, environment: record.environment, labels: record.labels,
            delivery: record.inventory?.delivery, contact: contact(of: record), lastContactAt: lastContact(of: record),
            agentVersion: record.inventory?.agentVersion, products: products(of: record),
            standing: record.identity.standing.word,
            notice: ControllerError.refusal(of: record.id, record.identity.standing).map(IdentityNotice.init),
            certificateNotAfter: record.identity.current.notAfter, marks: record.markViews,
            drift: record.inventory?.drift)
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

    private func lastContact(of record: HostRecord) -> UTCInstant? {
        [record.lastReportAt, lastSeen[record.id]].compactMap { $0 }.max()
    }

    private func products(of record: HostRecord) -> [HostProductView] {
        let wanted = state.wanted(on: record.id)
        return Set(record.running.keys).union(wanted.keys).union(record.locked.keys).sorted().map { product in
            let installed = record.running[product]
            return HostProductView(
                product: product, wanted: wanted[product]?.version ?? nil, running: installed?.release.version,
                manifest: installed?.manifest, isHealthy: installed?.isHealthy ?? false,
                rollout: wanted[product]?.rollout, isRevoked: state.runsRevoked(record, product),
                lockedBy: record.locked[product]?.order)
        }
    }
}

extension FleetState {
    /// By the last decision about each product: after a back-out it is what the host ran before.
    func wanted(on host: HostID) -> [ProductName: (version: ReleaseVersion?, rollout: RolloutID)] {
        var wanted: [ProductName: (version: ReleaseVersion?, rollout: RolloutID)] = [:]
        var decidedAt: [ProductName: UTCInstant] = [:]
        for id in rolloutOrder {
            guard let record = rollouts[id], let plan = record.plan, let known = record.hosts[host],
                let order = known.order
            else { continue }
            // An older rollout may take its release back after a newer one that brought nothing.
            if let startedAt = known.startedAt {
                if let last = decidedAt[plan.definition.release.product], last > startedAt { continue }
                decidedAt[plan.definition.release.product] = startedAt
            }
            let release = plan.definition.release
            var isBackOut = order.action == .backOut
            if case .backedOut = record.hosts[host]?.outcome { isBackOut = true }
            let before = plan.hosts.first { $0.id == host }?.running?.version
            wanted[release.product] = (isBackOut ? before : release.version, id)
        }
        return wanted
    }
}
