import ReleaseDefinition
import ReleaseRollout

/// What a plan needs of other products, and where it would be in their way: found when it is planned, host by host.
extension Controller {
    /// - Throws: `controller.conflict.requires`, `controller.conflict.paths`.
    func refuseUnfit(_ plan: RolloutPlan) throws {
        guard let record = state.releases[plan.definition.release] else { return }
        for requirement in record.submitted.requires ?? [] { try refuseMissing(requirement, plan) }
        try refusePaths(record, plan)
    }

    private func refuseMissing(_ requirement: ProductRequirement, _ plan: RolloutPlan) throws {
        let product = requirement.product
        let missing = plan.hosts.filter { host in
            guard let running = state.hosts[host.id]?.running[product] else { return true }
            return !requirement.version.contains(running.release.version)
        }
        guard let first = missing.first else { return }
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
                + "\(plan.hosts.count) hosts do not run it, as \(first.id), which runs \(found).",
            remedy: bringing.map { "Rollout \($0) brings it to all of them: start this one after it." }
                ?? "Roll \(product) out to them first, or leave them out of the host query.")
    }

    /// Two products may not own one path of one host.
    private func refusePaths(_ record: ReleaseRecord, _ plan: RolloutPlan) throws {
        let own = record.submitted.units.map(\.installTo)
        for host in plan.hosts {
            for (product, installed) in state.hosts[host.id]?.running ?? [:]
            where product != plan.definition.release.product {
                let units = state.releases[installed.release]?.submitted.units ?? []
                for path in units.map(\.installTo) {
                    guard let mine = own.first(where: { Self.overlap($0, path) }) else { continue }
                    throw ControllerError.conflict(
                        "paths",
                        "\(plan.definition.release) would install to \(mine) on \(host.id), where \(installed.release) "
                            + "has \(path).",
                        remedy: "Install one of the two elsewhere, or leave the host out of the host query.")
                }
            }
        }
    }

    /// The same, or one within the other.
    static func overlap(_ one: String, _ other: String) -> Bool {
        !one.isEmpty && (one == other || one.hasPrefix(other + "/") || other.hasPrefix(one + "/"))
    }
}
