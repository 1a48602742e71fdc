import AgentProtocol
import ReleaseDefinition
import ReleaseLifecycle
import ReleaseRollout

/// The closer watch of early life support: beside what the engine does with hosts that turn unhealthy, gates are asked and
/// files compared every so often. What is wrong becomes an issue, which keeps early life support from ending.
extension Controller {
    struct EarlyLifeWatch: Sendable {
        var release: ReleaseName
        var rollout: RolloutID
        var every: TimeSpan
        var gates: [GateDefinition]
        var context: GateContext
    }

    /// Hosts in contact ask their checks more often than by themselves: a host that turns unhealthy is the engine's affair
    /// then (semantics 5), which compares them with those without the release: these are asked as often. Each controller asks
    /// the hosts whose streams it holds.
    nonisolated func keepEarlyHealth() async throws {
        var askedAt: [RolloutID: UTCInstant] = [:]
        while true {
            let now = time.now()
            let wanted = await earlyHealth()
            askedAt = askedAt.filter { wanted[$0.key] != nil }
            for (rollout, every) in wanted {
                // Each host was healthy for a while when it begins.
                guard let last = askedAt[rollout] else {
                    askedAt[rollout] = now
                    continue
                }
                guard last + every <= now else { continue }
                askedAt[rollout] = now
                await askHealth(rollout)
            }
            try await time.sleep(for: .seconds(1))
        }
    }

    private func earlyHealth() -> [RolloutID: TimeSpan] {
        guard isRunning else { return [:] }
        var wanted: [RolloutID: TimeSpan] = [:]
        // A bake is there to be watched: several times, however short it is.
        for (id, record) in state.rollouts where record.isActive {
            guard case .baking(let phase, _) = record.rollout.state, let bake = record.plan?.phases[phase].bake else {
                continue
            }
            wanted[id] = min(max(.milliseconds(bake.milliseconds / 5), .seconds(1)), .seconds(30))
        }
        for lifecycle in state.lifecycles.values {
            guard case .earlyLifeSupport(let rollout, _) = lifecycle.state else { continue }
            wanted[rollout] = lifecycle.record.plan?.earlyLife?.health ?? EarlyLifePlan.healthDefault
        }
        return wanted
    }

    private func askHealth(_ id: RolloutID) {
        guard let rollout = state.rollouts[id] else { return }
        let others = rollout.isActive ? [] : hosts(without: rollout).map(\.id)
        for host in (rollout.plan?.hosts ?? []).map(\.id).filter({ rollout.hasRelease($0) }) + others {
            hub.send(.health, sequence: store.sequence, to: host)
        }
    }

    /// Those in contact that run another release of the product in the rollout's environment: of it or not. Whoever had it and
    /// went back says something of it, and whoever is set aside by hand nothing of others.
    private func hosts(without record: RolloutRecord) -> [HostRecord] {
        guard let plan = record.plan else { return [] }
        let (product, environment) = (plan.definition.release.product, plan.definition.environment)
        return state.hosts.values.filter { host in
            guard let running = host.running[product], running.manifest != plan.manifest, !host.isMarked,
                !record.tookBack(host.id)
            else { return false }
            return host.environment == environment && host.identity.standing.isActive && contact(of: host) == .online
        }
    }

    /// What early life is compared with (semantics 5). Who was unhealthy when the rollout ended is left out, as it is of the
    /// hosts that took the release: only those that turn unhealthy meanwhile say anything.
    func others(than record: RolloutRecord) -> OtherHosts {
        guard let product = record.plan?.definition.release.product, let endedAt = record.endedAt else {
            return OtherHosts(count: 0, unhealthy: 0)
        }
        let since = hosts(without: record).map { $0.unhealthySince[product] }.filter {
            $0.map { $0 >= endedAt } ?? true
        }
        return OtherHosts(count: since.count, unhealthy: since.count { $0 != nil })
    }

    /// Nothing of it is kept: a controller that starts again looks again.
    nonisolated func keepEarlyLife() async throws {
        var lookedAt: [ReleaseName: UTCInstant] = [:]
        while true {
            do {
                let watches = await earlyLifeWatches()
                let now = time.now()
                lookedAt = lookedAt.filter { looked in watches.contains { $0.release == looked.key } }
                for watch in watches {
                    // The hosts have just been compared when it begins.
                    guard let last = lookedAt[watch.release] else {
                        lookedAt[watch.release] = now
                        continue
                    }
                    guard last + watch.every <= now else { continue }
                    lookedAt[watch.release] = now
                    try await look(watch)
                }
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                logger.error("early life is not watched", metadata: ["error": "\(ReportedError(error))"])
            }
            try await time.sleep(for: .seconds(1))
        }
    }

    private func earlyLifeWatches() -> [EarlyLifeWatch] {
        guard leads, isRunning else { return [] }
        return state.lifecycles.values.compactMap { lifecycle in
            guard case .earlyLifeSupport(let id, _) = lifecycle.state, let support = lifecycle.record.plan?.earlyLife,
                let rollout = state.rollouts[id], let plan = rollout.plan
            else { return nil }
            let hosts = plan.hosts.map(\.id)
            return EarlyLifeWatch(
                release: lifecycle.release, rollout: id, every: support.every ?? EarlyLifePlan.everyDefault,
                gates: (support.gates ?? []).compactMap { policy?.gate($0) },
                context: GateContext(
                    rollout: id, release: lifecycle.release, environment: plan.definition.environment,
                    phase: plan.phases.count, updated: hosts.filter { rollout.hasRelease($0) },
                    others: hosts.filter { !rollout.hasRelease($0) }, startedAt: rollout.startedAt ?? time.now()))
        }
    }

    private nonisolated func look(_ watch: EarlyLifeWatch) async throws {
        let runner = try GateRunner.live(folder)
        for gate in watch.gates {
            let judgement = await runner.judge(gate, watch.context)
            guard judgement.verdict == .fail else { continue }
            try await raise(
                about: "gate:\(gate.name)", "the gate \(gate.name) fails in early life: \(judgement.detail)", watch)
        }
        try await lookForDrift(watch.release)
        try await noteDrift(watch)
    }

    private func noteDrift(_ watch: EarlyLifeWatch) throws {
        let drifted = closureFacts(watch.release).drifted
        guard let first = drifted.first else { return }
        let what = drifted.count == 1 ? "\(first)" : "\(first) and \(drifted.count - 1) more"
        try raise(about: "drift", "files were changed in early life on \(what)", watch)
    }

    /// Once, until it was resolved.
    private func raise(about: String, _ text: String, _ watch: EarlyLifeWatch) throws {
        let lifecycle = state.lifecycle(watch.release)
        guard case .earlyLifeSupport(watch.rollout, _) = lifecycle.state,
            !lifecycle.record.openDeviations.contains(where: { $0.about == about })
        else { return }
        let deviation = Deviation(
            id: "w\(lifecycle.record.deviations.count + 1)", kind: .issue, text: text.bounded(2000),
            owner: state.supporter(of: watch.release) ?? "nobody",
            rollout: watch.rollout, about: about, raisedAt: time.now(), raisedBy: Lifecycle.actor)
        try tell(watch.release, .raise(deviation), by: Lifecycle.actor)
    }
}
