import ReleaseDefinition
import ReleaseLifecycle
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
            default: return
            }
        default: return
        }
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
