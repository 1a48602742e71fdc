import AgentProtocol
import ControllerAPI
import ReleaseDefinition

/// The policy in force, its history, and who set it aside.
extension Controller {
    var policy: ReleasePolicy? { state.policy.current?.applied.policy }

    /// Puts a policy in force. The same text again changes nothing.
    func applyPolicy(_ request: PolicyRequest, by actor: String) throws -> PolicyView {
        let policy = try checkedPolicy(request.text)
        if let current = state.policy.current, current.applied.text == request.text { return Self.view(current) }
        guard !request.reason.isEmpty else {
            throw ControllerError.badRequest("reason", "A new policy has no reason.", remedy: "Say why, with --reason.")
        }
        let event = PolicyApplied(
            version: state.policy.versions.count + 1, text: request.text, policy: policy,
            reason: request.reason.bounded(4000))
        try commit(.policyApplied(event), by: actor, at: time.now())
        drive()
        return try policyView(event.version)
    }

    func policyView(_ version: Int? = nil) throws -> PolicyView {
        let chosen = version.map { number in state.policy.versions.first { $0.applied.version == number } }
        guard let found = chosen ?? (version == nil ? state.policy.current : nil) else {
            throw ControllerError.notFound(
                version.map { "version \($0) of the policy" } ?? "policy",
                remedy: "Put one in force with slipway policy apply FILE --reason REASON.")
        }
        return Self.view(found)
    }

    func policyViews() -> [PolicyView] { state.policy.versions.map(Self.view) }

    private static func view(_ version: PolicyRecord.Version) -> PolicyView {
        PolicyView(
            version: version.applied.version, appliedAt: version.at, appliedBy: version.by,
            reason: version.applied.reason, text: version.applied.text)
    }

    // MARK: overrides

    func overridePolicy(_ request: PolicyOverrideRequest, by person: PersonRecord) throws -> PolicyOverrideView {
        guard let current = state.policy.current?.applied else {
            throw ControllerError.notFound(
                "policy",
                remedy: "A policy says who may set rules aside; without one only freezes hold: slipway freeze list.")
        }
        guard !request.reason.isEmpty else {
            throw ControllerError.badRequest("reason", "An override has no reason.", remedy: "Say why, with --reason.")
        }
        try checkEnvironment(request.environment)
        guard !request.rules.isEmpty, request.valid > .zero, request.valid <= PolicyOverrideRequest.validMax else {
            throw ControllerError.badRequest(
                "override", "An override of \(request.rules.count.of("rule")) for \(request.valid) is none.",
                remedy: "Name rules, and a span up to \(PolicyOverrideRequest.validMax).")
        }
        for rule in request.rules { try checkRight(to: rule, of: person, request, current) }
        let now = time.now()
        let event = PolicyOverridden(
            release: request.release, environment: request.environment, rules: request.rules,
            reason: request.reason.bounded(4000), until: now + request.valid, version: current.version)
        let actor = Caller.person(person).actor
        try commit(.policyOverridden(event), by: actor, at: now)
        // A freeze may have held what is over.
        restingRollouts = []
        drive()
        return Self.view(PolicyRecord.Override(event: event, at: now, by: actor))
    }

    static func sets(
        of person: PersonRecord, _ product: ProductName, _ environment: EnvironmentName
    ) -> [String] {
        let place = ScopedObject(product: product, environment: environment)
        let here = (person.grants ?? []).filter { $0.scope.covers(place) }.map(\.set)
        return (person.permissionSets + here).map(\.rawValue)
    }

    private func checkRight(
        to rule: PolicyRule, of person: PersonRecord, _ request: PolicyOverrideRequest, _ current: PolicyApplied
    ) throws {
        let sets = Self.sets(of: person, request.release.product, request.environment)
        let by = current.policy.overrides.first { $0.rule == rule }?.by ?? []
        guard by.contains(where: sets.contains) else {
            let found = current.policy.place(of: "overrides.\(rule.rawValue)")
            let line = found.map { " (\(PolicyView.fileName):\($0.line):\($0.column))" } ?? ""
            throw ControllerError.forbidden(
                "override",
                "Policy \(current.version)\(line) lets \(by.isEmpty ? "nobody" : by.joined(separator: ", ")) set the rule "
                    + "\(rule.rawValue) aside, and \(person.name) is \(sets.joined(separator: ", ")).",
                remedy: by.isEmpty ? "Change the policy." : "Ask one of them, or change the policy.")
        }
    }

    func policyOverrideViews() -> [PolicyOverrideView] { state.policy.overrides.map(Self.view) }

    private static func view(_ it: PolicyRecord.Override) -> PolicyOverrideView {
        PolicyOverrideView(
            release: it.event.release, environment: it.event.environment, rules: it.event.rules,
            reason: it.event.reason, until: it.event.until, by: it.by, at: it.at)
    }
}
