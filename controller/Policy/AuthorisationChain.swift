import ReleaseDefinition
import ReleaseTrust

/// Whose yes comes when: `authorisations: [serviceOwner, releaseManager]`. The holder of an approver's key and the person of
/// the same name are one.
extension Controller {
    private func chain(of plan: PlannedRollout) -> [String]? {
        let definition = plan.plan.definition
        return policy?.environment(definition.environment)?.authorisationChain
    }

    /// Of a chain those that were given in its order.
    func authorisationsThatCount(_ plan: PlannedRollout, by approvers: [KeyHolder]) -> Int {
        let valid = plan.authorisations(at: time.now(), by: approvers)
        guard let chain = chain(of: plan) else { return valid.count }
        return valid.reduce(0) { count, yes in
            count < chain.count && sets(of: yes.holder, plan).contains(chain[count]) ? count + 1 : count
        }
    }

    /// - Throws: `controller.access.turn`.
    func refuseOutOfTurn(_ signer: KeyHolder, _ plan: PlannedRollout, by approvers: [KeyHolder]) throws {
        guard let chain = chain(of: plan) else { return }
        let given = authorisationsThatCount(plan, by: approvers)
        let own = sets(of: signer.name, plan)
        guard given < chain.count, !own.contains(chain[given]) else { return }
        throw ControllerError.forbidden(
            "turn",
            "Authorisation \(given + 1) of \(chain.count) is a \(chain[given])'s, and \(signer.name) is "
                + "\(own.isEmpty ? "nobody of this controller" : own.joined(separator: ", ")).",
            remedy: "The policy's order is \(chain.joined(separator: ", then ")): ask the next one.")
    }

    private func sets(of name: String, _ plan: PlannedRollout) -> [String] {
        guard let person = state.people.people[name] else { return [] }
        return Self.sets(of: person, plan.plan.definition.release.product, plan.plan.definition.environment)
    }
}
