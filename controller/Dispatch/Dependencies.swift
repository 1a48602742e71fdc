import ReleaseDefinition
import ReleaseRollout

/// What a plan needs of other products, and where it would be in their way: found when it is planned, host by host.
extension Controller {
    /// - Throws: `controller.conflict.requires`, `.requiredBy`, `.paths`.
    func refuseUnfit(_ plan: RolloutPlan) throws {
        guard let record = state.releases[plan.definition.release] else { return }
        for requirement in record.submitted.requires ?? [] { try refuseMissing(requirement, plan) }
        try refuseBroken(plan)
        try refusePaths(record, plan)
    }

    private func refuseMissing(_ requirement: ProductRequirement, _ plan: RolloutPlan) throws {
        let product = requirement.product
        let missing = plan.hosts.filter { host in
            guard let running = state.hosts[host.id]?.running[product] else { return true }
            return !requirement.version.contains(running.release.version)
        }
        guard let first = missing.min(by: { $0.id < $1.id }) else { return }
        let found = state.hosts[first.id]?.running[product]?.release.description ?? "no \(product)"
        // The order follows from what is under way.
        let bringing = state.rolloutOrder.reversed().first { id in
            guard let other = state.rollouts[id], other.isActive, let definition = other.plan?.definition else {
                return false
            }
            return definition.release.product == product && requirement.version.contains(definition.release.version)
                && missing.allSatisfy { other.contains($0.id) }
        }
        throw ControllerError.conflict(
            "requires",
            "\(plan.definition.release) requires \(product) \(requirement.version): \(missing.count) of "
                + "\(plan.hosts.count.of("host")) do not run it, as \(first.id), which runs \(found).",
            remedy: bringing.map { "Rollout \($0) brings it to all of them: start this one after it." }
                ?? "Roll \(product) out to them first, or leave them out of the host query.")
    }

    /// What runs on a host may need an older version of this product.
    private func refuseBroken(_ plan: RolloutPlan) throws {
        let release = plan.definition.release
        for host in plan.hosts.sorted(by: { $0.id < $1.id }) {
            for (product, installed) in state.hosts[host.id]?.running ?? [:] where product != release.product {
                let requires = state.releases[installed.release]?.submitted.requires ?? []
                guard let broken = requires.first(where: { $0.product == release.product }),
                    !broken.version.contains(release.version)
                else { continue }
                throw ControllerError.conflict(
                    "requiredBy",
                    "\(installed.release) on \(host.id) requires \(release.product) \(broken.version), and \(release) is "
                        + "not that.",
                    remedy:
                        "Roll a release of \(product) out first that takes \(release), or leave the host out of the "
                        + "host query.")
            }
        }
    }

    /// Two products may not own one path of one host: neither with what runs there, nor with what is on its way.
    private func refusePaths(_ record: ReleaseRecord, _ plan: RolloutPlan) throws {
        let own = record.submitted.units.map(\.installTo)
        let coming = othersUnderWay(plan.definition)
        for host in plan.hosts.sorted(by: { $0.id < $1.id }) {
            let running = (state.hosts[host.id]?.running ?? [:]).values
                .filter { $0.release.product != plan.definition.release.product }
                .map { (release: $0.release, words: "where \($0.release) has") }
            let moving = coming.filter { $0.contains(host.id) }.compactMap { other in
                other.plan.map { (release: $0.definition.release, words: "where rollout \(other.id) brings") }
            }
            for other in running + moving {
                let units = state.releases[other.release]?.submitted.units ?? []
                for path in units.map(\.installTo) {
                    guard let mine = own.first(where: { Self.overlap($0, path) }) else { continue }
                    let brought = other.words.hasSuffix("brings") ? " \(other.release) to" : ""
                    throw ControllerError.conflict(
                        "paths",
                        "\(plan.definition.release) would install to \(mine) on \(host.id), \(other.words)\(brought) "
                            + "\(path).",
                        remedy: "Install one of the two elsewhere, or leave the host out of the host query.")
                }
            }
        }
    }

    /// The same, or one within the other. A unit that installs no tree, as a migration, has no path.
    static func overlap(_ one: String, _ other: String) -> Bool {
        !one.isEmpty && !other.isEmpty && (one == other || one.hasPrefix(other + "/") || other.hasPrefix(one + "/"))
    }

    /// Of other products in the same environment.
    private func othersUnderWay(_ definition: RolloutDefinition) -> [RolloutRecord] {
        state.rolloutOrder.compactMap { state.rollouts[$0] }.filter { record in
            guard record.isActive, let other = record.plan?.definition else { return false }
            return other.environment == definition.environment && other.release.product != definition.release.product
        }
    }

    // MARK: the same hosts at the same time

    /// Other products' rollouts that may change the same hosts in the same window, a sentence each: those under way, and
    /// the newest plan of each product that waits for a window.
    func overlaps(of definition: RolloutDefinition) -> [String] {
        let hosts = Set(matchingHosts(definition).map(\.id))
        // A zone that cannot be read is told by whatever asks for a start.
        guard !hosts.isEmpty, case .success(let own) = Result(catching: { try startsThatRemain(definition) }) else {
            return []
        }
        let underWay = othersUnderWay(definition).compactMap { record in
            record.plan.map { (plan: $0, words: "rollout \(record.id) of \($0.definition.release)") }
        }
        let waiting = waitingPlans(definition).map {
            (plan: $0.plan, words: "plan \($0.digest.short)… of \($0.plan.definition.release)")
        }
        return (underWay + waiting).compactMap { other in
            let shared = other.plan.hosts.map(\.id).filter(hosts.contains)
            guard let first = shared.first else { return nil }
            let now = time.now()
            let common = StartInterval.common(own, other.plan.starts)?.filter { $0.until > now }
            if let common, common.isEmpty { return nil }
            let when = common?.first.map { " between \($0.from) and \($0.until)" } ?? ""
            return "\(other.words) may change \(shared.count) of the same hosts\(when), as \(first)."
        }
    }

    private func waitingPlans(_ definition: RolloutDefinition) -> [PlannedRollout] {
        let since = time.now() - .days(7)
        var newest: [ProductName: PlannedRollout] = [:]
        // What was started of a product since makes its older plans history.
        var startedAt: [ProductName: UTCInstant] = [:]
        for record in state.rollouts.values where record.plan?.definition.environment == definition.environment {
            guard let product = record.plan?.definition.release.product, let at = record.startedAt else { continue }
            startedAt[product] = max(startedAt[product] ?? at, at)
        }
        for planned in state.plans.values {
            let other = planned.plan.definition
            guard planned.at > since, planned.plan.starts != nil, state.rollouts[planned.plan.id] == nil,
                other.environment == definition.environment, other.release.product != definition.release.product
            else { continue }
            if let known = newest[other.release.product], known.at > planned.at { continue }
            if let started = startedAt[other.release.product], started > planned.at { continue }
            newest[other.release.product] = planned
        }
        return newest.values.sorted { $0.plan.id < $1.plan.id }
    }

    // MARK: several rollouts

    /// The order in which rollouts may be started, as their releases require one another.
    func order(_ definitions: [RolloutDefinition]) throws -> [RolloutOrder.Step] {
        for definition in definitions { try checkEnvironment(definition.environment) }
        return try RolloutOrder.steps(
            definitions.map { definition in
                RolloutOrder.Member(
                    release: definition.release, environment: definition.environment,
                    requires: try release(definition.release).submitted.requires ?? [])
            })
    }
}
