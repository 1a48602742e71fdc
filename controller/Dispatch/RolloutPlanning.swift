import ControllerAPI
import Effects
import ReleaseDefinition
import ReleaseRollout
import ReleaseTrust

/// A rollout was frozen before its start, so that people can look at it and say yes.
public struct RolloutPlanned: Sendable, Equatable, Codable {
    public var plan: RolloutPlan
    /// Of the plan's canonical JSON.
    public var digest: SHA256Digest
}

/// A person said yes to exactly this plan: a DSSE signature by a key that the metadata names.
public struct RolloutAuthorised: Sendable, Equatable, Codable {
    public var digest: SHA256Digest
    public var holder: String
    public var keyID: String
    public var validUntil: UTCInstant
}

struct PlannedRollout: Sendable {
    let plan: RolloutPlan
    let digest: SHA256Digest
    let by: String
    let at: UTCInstant
    private(set) var authorisations: [RolloutAuthorised] = []

    init(plan: RolloutPlan, digest: SHA256Digest, by: String, at: UTCInstant) {
        (self.plan, self.digest, self.by, self.at) = (plan, digest, by, at)
    }

    mutating func authorise(_ event: RolloutAuthorised, at now: UTCInstant) {
        authorisations.removeAll { $0.holder == event.holder }
        authorisations.append(event)
    }

    /// Those that count: of people who are approvers still, with the same key.
    func authorisations(at now: UTCInstant, by approvers: [KeyHolder]) -> [RolloutAuthorised] {
        authorisations.filter { yes in
            yes.validUntil > now && approvers.contains { $0.name == yes.holder && $0.key.keyID == yes.keyID }
        }
    }
}

extension Controller {
    /// The plan of a rollout that could start now.
    func makePlan(
        _ definition: RolloutDefinition, id: RolloutID, urgency: RolloutUrgency, admits: (HostRecord) -> Bool
    ) throws -> RolloutPlan {
        let record = try release(definition.release)
        try refuseRemovedPackage(record)
        let hosts = state.hostsInOrder.filter {
            $0.environment == definition.environment && $0.identity.standing.isActive && admits($0)
                && (urgency.isEmergency || !$0.isMarked)
        }
        if !urgency.isEmergency { try refuseAllMarked(definition, but: hosts) }
        try refuseDowngrade(definition, hosts)
        if case .parallel(let sides) = definition.strategy, !urgency.isEmergency { try checkHook(sides.switchHook) }
        var plan = try RolloutPlan.make(
            definition, manifest: record.submitted.manifest, id: id,
            hosts: hosts.map { $0.planHost(definition.release.product) }, urgency: urgency,
            healthyDeadline: record.submitted.units.map(\.healthyDeadline).max(),
            starts: urgency.ignoresWindows ? nil : startIntervals(definition),
            migrations: migrations(of: definition.release))
        plan.earlyLife = earlyLife(of: definition, record.submitted.category)
        if !urgency.isEmergency { addPolicyGates(to: &plan) }
        try refuseUnfit(plan)
        return plan
    }

    /// As the release's plan says where it goes into service, the policy's least at any rate.
    private func earlyLife(of definition: RolloutDefinition, _ category: ReleaseCategory) -> TimeSpan? {
        let lifecycle = state.lifecycle(definition.release)
        let planned = lifecycle.live == definition.environment ? lifecycle.record.plan?.earlyLife?.span : nil
        guard let planned else { return policy?.earlyLife.span(of: category) }
        return max(planned, policy?.earlyLife.least(of: category) ?? .zero)
    }

    /// Steps of the rollout; a unit with variants is one.
    private func migrations(of release: ReleaseName) -> [MigrationUnit] {
        var found: [MigrationUnit] = []
        for unit in manifest(of: release)?.units ?? [] where unit.definition.type == .migration {
            guard let runOn = unit.definition.runOn, !found.contains(where: { $0.unit == unit.definition.name }) else {
                continue
            }
            found.append(
                MigrationUnit(unit: unit.definition.name, runOn: runOn, isReversible: unit.definition.isReversible))
        }
        return found
    }

    private func startIntervals(_ definition: RolloutDefinition) throws -> [StartInterval]? {
        try StartInterval.common(ownIntervals(definition), policyStarts(definition))
    }

    /// - Throws: `controller.plan.required`, `controller.request.notFound`.
    func agreedPlan(_ digest: SHA256Digest?) throws -> PlannedRollout {
        guard let digest else {
            throw ControllerError(
                .preconditionRequired, code: "plan.required",
                summary: "No plan is named: a rollout starts as somebody agreed to it.",
                remedy: "Plan it (slipway rollout plan FILE), look at it, and start it with --plan DIGEST.")
        }
        guard let planned = state.plans[digest] else {
            throw ControllerError.conflict(
                "planUnknown", "There is no plan \(digest).",
                remedy: "Plan it again: slipway rollout plan FILE prints the digest.")
        }
        guard state.rollouts[planned.plan.id] == nil else {
            throw ControllerError.conflict(
                "planUsed", "Plan \(digest.short)… was started as rollout \(planned.plan.id).",
                remedy: "Look at it (slipway rollout show \(planned.plan.id)), or plan again: slipway rollout plan FILE"
            )
        }
        return planned
    }

    /// Semantics 7: a material change is refused and shown; hosts that came or went are tolerated up to a number.
    func refuseChange(of agreed: PlannedRollout, to plan: RolloutPlan, accepting count: Int) throws {
        var changes = plan.materialChanges(since: agreed.plan)
        let isMaterial = !changes.isEmpty
        let hosts = plan.hostChanges(since: agreed.plan)
        let changed = plan.changedHosts(since: agreed.plan)
        let total = hosts.came.count + hosts.left.count + changed.count
        if total > count {
            let named = [("came", hosts.came), ("left", hosts.left), ("changed", changed)].filter { !$0.1.isEmpty }
            changes += named.map { word, ids in
                "\(ids.count.of("host")) \(word): \(ids.prefix(10).map(\.text).joined(separator: ", "))"
                    + (ids.count > 10 ? ", …" : "")
            }
        }
        guard !changes.isEmpty else { return }
        throw ControllerError.conflict(
            "planChanged", "The plan is not what \(agreed.digest.short)… was: \(changes.joined(separator: "; ")).",
            remedy: "Look at it again (slipway rollout plan FILE), and start it with the digest that it prints"
                + (isMaterial ? "." : "; or accept that hosts came, left or changed: --accept-host-changes \(total)."))
    }

    /// Freezes a plan; the same one as long as nothing changes.
    func plan(_ definition: RolloutDefinition, by actor: String) throws -> RolloutPlanView {
        let record = try release(definition.release)
        try checkEnvironment(definition.environment)
        try refuseRevoked(record, in: definition.environment)
        guard record.isApproved(in: definition.environment) else {
            throw approvalMissing(definition.release, in: definition.environment)
        }
        try obeyPolicyWhenPlanned(definition)
        if let same = try currentPlan(definition) { return view(same) }
        let plan = try makePlan(definition, id: newRolloutID(), urgency: .ordinary) { _ in true }
        // Whoever is in its way is named now, not when it starts.
        _ = try superseded(by: plan)
        let digest = SHA256Digest(of: try JSONCoding.value(of: plan).canonicalBytes)
        try commit(.rolloutPlanned(RolloutPlanned(plan: plan, digest: digest)), by: actor, at: time.now())
        return try planView(digest)
    }

    /// The frozen plan for this definition that is what would be planned now, and has not begun.
    private func currentPlan(_ definition: RolloutDefinition) throws -> PlannedRollout? {
        for planned in state.plans.values.sorted(by: { $0.at > $1.at }) where planned.plan.definition == definition {
            guard state.rollouts[planned.plan.id] == nil else { continue }
            let now = try makePlan(definition, id: planned.plan.id, urgency: .ordinary) { _ in true }
            if now.isSame(as: planned.plan) { return planned }
        }
        return nil
    }

    func planView(_ digest: SHA256Digest) throws -> RolloutPlanView {
        guard let planned = state.plans[digest] else {
            throw ControllerError.notFound(
                "plan \(digest)", remedy: "Start the rollout once: the refusal names the digest of its plan.")
        }
        return view(planned)
    }

    private func view(_ planned: PlannedRollout) -> RolloutPlanView {
        let now = time.now()
        let definition = planned.plan.definition
        let valid = planned.authorisations(at: now, by: approvers(of: definition))
        // The policy may have changed since; where it lets nothing start, the warnings say so.
        var plan = planned.plan
        if case .success(let starts) = Result(catching: { try startIntervals(definition) }) { plan.starts = starts }
        return RolloutPlanView(
            digest: planned.digest, plan: (try? JSONCoding.value(of: planned.plan)) ?? .null,
            release: definition.release, environment: definition.environment,
            phases: planned.plan.phases.map { $0.hosts.map(\.id) }, plannedAt: planned.at, plannedBy: planned.by,
            authorisedBy: valid.map(\.holder),
            needsAuthorisation: authorisationsNeeded(definition) > 0,
            authorisedUntil: valid.map(\.validUntil).max(), hosts: hostViews(of: plan, at: now),
            latestEndAt: PlanSchedule(plan, at: now).latestEnd,
            warnings: plan.warnings + markWarnings(planned.plan) + surroundingWarnings(planned.plan)
                + overlapWarnings(definition)
                + policyWarnings(definition))
    }

    private func hostViews(of plan: RolloutPlan, at now: UTCInstant) -> [PlannedHostView] {
        let starts = PlanSchedule(plan, at: now).earliestStarts
        return zip(plan.phases, starts).enumerated().flatMap { number, phase in
            zip(phase.0.hosts, phase.1).enumerated().map { order, host in
                PlannedHostView(
                    host: host.0.id, phase: number + 1, order: order + 1, delivery: host.0.delivery,
                    now: host.0.running,
                    then: plan.definition.release,
                    backOutTo: plan.irreversible == nil ? wayBack(of: host.0, in: plan) : nil,
                    earliestStartAt: host.1)
            }
        }
    }

    /// Of the plan as it would be frozen now.
    func authorisations(of definition: RolloutDefinition) -> Int {
        // What cannot be planned is not authorised.
        (try? currentPlan(definition)).map { authorisationsThatCount($0, by: approvers(of: definition)) } ?? 0
    }

    /// Who may approve, and so authorise, for the product in the environment at this moment.
    func approvers(of definition: RolloutDefinition) -> [KeyHolder] {
        guard let survey = try? repository.survey() else { return [] }
        let holders = (repository.signers ?? ProductSigners(keys)).approvers.holders
        let name = ApprovalPlace(definition.environment).role(of: definition.release.product)
        guard let role = survey.first(where: { $0.role == name }) else { return holders }
        return holders.filter { holder in role.signers.contains { $0.keyID == holder.key.keyID } }
    }

    /// A person's yes to a plan. The key must be one of those who approve releases; it is another act than approving.
    /// - Throws: `controller.access.authorisation`.
    func authorise(_ digest: SHA256Digest, _ request: RolloutAuthorisation, by actor: String) throws -> RolloutPlanView
    {
        let planned = try planView(digest)
        let approvers = state.plans[digest].map { self.approvers(of: $0.plan.definition) } ?? []
        let refused = ControllerError.forbidden(
            "authorisation", "The authorisation is not signed by an approver's key, or not for plan \(digest.short)….",
            remedy: "Sign it with slipway rollout authorise \(digest) and an approver's key.")
        let envelope = try DSSEEnvelope(json: request.envelope)
        let signer = approvers.first { holder in
            (try? envelope.verify(type: RolloutConsent.payloadType, keys: [holder.key], threshold: 1)) != nil
        }
        guard let signer,
            let consent = try? JSONCoding.decode(RolloutConsent.self, from: envelope.payload), consent.plan == digest
        else { throw refused }
        guard planned.plannedBy != "person:\(signer.name)" else {
            throw ControllerError.forbidden(
                "author", "\(signer.name) planned this rollout, and authors do not authorise.",
                remedy: "Another person must authorise it.")
        }
        if let plan = state.plans[digest] { try refuseOutOfTurn(signer, plan, by: approvers) }
        let now = time.now()
        guard let limit = state.plans[digest].flatMap({ authorisableUntil($0.plan, at: now) }) else {
            throw ControllerError.conflict(
                "planWindow", "No window of the plan \(digest.short)… is left.",
                remedy: "Plan the rollout again with windows that open: slipway rollout plan FILE")
        }
        let event = RolloutAuthorised(
            digest: digest, holder: signer.name, keyID: signer.key.keyID,
            validUntil: min(consent.validUntil, limit))
        guard event.validUntil > now else { throw refused }
        try commit(.rolloutAuthorised(event), by: actor, at: now)
        return try planView(digest)
    }

    /// Until when a yes to the plan that is said now would count; nil: no window of it is left.
    func authorisableUntil(_ plan: RolloutPlan, at now: UTCInstant) -> UTCInstant? {
        plan.authorisableUntil(
            from: now, withoutWindow: RolloutConsent.lifetime,
            policyHasWindows: policyHasWindows(plan.definition.release, in: plan.definition.environment))
    }

    /// The id under which a rollout starts: that of its authorised plan, where the profile asks for one.
    /// - Throws: `controller.approval.authorisation` (423).
    func authorisedID(
        _ definition: RolloutDefinition, _ urgency: RolloutUrgency, agreed: PlannedRollout?, by actor: String
    ) throws -> RolloutID {
        let needed = authorisationsNeeded(definition)
        guard needed > 0, !urgency.isEmergency else { return try agreed?.plan.id ?? newRolloutID() }
        let planned = try agreed.map(view) ?? plan(definition, by: actor)
        let approvers = self.approvers(of: definition)
        let given = state.plans[planned.digest].map { authorisationsThatCount($0, by: approvers) } ?? 0
        let others = approvers.filter { "person:\($0.name)" != actor }
        if profile == .regulated, given >= needed,
            state.plans[planned.digest]?.authorisations(at: time.now(), by: others).isEmpty == true
        {
            throw ControllerError(
                .init(code: 423), code: "approval.authorisation",
                summary:
                    "Only \(actor) has authorised this rollout of \(definition.release), and starts it: in the profile "
                    + "regulated these are two people.",
                remedy: "Another person authorises it (slipway rollout authorise \(planned.digest)), or starts it.")
        }
        guard let frozen = state.plans[planned.digest], given >= needed else {
            throw ControllerError(
                .init(code: 423), code: "approval.authorisation",
                summary: """
                    \(given == 0 ? "Nobody has" : "\(given) of \(needed) people have") authorised this rollout of \
                    \(definition.release): plan \(planned.digest).
                    """,
                remedy:
                    "Another person looks at it and signs: slipway rollout authorise \(planned.digest) --key-file F; "
                    + "then start it again.")
        }
        return frozen.plan.id
    }
}
