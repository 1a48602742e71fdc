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
            certificateNotAfter: record.identity.current.notAfter)
    }

    private func contact(of record: HostRecord) -> HostContact {
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
        return Set(record.running.keys).union(wanted.keys).sorted().map { product in
            let installed = record.running[product]
            return HostProductView(
                product: product, wanted: wanted[product]?.version ?? nil, running: installed?.release.version,
                manifest: installed?.manifest, isHealthy: installed?.isHealthy ?? false,
                rollout: wanted[product]?.rollout, isRevoked: state.runsRevoked(record, product))
        }
    }
}

/// Hosts that run a release which was revoked in their environment.
struct RevokedRelease: Sendable {
    var release: ReleaseName
    var environment: EnvironmentName
    var hosts: [HostID]
    /// The rollout that brought it, where it can be backed out.
    var rollout: RolloutID?

    var words: String {
        let names = hosts.prefix(10).map(\.text).joined(separator: ", ") + (hosts.count > 10 ? ", …" : "")
        return "\(hosts.count.of("host")) in \(environment) \(hosts.count == 1 ? "runs" : "run") \(release), which was "
            + "revoked: \(names)"
    }

    var remedy: String {
        rollout.map { "slipway rollout back-out \($0) --reason …" }
            ?? "Roll another release out to them, or on each: slipway-agent back-out \(release.product)"
    }
}

extension FleetState {
    /// By the host's last word.
    func runsRevoked(_ host: HostRecord, _ product: ProductName) -> Bool {
        guard let running = host.running[product], let release = releases[running.release] else { return false }
        return release.submitted.manifest == running.manifest && release.revocation(in: host.environment) != nil
    }

    /// A revocation moves no host: who still runs what was revoked is listed until nobody does.
    func revokedStillRunning() -> [RevokedRelease] {
        var found: [String: RevokedRelease] = [:]
        for host in hostsInOrder where host.identity.standing.isActive {
            for (product, running) in host.running where runsRevoked(host, product) {
                let key = "\(host.environment) \(running.release)"
                if found[key] == nil {
                    let bringer = rolloutOrder.last {
                        let definition = rollouts[$0]?.plan?.definition
                        return definition?.release == running.release && definition?.environment == host.environment
                    }
                    found[key] = RevokedRelease(
                        release: running.release, environment: host.environment, hosts: [], rollout: bringer)
                }
                found[key]?.hosts.append(host.id)
            }
        }
        return found.keys.sorted().compactMap { found[$0] }
    }

    /// By the last decision about each product: after a back-out it is what the host ran before.
    func wanted(on host: HostID) -> [ProductName: (version: ReleaseVersion?, rollout: RolloutID)] {
        var wanted: [ProductName: (version: ReleaseVersion?, rollout: RolloutID)] = [:]
        for id in rolloutOrder {
            guard let record = rollouts[id], let plan = record.plan, let order = record.hosts[host]?.order else {
                continue
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
