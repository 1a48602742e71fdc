import ReleaseDefinition

/// The record of one release, from the plan to the closed file: where it stands and why, from events alone. No clock, no
/// I/O.
///
/// Use: `let events = try lifecycle.decide(command, by: who, at: now)`, store them, `apply` each, then carry out
/// `pendingActions(at:)` and come back with the command that records each; `tick` at `nextDeadlineAt`.
///
/// Invariant: the events, applied in order to `Lifecycle(release, live:)`, give this value again.
public struct Lifecycle: Sendable, Equatable {
    public let release: ReleaseName
    /// Where releases go into service that nobody has planned.
    private let liveByDefault: EnvironmentName
    public internal(set) var state: LifecycleState = .unplanned
    public internal(set) var record = LifecycleRecord()

    /// The log's word for what was decided here.
    public static let actor = "lifecycle"

    public init(_ release: ReleaseName, live: EnvironmentName) {
        self.release = release
        liveByDefault = live
    }

    public var stage: LifecycleStage { state.stage }
    /// Where the release goes into service.
    public var live: EnvironmentName { record.plan?.environment ?? liveByDefault }
    /// Nothing moves it any more.
    public var isOver: Bool {
        switch state {
        case .closed, .declined, .withdrawn: true
        default: false
        }
    }

    /// - Throws: `lifecycle.<verb>.…` for what people want and does not fit; never for what has happened.
    public func decide(
        _ command: LifecycleCommand, by actor: String, at now: UTCInstant
    ) throws(LifecycleError) -> [LifecycleEvent] {
        var next = self
        var events: [LifecycleEvent] = []
        for fact in try answer(command, by: actor, at: now) {
            let event = LifecycleEvent(at: now, by: actor, fact)
            next.apply(event)
            events.append(event)
        }
        // Each step leads one stage on, or back to `built`, from where it leads on again: the bound is never met.
        var steps = 32
        while steps > 0, let state = next.move(at: now) {
            let event = LifecycleEvent(at: now, by: Self.actor, .moved(state))
            next.apply(event)
            events.append(event)
            steps -= 1
        }
        return events
    }

    private func answer(
        _ command: LifecycleCommand, by actor: String, at now: UTCInstant
    ) throws(LifecycleError) -> [LifecycleFact] {
        switch command {
        case .built(let package): return record.package == package ? [] : [.built(package)]
        case .rolloutStarted(let id, let environment, let isEmergency):
            if record.rollouts.contains(where: { $0.id == id }) { return [] }
            return [.rolloutStarted(id, environment: environment, isEmergency: isEmergency)]
        case .rolloutEnded(let id, let verdict):
            // The end of a rollout that the record never heard of is of an older log.
            guard let known = record.rollouts.first(where: { $0.id == id }), known.verdict != verdict else { return [] }
            return [.rolloutEnded(id, verdict)]
        case .baselineTaken(let baseline): return [.baselineTaken(baseline)]
        case .told(let moment): return record.told.contains(moment) ? [] : [.told(moment)]
        case .tick: return []
        case .giveFeedback(let feedback): return try answer(feedback: feedback, by: actor)
        case .addKnownError(let error): return [.knownErrorAdded(error)]
        case .plan(let plan): return try answer(plan: plan)
        case .addEvidence(let evidence): return try answer(evidence: evidence)
        case .approve(let approval, let excludesAuthor):
            return try answer(approval: approval, excludesAuthor: excludesAuthor, at: now)
        case .decline(let stage, let person, let reason):
            return try answer(decline: stage, person: person, reason: reason)
        case .deploy(let isEmergency):
            try requireDeployable(isEmergency: isEmergency, at: now)
            return []
        case .raise(let deviation): return try answer(deviation: deviation)
        case .resolve(let id, let action): return try answer(resolve: id, action: action)
        case .review(let conclusion): return try answer(review: conclusion)
        case .close(let facts): return try answer(close: facts, at: now)
        case .withdraw(let reason): return try answer(withdraw: reason)
        }
    }

    // MARK: Events

    public mutating func apply(_ event: LifecycleEvent) {
        switch event.fact {
        case .planned(let plan):
            record.plan = plan
            record.plannedAt = event.at
            record.authors.insert(event.by)
        case .built(let package): (record.package, record.builtAt) = (package, event.at)
        case .evidenceAdded(let evidence): record.evidence.append(evidence)
        case .approved(let approval):
            record.approvals.removeAll { $0.stage == approval.stage && $0.person == approval.person }
            record.approvals.append(approval)
        case .declined(let stage, _): move(to: .declined(stage: stage), at: event.at)
        case .rolloutStarted(let id, let environment, let isEmergency):
            record.rollouts.append(
                .init(id: id, environment: environment, isEmergency: isEmergency, startedAt: event.at))
            if environment == live { record.told.formIntersection([.scheduled]) }
        case .rolloutEnded(let id, let verdict):
            for position in record.rollouts.indices where record.rollouts[position].id == id {
                record.rollouts[position].verdict = verdict
                record.rollouts[position].endedAt = event.at
            }
        case .baselineTaken(let baseline): record.baselines.append(baseline)
        case .deviationRaised(let deviation): record.deviations.append(deviation)
        case .deviationResolved(let id, let action):
            for position in record.deviations.indices where record.deviations[position].id == id {
                record.deviations[position].resolution = .init(at: event.at, by: event.by, action: action)
            }
        case .knownErrorAdded(let error): record.knownErrors.append(error)
        case .feedbackGiven(let feedback): record.feedback.append(feedback)
        case .told(let moment): record.told.insert(moment)
        case .reviewed(let conclusion): record.review = conclusion
        case .moved(let state): move(to: state, at: event.at)
        }
    }

    private mutating func move(to state: LifecycleState, at now: UTCInstant) {
        if state.stage != self.state.stage { record.history.append(.init(stage: state.stage, at: now)) }
        self.state = state
    }

    // MARK: Actions

    /// What is to be told and put down now; each stays until it was recorded.
    public func pendingActions(at now: UTCInstant) -> [LifecycleAction] {
        var actions = moments(at: now).filter { !record.told.contains($0) }.map(LifecycleAction.tell)
        if let rollout = liveRollout {
            if record.baseline(.before, of: rollout.id) == nil { actions.append(.takeBaseline(.before, rollout.id)) }
            if rollout.verdict != nil, record.baseline(.after, of: rollout.id) == nil {
                actions.append(.takeBaseline(.after, rollout.id))
            }
        }
        return actions
    }

    private func moments(at now: UTCInstant) -> [ReleaseMoment] {
        switch state {
        case .unplanned, .planned, .built, .validated, .authorised, .declined, .withdrawn, .reviewed: []
        case .scheduled: [.scheduled]
        case .deploying: [.started]
        case .earlyLifeSupport: [.started, .live]
        case .operational: reviewDueAt.map { $0 <= now } == true ? [.operational, .reviewDue] : [.operational]
        case .backedOut: reviewDueAt.map { $0 <= now } == true ? [.backedOut, .reviewDue] : [.backedOut]
        case .closed: [.closed]
        }
    }

    /// When `tick` is due; nil: nothing waits for time.
    public var nextDeadlineAt: UTCInstant? {
        switch state {
        case .authorised(let until): until
        case .scheduled(let schedule): [schedule.until, approvalsEndAt].compactMap { $0 }.min()
        case .earlyLifeSupport(_, let until): until
        case .operational, .backedOut: record.told.contains(.reviewDue) ? nil : reviewDueAt
        default: nil
        }
    }
}
