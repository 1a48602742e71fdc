import AgentProtocol
import ControllerAPI
import ReleaseDefinition
import ReleaseRollout

/// Rollouts in the API's words.
extension Controller {
    /// The newest first, without hosts.
    func rolloutViews() -> [ControllerAPI.RolloutView] {
        state.rolloutOrder.reversed().compactMap { id in
            state.rollouts[id].flatMap { self.view(of: $0, withHosts: false) }
        }
    }

    func rolloutView(_ id: RolloutID) throws -> ControllerAPI.RolloutView {
        guard let view = state.rollouts[id].flatMap({ self.view(of: $0) }) else {
            throw ControllerError.notFound("rollout \(id)", remedy: "List them with slipway rollout list.")
        }
        return view
    }

    private func view(of record: RolloutRecord, withHosts: Bool = true) -> ControllerAPI.RolloutView? {
        guard let plan = record.plan, let engine = record.rollout.view, let startedAt = record.startedAt else {
            return nil
        }
        let definition = plan.definition
        // By id, because a search through the plan for each host is a minute's work at ten thousand.
        let before =
            withHosts
            ? Dictionary(plan.hosts.map { ($0.id, $0.running?.version) }, uniquingKeysWith: { first, _ in first }) : [:]
        return ControllerAPI.RolloutView(
            id: record.id, sequence: record.lastSequence, release: definition.release, manifest: plan.manifest,
            environment: definition.environment, query: definition.hosts, isEmergency: plan.urgency.isEmergency,
            state: RolloutNarration.state(of: record.rollout.state), reason: state.reason(of: record),
            startedAt: startedAt,
            startedBy: record.startedBy, endedAt: record.endedAt,
            phases: engine.phases.map { phase(of: $0, record, plan) },
            hosts: withHosts ? engine.hosts.map { host(of: $0, record, plan, before: before[$0.id] ?? nil) } : [],
            stillRunning: withHosts && engine.isRevoked ? state.stillRunning(record) : nil,
            successor: record.rollout.followedBy)
    }

    private func phase(
        of phase: ReleaseRollout.PhaseView, _ record: RolloutRecord, _ plan: RolloutPlan
    ) -> ControllerAPI.PhaseView {
        let times = record.phases[phase.number]
        let backedOut = plan.phases[phase.number - 1].hosts.count { host in
            if case .backedOut = record.hosts[host.id]?.outcome { true } else { false }
        }
        return ControllerAPI.PhaseView(
            number: phase.number, size: phase.name, state: Self.phaseState(phase.state),
            hosts: phase.hosts, succeeded: phase.counts.succeeded + phase.counts.alreadyCurrent,
            failed: max(0, phase.counts.failed - backedOut), backedOut: backedOut, inFlight: phase.counts.inFlight,
            startedAt: times?.startedAt, endedAt: times?.endedAt)
    }

    /// The engine also says `notReached`.
    private static func phaseState(_ word: String) -> PhaseState { PhaseState(rawValue: word) ?? .waiting }

    private func host(
        of host: ReleaseRollout.HostView, _ record: RolloutRecord, _ plan: RolloutPlan, before: ReleaseVersion?
    ) -> RolloutHostView {
        let release = before.map { ReleaseName(product: plan.definition.release.product, version: $0) }
        let wasRevoked = release.flatMap { state.releases[$0]?.revocation(in: plan.definition.environment) } != nil
        let facts = record.hosts[host.id]
        let evidence = facts?.order.flatMap { state.hosts[host.id]?.outcomes[$0]?.evidence }
        return RolloutHostView(
            host: host.id, phase: host.phase, delivery: host.delivery, before: before, order: facts?.order,
            step: facts?.step, outcome: facts?.outcome, evidence: evidence, startedAt: facts?.startedAt,
            endedAt: facts?.endedAt, isBeforeRevoked: wasRevoked ? true : nil)
    }
}

/// Streams of changes for people: history first, then what happens, without a gap between.
extension Controller {
    static let changeBufferMax = 4096

    /// - Parameter after: the last sequence that the caller has seen; 0: from the start.
    func changes(of id: RolloutID?, after: Int64) throws -> (number: UInt64, items: AsyncStream<WatcherHub.Item>) {
        if let id, state.rollouts[id] == nil {
            throw ControllerError.notFound("rollout \(id)", remedy: "List them with slipway rollout list.")
        }
        let records = id.map { [state.rollouts[$0]].compactMap { $0 } } ?? Array(state.rollouts.values)
        let history = records.flatMap(\.changes).filter { $0.sequence > after }.sorted { $0.sequence < $1.sequence }
        let (stream, continuation) = AsyncStream.makeStream(
            of: WatcherHub.Item.self, bufferingPolicy: .bufferingOldest(history.count + Self.changeBufferMax))
        for change in history { continuation.yield(.change(change)) }
        return (watchers.add(continuation, rollout: id), stream)
    }
}
