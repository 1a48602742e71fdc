import AgentProtocol
import ReleaseDefinition
import ReleaseRollout

/// What starts by itself: hosts that came late, and newer releases of a continuous rollout.
extension Controller {
    static let channelActor = "channel"

    /// A host has said what it runs: the newest rollout of each product that means it takes it along.
    /// - Parameter isFirst: it had said nothing when rollouts were planned before.
    func letJoin(_ host: HostID, isFirst: Bool, at now: UTCInstant) throws {
        guard let known = state.hosts[host], known.identity.standing.isActive, known.inventory != nil else { return }
        var decided: Set<ProductName> = []
        var decisions = Decisions()
        for id in state.rolloutOrder.reversed() {
            guard let record = state.rollouts[id], let definition = record.plan?.definition,
                definition.environment == known.environment,
                record.contains(host) || definition.hosts.matches(id: host, labels: known.labels),
                decided.insert(definition.release.product).inserted
            else { continue }
            // Who was there when it was planned was left out on purpose.
            guard let startedAt = record.startedAt,
                record.contains(host) ? isFirst : isFirst || known.joinedAt > startedAt,
                record.contains(host) || !known.isLabelledInto(definition, since: startedAt),
                state.releases[definition.release]?.revocation(in: definition.environment) == nil,
                record.plan.map({ isFrozen($0, host) }) == false,
                known.running[definition.release.product].map({ $0.release.version < definition.release.version })
                    ?? true
            else { continue }
            let joining = RolloutCommand.joined(known.planHost(definition.release.product))
            try decisions.decide(joining, on: record, by: Self.engineActor, at: now)
        }
        if !decisions.events.isEmpty { try commit(StoreChange(events: decisions.events), at: now) }
    }

    /// The newest rollout of each continuous one starts its successor: the newest release that may go there.
    func followChannels() {
        guard !isFollowing else { return }
        isFollowing = true
        defer { isFollowing = false }
        var seen: Set<String> = []
        for id in state.continuousRollouts.reversed() {
            guard let record = state.rollouts[id], let definition = record.plan?.definition,
                seen.insert(definition.channelKey).inserted, let next = successor(of: record)
            else { continue }
            var following = definition
            following.release = next
            do {
                _ = try start(following, urgency: .ordinary, by: Self.channelActor) { _ in true }
            } catch {
                // A gate of its own holds it: it is tried again when something happens.
                logger.notice(
                    "a continuous rollout waits", metadata: ["release": "\(next)", "error": "\(ReportedError(error))"])
            }
        }
    }

    private func successor(of record: RolloutRecord) -> ReleaseName? {
        guard let definition = record.plan?.definition else { return nil }
        let candidates = state.releases.values.filter {
            $0.submitted.release.product == definition.release.product && $0.isApproved(in: definition.environment)
                && $0.revocation(in: definition.environment) == nil
        }
        return record.rollout.successor(among: candidates.map(\.submitted.release))
    }
}

extension FleetState {
    /// Of the continuous rollouts to the same hosts, the one that the next release follows; nil: it is not continuous.
    func newestOfChannel(_ definition: RolloutDefinition) -> RolloutID? {
        guard definition.strategy.isContinuous else { return nil }
        return continuousRollouts.last { rollouts[$0]?.plan?.definition.channelKey == definition.channelKey }
    }
}

extension HostRecord {
    /// A label that came later takes nobody along: it is not for that that somebody set it.
    fileprivate func isLabelledInto(_ definition: RolloutDefinition, since startedAt: UTCInstant) -> Bool {
        labelledAt.map { $0 > startedAt } == true && !definition.hosts.matches(id: id, labels: joinedLabels)
    }
}

extension RolloutDefinition {
    fileprivate var channelKey: String { "\(environment) \(release.product) \(hosts.text)" }
}
