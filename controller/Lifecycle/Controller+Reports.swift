import ControllerAPI
import ReleaseDefinition
import ReleaseLifecycle
import ReleaseReporting
import ReleaseTrust

/// What is read off the log: measures and reviews.
extension Controller {
    func reviewView(_ name: ReleaseName) throws -> ReleaseReviewView {
        let lifecycle = try known(name)
        let fields = PostImplementationReview.fields(lifecycle, state.measures, signed: signed(name))
        return ReleaseReviewView(
            release: name, stage: lifecycle.stage,
            fields: fields.map {
                .init(name: $0.name, planned: $0.planned, actual: $0.actual, source: $0.source, isKept: $0.isKept)
            },
            filled: fields.count { $0.actual != nil && $0.source != "a person" }, conclusion: lifecycle.record.review)
    }

    /// Whose signatures each approval was published with. A key that nobody has any more is named by its beginning.
    private func signed(_ release: ReleaseName) -> [String] {
        let known = ((try? repository.survey()) ?? []).flatMap(\.signers).map { ($0.keyID, $0.name) }
        let names = Dictionary(known) { one, _ in one }
        let changes = state.changes.values.filter { $0.state == .published && $0.approval?.release == release }
            .sorted { $0.proposedAt < $1.proposedAt }
        return (state.releases[release]?.approvals ?? []).map { approval in
            let place = approval.environment.map { ApprovalPlace.environment($0) } ?? .emergency
            var people: [String] = []
            for signature in changes.filter({ $0.approval?.place == place }).flatMap(\.signatures) {
                let name = names[signature.keyID] ?? "key \(signature.keyID.prefix(8))"
                if !people.contains(name) { people.append(name) }
            }
            // With keys of its own alone there is nobody whom the controller would ask.
            return "\(place.word): \(people.isEmpty ? "the controller's own keys" : people.joined(separator: ", "))"
        }
    }

    /// Where releases go into service: the last environment, and those that plans name.
    private var liveEnvironments: Set<EnvironmentName> {
        Set(state.lifecycles.values.compactMap { $0.record.plan?.environment }).union([state.liveEnvironment])
    }

    func measures(from: UTCInstant?, until: UTCInstant?) throws -> [ReleaseMeasures] {
        let end = until ?? time.now()
        let begin = from ?? end - .days(90)
        guard begin < end else {
            throw ControllerError.badRequest(
                "span", "The span from \(begin) until \(end) is empty.", remedy: "Give a start before the end.")
        }
        return state.measures.measures(from: begin, until: end, live: liveEnvironments)
    }
}

extension FleetState {
    mutating func noteMeasures(_ entry: EventEntry) {
        switch entry.event {
        case .releaseSubmitted(let event):
            let first = lifecycles[event.release]?.record.plan?.changes.compactMap(\.committedAt).min()
            measures.noteRelease(
                event.release, category: event.category, builtAt: entry.at, firstChangeAt: first)
        case .rolloutChanged(let event): measures.note(event.rollout, event.event)
        case .lifecycleChanged(let change):
            guard case .planned(let plan) = change.event.fact else { return }
            measures.noteChanges(
                of: change.release, firstAt: plan.changes.compactMap(\.committedAt).min(), category: plan.category,
                at: entry.at)
        default: return
        }
    }
}
