import AgentProtocol
import ControllerAPI
import DefinitionFiles
import Effects
import ReleaseDefinition
import ReleaseLifecycle

/// The records of releases: told by people, moved on by what happens and by time.
extension Controller {
    /// Decides, stores, and brings the record to rest.
    @discardableResult
    func tell(_ release: ReleaseName, _ command: LifecycleCommand, by actor: String) throws -> Lifecycle {
        let now = time.now()
        try record(state.lifecycle(release).decide(command, by: actor, at: now), of: release, at: now)
        settleLifecycles()
        return state.lifecycle(release)
    }

    private func record(_ events: [LifecycleEvent], of release: ReleaseName, at now: UTCInstant) throws {
        guard !events.isEmpty else { return }
        let changes = events.map {
            NewEvent(actor: $0.by, event: .lifecycleChanged(LifecycleChanged(release: release, event: $0)))
        }
        try commit(StoreChange(events: changes), at: now)
    }

    /// Every record that something happened to: what follows by itself, and what it wants done.
    func settleLifecycles() {
        guard leads else { return }
        let now = time.now()
        let due = state.lifecycles.values.filter { $0.nextDeadlineAt.map { $0 <= now } == true }.map(\.release)
        for release in state.unsettledLifecycles.union(due).sorted(by: { $0.description < $1.description }) {
            do {
                try record(state.lifecycle(release).decide(.tick, by: Lifecycle.actor, at: now), of: release, at: now)
                for action in state.lifecycle(release).pendingActions(at: now) {
                    let command = try perform(action, of: release, at: now)
                    let events = try state.lifecycle(release).decide(command, by: Lifecycle.actor, at: now)
                    try record(events, of: release, at: now)
                }
                state.unsettledLifecycles.remove(release)
            } catch {
                // It stays in the list: the next round tries again.
                logger.error("a release's record waits", metadata: ["release": "\(release)", "error": "\(error)"])
            }
        }
        setLifecycleTimer()
    }

    private func perform(
        _ action: LifecycleAction, of release: ReleaseName, at now: UTCInstant
    ) throws -> LifecycleCommand {
        switch action {
        case .tell(let moment): return .told(moment)
        case .takeBaseline(let moment, let rollout):
            return .baselineTaken(try takeBaseline(moment, rollout, of: release.product))
        }
    }

    /// After a restart, and where something could not be written.
    nonisolated func keepLifecycles() async throws {
        while true {
            await settleLifecycles()
            try await time.sleep(for: .minutes(1))
        }
    }

    private func setLifecycleTimer() {
        lifecycleTimer?.cancel()
        lifecycleTimer = nil
        guard isRunning, leads, let next = state.lifecycles.values.compactMap(\.nextDeadlineAt).min() else { return }
        let span = max(next.since(time.now()), .milliseconds(1))
        // The minute's round sees to what is further away.
        guard span < .minutes(1) else { return }
        let time = time
        lifecycleTimer = Task { [weak self] in
            guard (try? await time.sleep(for: span)) != nil else { return }
            await self?.settleLifecycles()
        }
    }

    // MARK: what people want

    func planRelease(
        _ name: ReleaseName, _ request: ReleasePlanRequest, by person: PersonRecord
    ) throws -> LifecycleView {
        guard request.text.utf8.count <= ReleasePlanFile.bytesMax else {
            throw ControllerError.badRequest(
                "planSize",
                "The plan has \(ByteCount(request.text.utf8.count)), at most \(ByteCount(ReleasePlanFile.bytesMax)).",
                remedy: "Put long texts into documents of the package.")
        }
        let plan = try DefinitionProblems.inText {
            try ReleasePlanFile.parse(Array(request.text.utf8), file: LifecycleFiles.planName)
        }
        try checkEnvironment(plan.environment)
        try obeyPolicy(plan.release, plan.category, in: plan.environment)
        // Authors are people; the log has who sent it.
        try tell(name, .plan(plan), by: person.name)
        return try lifecycleView(name)
    }

    func decline(_ name: ReleaseName, _ request: ReleaseDeclineRequest, by person: PersonRecord) throws -> LifecycleView
    {
        let reason = try said(request.reason, "A decline has no reason.", "--reason")
        try tell(name, .decline(stage: request.stage, person: person.name, reason: reason), by: person.name)
        return try lifecycleView(name)
    }

    func addDeviation(_ name: ReleaseName, _ request: DeviationRequest, by person: PersonRecord) throws -> LifecycleView
    {
        _ = try known(name)
        let text = try said(request.text, "A deviation has no text.", "--text")
        let number = state.lifecycle(name).record.deviations.count + 1
        let deviation = Deviation(
            id: "d\(number)", kind: request.kind, text: text,
            owner: try said(request.owner, "It has no owner.", "--owner"),
            rollout: request.rollout, raisedAt: time.now(), raisedBy: person.name)
        try tell(name, .raise(deviation), by: person.name)
        return try lifecycleView(name)
    }

    func resolveDeviation(
        _ name: ReleaseName, _ id: String, _ request: DeviationResolveRequest, by person: PersonRecord
    ) throws -> LifecycleView {
        _ = try known(name)
        let action = try said(request.action, "A resolution has no corrective action.", "--action")
        try tell(name, .resolve(deviation: id, action: action), by: person.name)
        return try lifecycleView(name)
    }

    func addKnownError(_ name: ReleaseName, _ request: KnownErrorRequest, by person: PersonRecord) throws
        -> LifecycleView
    {
        _ = try known(name)
        let error = KnownError(
            text: try said(request.text, "A known error has no text.", "--text"),
            workaround: try said(request.workaround, "A known error has no workaround.", "--workaround"),
            addedAt: time.now(), addedBy: person.name)
        try tell(name, .addKnownError(error), by: person.name)
        return try lifecycleView(name)
    }

    func giveFeedback(_ name: ReleaseName, _ request: FeedbackRequest, by person: String) throws -> LifecycleView {
        _ = try known(name)
        guard (1...5).contains(request.score) else {
            throw ControllerError.badRequest(
                "score", "The score is \(request.score).", remedy: "Give 1 (bad) to 5 (good) with --score.")
        }
        let text = try said(request.text, "Feedback has no text.", "--text")
        try tell(
            name, .giveFeedback(ReleaseFeedback(text: text, score: request.score, at: time.now(), by: person)),
            by: person)
        return try lifecycleView(name)
    }

    func reviewRelease(_ name: ReleaseName, _ request: ReleaseReviewRequest, by person: PersonRecord) throws
        -> LifecycleView
    {
        _ = try known(name)
        let conclusion = ReviewConclusion(
            conclusion: try said(request.conclusion, "The review says nothing.", "--conclusion"),
            lessons: request.lessons.prefix(100).map { $0.bounded(4000) }, at: time.now(), by: person.name)
        try tell(name, .review(conclusion), by: person.name)
        return try lifecycleView(name)
    }

    /// - Parameter askedAt: when hosts were asked how they stand.
    func closeRelease(
        _ name: ReleaseName, by person: PersonRecord, askedAt: UTCInstant
    ) throws -> LifecycleView {
        _ = try known(name)
        try tell(name, .close(closureFacts(name, askedAt: askedAt)), by: person.name)
        return try lifecycleView(name)
    }

    /// - Throws: `controller.request.…` for a text that says nothing.
    private func said(_ text: String, _ summary: String, _ option: String) throws -> String {
        guard text.contains(where: { !$0.isWhitespace }) else {
            throw ControllerError.badRequest("text", summary, remedy: "Say it, with \(option).")
        }
        return text.bounded(16000)
    }

    /// - Throws: a 404 for a release that nobody has planned or submitted.
    @discardableResult
    func known(_ name: ReleaseName) throws -> Lifecycle {
        guard let lifecycle = state.lifecycles[name] else {
            throw ControllerError.notFound(
                "release \(name)", remedy: "Plan it with slipway release plan FILE, or submit it.")
        }
        return lifecycle
    }

    /// A rollout where the release goes into service asks the record first.
    func obeyLifecycle(_ release: ReleaseName, in environment: EnvironmentName, isEmergency: Bool) throws {
        // What follows by itself is not what was asked for: the request's key goes with what it stores itself.
        ChangeTerms.$current.withValue(nil) { settleLifecycles() }
        let lifecycle = state.lifecycle(release)
        guard lifecycle.live == environment else { return }
        _ = try lifecycle.decide(.deploy(isEmergency: isEmergency), by: Self.engineActor, at: time.now())
    }

    // MARK: closure

    /// - Parameter askedAt: when hosts were asked how they stand; nil: they were not.
    func closureFacts(_ name: ReleaseName, askedAt: UTCInstant? = nil) -> ClosureFacts {
        let lifecycle = state.lifecycle(name)
        let manifest = lifecycle.record.package
        let hosts = state.hostsInOrder.filter {
            $0.environment == lifecycle.live && $0.identity.standing.isActive && $0.running[name.product] != nil
        }
        let drifted = hosts.filter { host in
            host.running[name.product]?.release == name && isDrifted(host, name.product)
        }
        let unheard = hosts.filter { host in
            guard let askedAt, host.running[name.product]?.release == name else { return false }
            // Who fetches is asked by nobody, and tells by itself.
            let since = host.delivery == .pull ? askedAt - .days(1) : askedAt
            return hostFacts[host.id].map { $0.receivedAt < since || $0.facts.drifted == nil } ?? true
        }
        return ClosureFacts(
            drifted: drifted.map(\.id), unheard: unheard.map(\.id),
            disagreements: disagreements(name, manifest, in: lifecycle.live),
            unreviewed: state.emergencies.filter { $0.released.release == name && $0.review == nil }
                .map(\.released.rollout))
    }

    /// The log says what each host of the last rollout was left with; hosts say what they run.
    private func disagreements(
        _ name: ReleaseName, _ manifest: SHA256Digest?, in environment: EnvironmentName
    ) -> [String] {
        let last = state.rolloutOrder.reversed().lazy.compactMap { self.state.rollouts[$0] }
            .first { $0.plan?.definition.release == name && $0.plan?.definition.environment == environment }
        guard let last, let end = last.end else { return [] }
        let left = leftBehind(by: last, manifest)
        guard case .succeeded = end else { return left }
        return left
            + last.hosts.keys.sorted().compactMap { id in
                guard let host = state.hosts[id], host.identity.standing.isActive,
                    last.hosts[id]?.outcome == .succeeded || last.hosts[id]?.outcome == .alreadyCurrent
                else { return nil }
                guard let running = host.running[name.product] else { return "\(id) runs no \(name.product)" }
                // A later release of the same product has taken over: that is its own record's affair.
                if running.release.version > name.version { return nil }
                if running.manifest == manifest { return running.isHealthy ? nil : "\(name) is not healthy on \(id)" }
                return "\(id) runs \(running.release)"
            }
    }

    /// Hosts of a rollout that were taken back and have the release still, or that could not go back and that nothing has
    /// mended since: all of one that was backed out, single ones of one that went on.
    private func leftBehind(by last: RolloutRecord, _ manifest: SHA256Digest?) -> [String] {
        guard let product = last.plan?.definition.release.product else { return [] }
        let later = state.rolloutOrder.reversed().prefix { $0 != last.id }.compactMap { state.rollouts[$0] }
            .filter { $0.plan?.definition.release.product == product }
        return last.hosts.keys.sorted().compactMap { id in
            guard let host = state.hosts[id], host.identity.standing.isActive else { return nil }
            let isMended = later.contains { [.succeeded, .alreadyCurrent].contains($0.hosts[id]?.outcome) }
            if isMended { return nil }
            let outcome = last.hosts[id]?.outcome
            let isKept = last.end == .succeeded && outcome == .succeeded || outcome == .alreadyCurrent
            if !isKept, manifest != nil, host.running[product]?.manifest == manifest {
                return "\(id) runs it still" + (outcome == .backOutFailed ? " and could not be taken back" : "")
            }
            return outcome == .backOutFailed ? "\(id) could not be taken back" : nil
        }
    }
}

enum LifecycleFiles {
    /// What refusals call the plan.
    static let planName = "release-plan.yaml"
    /// Documents of evidence and baselines, by their digests, in the controller's folder.
    static let folderName = "evidence"
}

extension ConfigurationBaseline {
    static let bytesMax = ByteCount(256 << 20)
}
