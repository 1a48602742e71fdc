import ControllerAPI
import ReleaseDefinition
import ReleaseTrust

/// What may be claimed of a set-up, from the metadata in force and from where the private keys lie: the sentences of
/// docs/trust.md, each with what is missing. Pure.
struct TrustClaims {
    var survey: [RoleSurvey]
    /// Keys whose private halves lie on the controller, and those that lay there once.
    var online: Set<String>
    var formerlyOnline: Set<String>

    /// - Parameter profile: of which it is judged whether rollouts are authorised.
    func all(_ profile: TrustProfile) -> [TrustClaim] {
        [stolenController, neverOnline, twoPeople, lostRoot, apart, authorised(profile)]
    }

    // MARK: Roles that people sign

    private var people: [RoleSurvey] { survey.filter { !["snapshot", "timestamp", "director"].contains($0.role) } }
    private var products: [RoleSurvey] { people.filter { !["root", "targets"].contains($0.role) } }
    private var emergency: [RoleSurvey] {
        products.filter { $0.role.hasPrefix("\(ApprovalPlace.emergencyWord)-") }
    }
    private var approvers: [RoleSurvey] {
        products.filter { !$0.role.hasPrefix("\(ApprovalPlace.emergencyWord)-") }
    }

    private func isExposed(_ row: RoleSurvey, to held: Set<String>) -> Bool {
        row.signers.filter { held.contains($0.keyID) }.count >= row.threshold
    }

    private func words(_ rows: [RoleSurvey]) -> String { Set(rows.map(\.role)).sorted().joined(separator: ", ") }

    private func claim(
        _ text: String, _ isEarned: Bool, _ missing: String, _ profiles: TrustProfile...
    ) -> TrustClaim {
        TrustClaim(claim: text, isEarned: isEarned, missing: isEarned ? nil : missing, promisedBy: profiles)
    }

    private static let undelegated = "no product is delegated yet: slipway keys delegate PRODUCT"

    // MARK: Claims

    private var stolenController: TrustClaim {
        let open = people.filter { isExposed($0, to: online) }
        return claim(
            "A stolen controller can have nothing installed that people did not approve.", open.isEmpty,
            "the controller holds enough keys to sign \(words(open)): take them off it with slipway keys offline",
            .team,
            .regulated)
    }

    private var neverOnline: TrustClaim {
        let open = people.filter { isExposed($0, to: online) }
        let formerly = people.filter { !isExposed($0, to: online) && isExposed($0, to: online.union(formerlyOnline)) }
        return claim(
            "No key that people sign with ever lay on the controller.", open.isEmpty && formerly.isEmpty,
            open.isEmpty
                ? "keys of \(words(formerly)) lay on the controller before: rotate them with slipway keys rotate"
                : "keys of \(words(open)) lie there now: slipway keys offline, then slipway keys rotate", .regulated)
    }

    private var twoPeople: TrustClaim {
        let single = products.filter { $0.threshold < 2 }
        let roles = single.contains { !emergency.contains($0) } ? "releases" : "emergency"
        return claim(
            "No release is approved by one person alone.", !products.isEmpty && single.isEmpty,
            products.isEmpty
                ? Self.undelegated
                : "one signature is enough for \(words(single)): slipway keys rotate \(roles) --threshold 2 "
                    + "--holder NAME=FILE.pub (each of at least two people)",
            .team, .regulated)
    }

    private var lostRoot: TrustClaim {
        let root = survey.first { $0.role == "root" }
        let (threshold, count) = (root?.threshold ?? 0, root?.signers.count ?? 0)
        let cure = "slipway keys rotate root --threshold 2 --holder NAME=FILE.pub (each of at least three people)"
        let missing =
            if threshold < 2 {
                count > 1
                    ? "any one of the \(count) root keys is enough, so a stolen one changes everything: \(cure)"
                    : "there is one root key: \(cure)"
            } else {
                "all \(count) root keys must sign, so a lost one ends every change of keys: \(cure)"
            }
        return claim(
            "One lost or stolen root key changes nothing.", threshold >= 2 && count > threshold, missing, .regulated)
    }

    private var apart: TrustClaim {
        let shared = Set(emergency.flatMap { $0.signers.map(\.name) })
            .intersection(approvers.flatMap { $0.signers.map(\.name) })
        return claim(
            "Hot fixes are approved by other people than releases.", !emergency.isEmpty && shared.isEmpty,
            emergency.isEmpty
                ? Self.undelegated
                : "\(shared.sorted().joined(separator: ", ")) may do both: slipway keys rotate emergency --threshold 2 "
                    + "--holder NAME=FILE.pub (others)", .regulated)
    }

    private func authorised(_ profile: TrustProfile) -> TrustClaim {
        claim(
            "No rollout starts that a person did not authorise.", profile == .regulated,
            "the profile is \(profile.rawValue): slipway keys profile regulated", .regulated)
    }
}
