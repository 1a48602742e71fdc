import ControllerAPI
import Effects
import ReleaseDefinition
import ReleaseLifecycle
import ReleaseRollout

/// Where the policy is asked. Every refusal comes at once, each with its line.
extension Controller {
    /// When a release is taken in, or approved for another environment.
    func obeyPolicy(_ release: ReleaseName, _ category: ReleaseCategory, in environment: EnvironmentName) throws {
        guard let policy else { return }
        let known = state.releases.keys.filter { $0.product == release.product }.map(\.version)
        let submission = PolicySubmission(release: release, category: category, environment: environment, known: known)
        try refuse(policy.refusals(of: submission), release, in: environment)
    }

    /// When a rollout is planned: what waiting does not cure.
    func obeyPolicyWhenPlanned(_ definition: RolloutDefinition) throws {
        let refusals = try policyRefusals(of: definition).filter { !$0.rule.isCuredByTime }
        try refuse(refusals, definition.release, in: definition.environment)
    }

    /// When a rollout starts.
    func obeyPolicyAtStart(_ definition: RolloutDefinition) throws {
        // People's consent is asked for last, by `authorisedID`, which freezes the plan that they are to sign.
        // Not counted here either: that plans again, which may ask this.
        let refusals = try policyRefusals(of: definition, authorisations: .max)
        try refuse(refusals, definition.release, in: definition.environment)
    }

    /// What a start at this moment would be refused for, in the same words. A plan may wait, so these are warnings there.
    func policyWarnings(_ definition: RolloutDefinition) -> [String] {
        // A zone that cannot be read is told by whatever asks for a start.
        let refusals = (try? policyRefusals(of: definition)) ?? []
        return standing(refusals, definition.release, in: definition.environment)
            .filter { $0.rule != .authorisations }
            .map { "A start now is refused (controller.policy.\($0.rule.rawValue)): \($0.line)" }
    }

    /// Where the policy does not refuse it, it is told.
    func overlapWarnings(_ definition: RolloutDefinition) -> [String] {
        guard policy?.environment(definition.environment)?.refusesOverlap != true else { return [] }
        return overlaps(of: definition).map { "At the same time: \($0)" }
    }

    /// - Parameter authorisations: nil: those of the plan as it would be frozen now.
    func policyRefusals(of definition: RolloutDefinition, authorisations: Int? = nil) throws -> [PolicyRefusal] {
        // Without a policy nothing is refused but what only a policy can define.
        let policy = policy ?? ReleasePolicy()
        return policy.refusals(of: definition, try policyFacts(definition, policy, authorisations))
            + freezeRefusals(of: definition) + evidenceRefusals(of: definition, policy)
    }

    /// What an emergency goes past is recorded.
    func passedOver(_ definition: RolloutDefinition, by rollout: RolloutID) -> PolicyPassedOver? {
        let current = state.policy.current?.applied
        // A zone that cannot be read must not hold an emergency up.
        let refusals = (current?.policy).map { policy in
            policy.refusals(of: definition, (try? policyFacts(definition, policy)) ?? PolicyFacts(now: time.now()))
        }
        let unproven = current.map { evidenceRefusals(of: definition, $0.policy) } ?? []
        let passed = (refusals ?? []) + freezeRefusals(of: definition) + unproven
        guard !passed.isEmpty else { return nil }
        return PolicyPassedOver(
            rollout: rollout, release: definition.release, environment: definition.environment, refusals: passed,
            version: current?.version ?? 0)
    }

    private func policyFacts(
        _ definition: RolloutDefinition, _ policy: ReleasePolicy, _ authorisations: Int? = nil
    ) throws -> PolicyFacts {
        let rollouts = state.rollouts.values
        let finished = rollouts.filter { $0.end == .succeeded && $0.plan?.definition.release == definition.release }
        let ofProduct = rollouts.filter { record in
            guard let plan = record.plan, !plan.urgency.isEmergency else { return false }
            return plan.definition.environment == definition.environment
                && plan.definition.release.product == definition.release.product
        }
        return PolicyFacts(
            now: time.now(), hosts: matchingHosts(definition),
            rolledOutIn: Set(finished.compactMap { $0.plan?.definition.environment }),
            starts: ofProduct.compactMap(\.startedAt),
            authorisations: authorisations ?? self.authorisations(of: definition),
            category: state.releases[definition.release]?.submitted.category,
            overlaps: policy.environment(definition.environment)?.refusesOverlap == true
                ? overlaps(of: definition) : [],
            zones: try ZoneFolder.rules(of: policy))
    }

    func matchingHosts(_ definition: RolloutDefinition) -> [PolicyHost] {
        state.hostsInOrder.filter {
            $0.environment == definition.environment && $0.identity.standing.isActive
                && definition.hosts.matches(id: $0.id, labels: $0.labels)
        }.map { PolicyHost(id: $0.id, labels: $0.labels) }
    }

    /// How many people must have authorised a plan, by policy or profile.
    func authorisationsNeeded(_ definition: RolloutDefinition) -> Int {
        let byProfile = profile == .regulated ? 1 : 0
        guard let environment = policy?.environment(definition.environment) else { return byProfile }
        let isOverridden = state.policy.isOverridden(
            .authorisations, definition.release, in: definition.environment, at: time.now())
        return max(byProfile, isOverridden ? 0 : environment.authorisations)
    }

    /// Without what a person set aside.
    private func standing(
        _ refusals: [PolicyRefusal], _ release: ReleaseName, in environment: EnvironmentName
    ) -> [PolicyRefusal] {
        let now = time.now()
        return refusals.filter { !state.policy.isOverridden($0.rule, release, in: environment, at: now) }
    }

    func refuse(
        _ refusals: [PolicyRefusal], _ release: ReleaseName, in environment: EnvironmentName
    ) throws {
        let standing = standing(refusals, release, in: environment)
        guard let first = standing.first else { return }
        let name = state.policy.current.map { "Policy \($0.applied.version)" } ?? "The controller, which has no policy,"
        let isTime = standing.allSatisfy { $0.rule.isCuredByTime }
        let rules = standing.count == 1 ? "the rule \(first.rule.rawValue)" : "\(standing.count) rules"
        throw ControllerError(
            isTime ? .init(code: 423) : .unprocessableContent, code: "policy.\(first.rule.rawValue)",
            summary: "\(name) refuses \(release) in \(environment) by \(rules).",
            remedy: overrideRemedy(
                Set(standing.map(\.rule)).sorted { $0.rawValue < $1.rawValue }, release, environment),
            cause: standing.map(\.line).joined(separator: "\n"))
    }
}

extension Controller {
    /// What the policy wants to see proven, whoever planned the release, or nobody.
    private func evidenceRefusals(of definition: RolloutDefinition, _ policy: ReleasePolicy) -> [PolicyRefusal] {
        let rules = policy.environment(definition.environment)?.evidence ?? []
        guard !rules.isEmpty else { return [] }
        let evidence = state.lifecycle(definition.release).record.ownEvidence
        let path = "environments.\(definition.environment).evidence"
        return rules.map { $0.judge(evidence, release: definition.release, at: time.now()) }.filter { !$0.isMet }.map {
            PolicyRefusal(
                rule: .evidence, path: path, place: policy.place(of: path), summary: "\($0.found).",
                remedy: "\($0.remedy ?? "It comes with time").")
        }
    }

    /// Says to set rules aside only where somebody may, and to whom.
    private func overrideRemedy(
        _ rules: [PolicyRule], _ release: ReleaseName, _ environment: EnvironmentName
    ) -> String {
        let rights = rules.map { rule in policy?.overrides.first { $0.rule == rule }?.by ?? [] }
        let fixed = zip(rules, rights).filter { $0.1.isEmpty }.map(\.0.rawValue)
        guard fixed.isEmpty else {
            let who = policy == nil ? "Without a policy nobody may" : "The policy lets nobody"
            return "Each line says what helps. \(who) set aside \(fixed.joined(separator: ", "))."
        }
        let who = zip(rules, rights).map { "\($0.rawValue): \($1.joined(separator: " or "))" }
        let options = rules.map { "--rule \($0.rawValue)" }.joined(separator: " ")
        return "Each line says what helps. If it cannot wait, some people may set it aside "
            + "(\(who.joined(separator: ", "))): "
            + "slipway policy override \(release) --environment \(environment) \(options) --reason REASON"
    }
}

extension PolicyRefusal {
    /// With the file, where it stands in one.
    var line: String { place == nil ? description : "\(PolicyView.fileName):\(description)" }
}

extension PolicyRule {
    /// Time, or people's consent, makes it go away.
    var isCuredByTime: Bool {
        switch self {
        case .window, .freeze, .cadence, .authorisations, .after, .overlap, .evidence: true
        case .numbering, .environment, .strategy, .backOut, .gates, .earlyLife: false
        }
    }
}
