import AgentProtocol
import ControllerAPI
import ReleaseDefinition
import ReleaseRollout

/// Hosts that run a release which was revoked in their environment, and what moves them.
struct RevokedRelease: Sendable {
    /// How they leave it.
    enum Way: Sendable, Hashable {
        /// The rollout that brought it takes it back.
        case backOut(RolloutID)
        /// The other one has the hosts, and is ended first; one that is being backed out ends by itself.
        case backOutAfter(RolloutID, end: RolloutID, endsByItself: Bool)
        /// The rollout moves them when they are in contact again.
        case waits(RolloutID)
        /// No rollout can take it back.
        case none
    }

    var release: ReleaseName
    var environment: EnvironmentName
    var hosts: [HostID]
    var way: Way
    /// They had begun to take it and were not heard of again.
    var isInDoubt = false

    var words: String {
        let names = hosts.prefix(10).map(\.text).joined(separator: ", ") + (hosts.count > 10 ? ", …" : "")
        let run = isInDoubt ? "may run" : hosts.count == 1 ? "runs" : "run"
        return "\(hosts.count.of("host")) in \(environment) \(run) \(release), which was revoked: \(names)"
    }

    var remedy: String {
        switch way {
        case .backOut(let id): "slipway rollout back-out \(id) --reason …"
        case .backOutAfter(let id, let other, let endsByItself):
            "Once rollout \(other) has ended ("
                + (endsByItself ? "it is being backed out" : "slipway rollout stop \(other) ends it")
                + "): slipway rollout back-out \(id) --reason …"
        case .waits(let id): "slipway rollout show \(id): it has ordered them off it and waits for their word"
        case .none: "Roll another release out to them, or on each: slipway-agent back-out \(release.product)"
        }
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
        struct Group: Hashable {
            var release: ReleaseName
            var environment: EnvironmentName
            var way: RevokedRelease.Way
            var isInDoubt = false
        }
        var found: [Group: [HostID]] = [:]
        for host in hostsInOrder where host.identity.standing.isActive {
            for (product, running) in host.running where runsRevoked(host, product) {
                let group = Group(
                    release: running.release, environment: host.environment, way: wayBack(of: host, from: running))
                found[group, default: []].append(host.id)
            }
        }
        for record in rollouts.values {
            guard let plan = record.plan, let release = releases[plan.definition.release],
                release.revocation(in: plan.definition.environment) != nil
            else { continue }
            for id in record.rollout.inDoubt {
                guard let host = hosts[id], host.identity.standing.isActive,
                    host.running[plan.definition.release.product].map({ !runsRevoked(host, $0.release.product) })
                        ?? true,
                    !hasMoved(id, since: record)
                else { continue }
                let rollout = record.rollout
                let way: RevokedRelease.Way =
                    record.isActive || rollout.awaitsBackOut(id)
                    ? .waits(record.id) : rollout.canTakeBack(id) ? .backOut(record.id) : .none
                let group = Group(
                    release: plan.definition.release, environment: plan.definition.environment, way: way,
                    isInDoubt: true)
                found[group, default: []].append(id)
            }
        }
        return found.map {
            RevokedRelease(
                release: $0.release, environment: $0.environment, hosts: $1, way: $0.way, isInDoubt: $0.isInDoubt)
        }
        .sorted {
            ($0.environment.text, $0.release.description, $0.hosts[0]) < (
                $1.environment.text, $1.release.description, $1.hosts[0]
            )
        }
    }

    private func wayBack(of host: HostRecord, from running: InstalledRelease) -> RevokedRelease.Way {
        let holder = holder(of: host, running)
        guard let bringer = bringer(of: running, to: host) else { return holder.map { .waits($0) } ?? .none }
        if let holder, holder != bringer.id {
            guard let other = rollouts[holder], other.isActive else { return .waits(holder) }
            let endsByItself = if case .backingOut = other.rollout.state { true } else { false }
            return .backOutAfter(bringer.id, end: holder, endsByItself: endsByItself)
        }
        if bringer.rollout.awaitsBackOut(host.id) { return .waits(bringer.id) }
        return bringer.rollout.canTakeBack(host.id) ? .backOut(bringer.id) : .none
    }

    /// Of a rollout whose release was revoked: who runs it, or may run it. What a host said itself since, of whatever rollout,
    /// is newer than what this one knows.
    func stillRunning(_ record: RolloutRecord) -> [HostID] {
        guard let plan = record.plan else { return [] }
        let inDoubt = Set(record.rollout.inDoubt)
        return record.rollout.stillRunning.filter { id in
            guard let running = hosts[id]?.running[plan.definition.release.product], running.manifest != plan.manifest
            else { return true }
            return inDoubt.contains(id) && !hasMoved(id, since: record)
        }
    }

    /// Of a rollout that was backed out: whom it left on its release, as a phase that went back alone leaves the phases before.
    /// Not those whose order back stands, nor those of which it was told already that they cannot go back. nil: nobody.
    func leftRevoked(by id: RolloutID) -> String? {
        guard let record = rollouts[id], let plan = record.plan else { return nil }
        let left = stillRunning(record).filter {
            !record.rollout.awaitsBackOut($0) && record.hosts[$0]?.outcome != .backOutFailed
        }
        guard !left.isEmpty else { return nil }
        return RevokedRelease(
            release: plan.definition.release, environment: plan.definition.environment, hosts: left, way: .none
        ).words + "."
    }

    /// Another rollout of the product has ended on the host after this one, in the host's own words.
    private func hasMoved(_ host: HostID, since record: RolloutRecord) -> Bool {
        guard let since = record.hosts[host]?.endedAt ?? record.hosts[host]?.startedAt else { return false }
        return rollouts.values.contains { other in
            guard other.id != record.id, let facts = other.hosts[host], let endedAt = facts.endedAt, endedAt > since,
                other.plan?.definition.release.product == record.plan?.definition.release.product
            else { return false }
            switch facts.outcome {
            case .succeeded, .alreadyCurrent, .backedOut: return true
            case .failed(let failure): return failure != .lost
            case .backOutFailed, .skipped, .offline, .gone, .silent, .cancelled, .superseded, nil: return false
            }
        }
    }

    /// The newest rollout that brought the host what it runs: not one that found it there.
    private func bringer(of running: InstalledRelease, to host: HostRecord) -> RolloutRecord? {
        rolloutOrder.reversed().lazy.compactMap { rollouts[$0] }.first { record in
            guard let plan = record.plan, plan.manifest == running.manifest,
                plan.definition.environment == host.environment, record.hosts[host.id]?.order != nil
            else { return false }
            return !record.rollout.hadRelease(host.id)
        }
    }

    /// A rollout that may bring the host something yet.
    private func holder(of host: HostRecord, _ running: InstalledRelease) -> RolloutID? {
        rolloutOrder.last { id in
            guard let record = rollouts[id], record.contains(host.id), let plan = record.plan,
                plan.definition.release.product == running.release.product
            else { return false }
            return record.isActive || record.rollout.mayInstall(host.id)
        }
    }

    /// Of a rollout that was superseded: hosts that run what it brought, that no newer one brought it anew, and that none
    /// under way has.
    func hostsLeft(on record: RolloutRecord) -> [HostID] {
        guard record.rollout.isSuperseded, let plan = record.plan else { return [] }
        return record.hosts.keys.sorted().filter { id in
            guard let host = hosts[id], let running = host.running[plan.definition.release.product],
                running.manifest == plan.manifest, record.rollout.canTakeBack(id)
            else { return false }
            return bringer(of: running, to: host)?.id == record.id
                && holder(of: host, running).map { $0 == record.id } ?? true
        }
    }
}
