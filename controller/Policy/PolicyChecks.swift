import ControllerAPI
import DefinitionFiles
import Effects
import ReleaseDefinition

extension Controller {
    /// A policy that fits this controller: its environments, zones, and people's permission sets.
    /// - Throws: `definitionFiles.invalid`, `controller.policy.unfit`: every problem at once.
    func checkedPolicy(_ text: String) throws -> ReleasePolicy {
        guard text.utf8.count <= PolicyFile.bytesMax else {
            throw ControllerError.badRequest(
                "policySize",
                "The policy has \(ByteCount(text.utf8.count)), at most \(ByteCount(PolicyFile.bytesMax)).",
                remedy: "Remove freezes that are over.")
        }
        let policy = try DefinitionProblems.inText {
            try PolicyFile.parse(Array(text.utf8), file: PolicyView.fileName)
        }
        let problems = unknownEnvironments(policy) + unknownSets(policy) + unknownZones(policy)
        guard problems.isEmpty else {
            let faults = problems.map { path, what in
                let place = policy.place(of: path)
                let words = place.map { "\($0.line):\($0.column): " } ?? ""
                return Problem.Fault(
                    detail: "\(PolicyView.fileName):\(words)\(path): \(what)", pointer: DefinitionProblems.text.text,
                    line: place?.line)
            }
            var error = ControllerError(
                .unprocessableContent, code: "policy.unfit", summary: "The policy does not fit this controller.",
                remedy: "Correct the lines named and apply it again.",
                cause: faults.map(\.detail).joined(separator: "\n"))
            error.faults = faults
            throw error
        }
        return policy
    }

    private typealias PlacedProblem = (path: String, what: String)

    private func unknownEnvironments(_ policy: ReleasePolicy) -> [PlacedProblem] {
        let own = policy.environments.map { ("environments.\($0.name)", $0.name) }
        let frozen = policy.freezes.enumerated().flatMap { position, freeze in
            freeze.environments.map { ("freezes[\(position)].environments", $0) }
        }
        return (own + frozen).filter { !configuration.environments.contains($0.1) }.map { path, name in
            (path, "there is no environment \(name), there are \(configuration.environments.texts).")
        }
    }

    private func unknownSets(_ policy: ReleasePolicy) -> [PlacedProblem] {
        let known = PermissionSet.allCases.map(\.rawValue)
        let rights = policy.overrides.map { ("overrides.\($0.rule.rawValue)", $0.by) }
        let chains = policy.environments.map { ("environments.\($0.name).authorisations", $0.authorisationChain ?? []) }
        return (rights + chains).flatMap { path, sets in
            sets.filter { !known.contains($0) }.map { name in
                (
                    path,
                    "\(name.debugDescription) is none of \(known.joined(separator: ", "))."
                )
            }
        }
    }

    private func unknownZones(_ policy: ReleasePolicy) -> [PlacedProblem] {
        let named =
            policy.windows.map { ("windows.\($0.name).zone", $0.window.zone) }
            + policy.busy.enumerated().map { ("busy[\($0)].zone", $1.window.zone) }
        return named.compactMap { path, zone in
            do {
                _ = try ZoneFolder.rules(zone)
                return nil
            } catch {
                return (path, ReportedError(error).summary)
            }
        }
    }
}
