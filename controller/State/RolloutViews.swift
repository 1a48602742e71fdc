import AgentProtocol
import ControllerAPI
import ReleaseDefinition
import ReleaseRollout

/// Rollouts in the API's words.
extension Controller {
    /// The newest first, without hosts.
    func rolloutViews() -> [ControllerAPI.RolloutView] {
        state.rolloutOrder.reversed().compactMap { id in state.rollouts[id].flatMap(summary) }
    }

    /// Without hosts. Most rollouts of a list ended long ago, and to count the hosts of each anew is what a list would wait for.
    private func summary(of record: RolloutRecord) -> ControllerAPI.RolloutView? {
        if var known = rolloutSummaries[record.id], known.sequence == record.lastSequence {
            // It tells of the channel as well, which newer rollouts change.
            known.reason = state.reason(of: record)
            return known
        }
        let view = view(of: record, withHosts: false)
        rolloutSummaries[record.id] = view
        return view
    }

    func rolloutView(_ id: RolloutID) throws -> ControllerAPI.RolloutView {
        guard let view = state.rollouts[id].flatMap({ self.view(of: $0) }) else {
            throw ControllerError.notFound("rollout \(id)", remedy: "List them with slipway rollout list.")
        }
        return view
    }

    private func view(of record: RolloutRecord, withHosts: Bool = true) -> ControllerAPI.RolloutView? {
        guard let plan = record.plan, let engine = record.rollout.summary, let startedAt = record.startedAt
        else {
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
            state: RolloutNarration.state(of: record.rollout), reason: state.reason(of: record),
            startedAt: startedAt,
            startedBy: record.startedBy, endedAt: record.endedAt,
            phases: engine.phases.map { phase(of: $0, record, plan) },
            hosts: withHosts
                ? record.rollout.hostPlaces.map { host(of: $0, record, plan, before: before[$0.id] ?? nil) } : [],
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
        of host: ReleaseRollout.HostPlace, _ record: RolloutRecord, _ plan: RolloutPlan, before: ReleaseVersion?
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
    func changes(
        of id: RolloutID?, after: Int64
    ) async throws -> (number: UInt64, items: AsyncStream<WatcherHub.Item>) {
        if let id, state.rollouts[id] == nil {
            throw ControllerError.notFound("rollout \(id)", remedy: "List them with slipway rollout list.")
        }
        let history = try await history(of: id, after: after)
        let (stream, continuation) = AsyncStream.makeStream(
            of: WatcherHub.Item.self, bufferingPolicy: .bufferingOldest(history.count + Self.changeBufferMax))
        for change in history { continuation.yield(.change(change)) }
        return (watchers.add(continuation, rollout: id), stream)
    }

    /// Every change so far of one rollout or of all, in order. Nothing is awaited after the newest of them was looked up.
    func history(of id: RolloutID?, after: Int64 = 0) async throws -> [RolloutChange] {
        // All of it is here: nothing is copied for a page that asks again after each event.
        if after == 0, let record = id.flatMap({ state.rollouts[$0] }), record.restedTo == 0 { return record.changes }
        var earlier: [RolloutChange] = []
        var read: [RestedRollout] = []
        while true {
            let records = id.map { [state.rollouts[$0]].compactMap { $0 } } ?? Array(state.rollouts.values)
            let rested = records.filter { $0.restedTo > after }.map(RestedRollout.init).sorted { $0.first < $1.first }
            if rested == read {
                let changes = earlier + records.flatMap(\.changes)
                return changes.filter { $0.sequence > after }.sorted { $0.sequence < $1.sequence }
            }
            let store = store
            earlier = try await offLoop { try await RestedRollout.changes(of: rested, in: store) }
            read = rested
        }
    }
}

/// A rollout whose changes are in the log alone, all or those up to one.
struct RestedRollout: Sendable, Equatable {
    /// Entries that are read at a time.
    private static let pieceMax = 1000

    let id: RolloutID
    let first: Int64
    let last: Int64

    init(_ record: RolloutRecord) { (id, first, last) = (record.id, record.firstSequence, record.restedTo) }

    /// Makes the changes anew, as they were made when they happened. Not for the actor: half a million entries take ten seconds.
    /// - Parameter rollouts: by their first entry.
    /// - Throws: `controller.store.…`.
    nonisolated static func changes(
        of rollouts: [RestedRollout], in store: any EventStore
    ) async throws -> [RolloutChange] {
        guard let first = rollouts.first?.first, let last = rollouts.map(\.last).max() else { return [] }
        let ends = Dictionary(uniqueKeysWithValues: rollouts.map { ($0.id, $0.last) })
        var records: [RolloutID: RolloutRecord] = [:]
        var after = first - 1
        while after < last {
            let entries = try store.entries(after: after, limit: pieceMax)
            guard let end = entries.last?.sequence else { break }
            for entry in entries {
                guard case .rolloutChanged(let it) = entry.event, let end = ends[it.rollout], entry.sequence <= end
                else { continue }
                records[it.rollout, default: RolloutRecord(id: it.rollout)].apply(it.event, entry)
            }
            after = end
            try Task.checkCancellation()
        }
        return records.values.flatMap(\.changes)
    }
}
