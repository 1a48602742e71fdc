import ReleaseDefinition
import ReleaseLifecycle
import ReleaseReporting
import ReleaseRollout

/// What the record of a release decided, or was told by people. What happens to packages and rollouts is in the log by
/// other names and is not written twice.
public struct LifecycleChanged: Sendable, Equatable, Codable {
    public var release: ReleaseName
    public var event: LifecycleEvent
}

extension FleetState {
    /// Where releases go into service: the last environment of the order of promotion.
    var liveEnvironment: EnvironmentName {
        initialised?.environments.last ?? EnvironmentName(unchecked: "production")
    }

    func lifecycle(_ release: ReleaseName) -> Lifecycle {
        lifecycles[release] ?? Lifecycle(release, live: liveEnvironment)
    }

    /// Every entry that says something of a release's record.
    mutating func noteLifecycle(_ entry: EventEntry) {
        defer { noteMeasures(entry) }
        let live = liveEnvironment
        noteDeviations(entry)
        func note(_ release: ReleaseName, _ fact: LifecycleFact) {
            lifecycles[release, default: Lifecycle(release, live: live)]
                .apply(LifecycleEvent(at: entry.at, by: entry.actor, fact))
            unsettledLifecycles.insert(release)
        }
        switch entry.event {
        case .lifecycleChanged(let change):
            lifecycles[change.release, default: Lifecycle(change.release, live: live)].apply(change.event)
            unsettledLifecycles.insert(change.release)
        case .releaseSubmitted(let event): note(event.release, .built(event.manifest))
        case .rolloutChanged(let event):
            switch event.event.fact {
            case .started(let plan, _):
                note(
                    plan.definition.release,
                    .rolloutStarted(
                        event.rollout, environment: plan.definition.environment,
                        isEmergency: plan.urgency.isEmergency))
            case .ended(let end):
                guard let release = rollouts[event.rollout]?.plan?.definition.release else { return }
                note(release, .rolloutEnded(event.rollout, end.verdict))
                notePilot(event.rollout, end.verdict == .backedOut ? .failed : nil, entry)
            case .phasePassed(phase: 1): notePilot(event.rollout, .passed, entry)
            default: return
            }
        default: return
        }
    }
}

/// A pilot is what the log says: the first of several phases has passed; a rollout that was taken back proves nothing.
extension FleetState {
    static let pilotKeyID = "log"

    /// - Parameter result: nil: neither.
    fileprivate mutating func notePilot(_ rollout: RolloutID, _ result: EvidenceSummary.Result?, _ entry: EventEntry) {
        guard let result, let plan = rollouts[rollout]?.plan, plan.phases.count > 1 else { return }
        let release = plan.definition.release
        let record = EvidenceRecord(
            id: SHA256Digest(of: Array("pilot \(rollout) \(entry.sequence)".utf8)), kind: .pilot,
            package: plan.manifest,
            summary: EvidenceSummary(result: result, notes: ["rollout \(rollout)"]),
            about: plan.definition.environment.text, statedAt: entry.at, by: Lifecycle.actor, keyID: Self.pilotKeyID,
            document: nil)
        // Of a rollout whose pilot never passed there is nothing to take back.
        let known = lifecycle(release).record.evidence.last { $0.kind == .pilot && $0.about == record.about }
        guard result == .passed || known?.summary.notes == record.summary.notes else { return }
        add([.evidenceAdded(record)], to: release, entry)
    }
}

/// Deviations that are not written a second time: they are what entries of other names say.
extension FleetState {
    fileprivate mutating func noteDeviations(_ entry: EventEntry) {
        switch entry.event {
        case .rolloutChanged(let event):
            guard RolloutDeviations.concerns(event.event.fact),
                let plan = rollouts[event.rollout]?.plan?.definition, lifecycle(plan.release).live == plan.environment
            else { return }
            let source = source(of: entry, event.rollout, plan.release)
            let known = lifecycles[plan.release]?.record.deviations ?? []
            add(RolloutDeviations.facts(of: event.event.fact, source, known: known), to: plan.release, entry)
        case .policyOverridden(let event):
            let rules = event.rules.map(\.rawValue).joined(separator: ", ")
            raise(
                "\(entry.actor) overrode \(rules) in \(event.environment) until \(event.until): \(event.reason)",
                source(of: entry, nil, event.release), event.release, entry)
        case .policyPassedOver(let event):
            let what = event.refusals.map(\.summary).joined(separator: " ")
            raise(
                "the emergency went past: \(what)", source(of: entry, event.rollout, event.release), event.release,
                entry)
        case .emergencyReviewed(let event):
            guard let release = emergencies.first(where: { $0.released.rollout == event.rollout })?.released.release,
                let record = lifecycles[release]?.record
            else { return }
            let own = record.openDeviations.filter {
                $0.rollout == event.rollout && $0.about == RolloutDeviations.override
            }
            add(own.map { .deviationResolved(id: $0.id, action: "reviewed: \(event.conclusion)") }, to: release, entry)
        default: return
        }
    }

    private mutating func raise(
        _ text: String, _ source: RolloutDeviations.Source, _ release: ReleaseName, _ entry: EventEntry
    ) {
        add([.deviationRaised(source.deviation(about: RolloutDeviations.override, text))], to: release, entry)
    }

    fileprivate mutating func add(_ facts: [LifecycleFact], to release: ReleaseName, _ entry: EventEntry) {
        guard !facts.isEmpty else { return }
        let live = liveEnvironment
        for fact in facts {
            lifecycles[release, default: Lifecycle(release, live: live)]
                .apply(LifecycleEvent(at: entry.at, by: RolloutDeviations.raiser, fact))
        }
        unsettledLifecycles.insert(release)
    }

    private func source(
        of entry: EventEntry, _ rollout: RolloutID?, _ release: ReleaseName
    ) -> RolloutDeviations.Source {
        RolloutDeviations.Source(
            rollout: rollout, sequence: entry.sequence, at: entry.at,
            owner: supporter(of: release) ?? entry.actor)
    }

    /// Whose affair a release is until it is handed over: the deployment manager's, else the owner's.
    func supporter(of release: ReleaseName) -> String? {
        let plan = lifecycles[release]?.record.plan
        let manager = plan?.roles.first { $0.role == .deploymentManager }?.people.first
        return manager ?? plan?.owner ?? releases[release]?.submitted.owner
    }
}

extension RolloutEnd {
    var verdict: RolloutVerdict {
        switch self {
        case .succeeded: .succeeded
        case .backedOut: .backedOut
        case .stopped, .failed, .superseded: .abandoned
        }
    }
}
