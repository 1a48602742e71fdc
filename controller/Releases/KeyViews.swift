import ControllerAPI
import ReleaseDefinition
import ReleaseTrust

/// `keys status`: computed from the metadata in force and from which private keys lie on this machine, nothing else.
extension Controller {
    /// Before the end of a role's life somebody is told, more urgently each time.
    static let expiryWarnings: [TimeSpan] = [.days(3), .days(14), .days(30)]

    func keysView() throws -> KeysView {
        let survey = try repository.survey()
        let online = Set(keys.everyKey.map(\.publicKey.keyID))
        let now = time.now()
        let roles = survey.map { row in
            KeyRoleView(
                role: row.role, threshold: row.threshold,
                holders: row.signers.map {
                    KeyHolderView(name: $0.name, keyID: $0.keyID, onController: online.contains($0.keyID))
                },
                version: row.version, expiresAt: row.expiresAt, warning: warning(row, at: now))
        }
        return KeysView(
            profile: profile, roles: roles, claims: claims(survey, online: online),
            changes: state.openChanges.map(view))
    }

    private func warning(_ row: RoleSurvey, at now: UTCInstant) -> String? {
        guard let expiresAt = row.expiresAt else { return nil }
        if expiresAt <= now { return "expired: hosts install nothing that needs \(row.role)" }
        // The controller renews these two itself, long before.
        if ["snapshot", "timestamp"].contains(row.role) { return nil }
        guard let limit = Self.expiryWarnings.first(where: { expiresAt.since(now) <= $0 }) else { return nil }
        return "expires within \(limit): renew it with slipway keys renew \(row.role)"
    }

    /// The sentences of trust.md's table, each with what is missing.
    private func claims(_ survey: [RoleSurvey], online: Set<String>) -> [TrustClaim] {
        let people = survey.filter { !["snapshot", "timestamp", "director"].contains($0.role) }
        func exposed(_ row: RoleSurvey, _ held: Set<String>) -> Bool {
            row.signers.filter { held.contains($0.keyID) }.count >= row.threshold
        }
        func words(_ rows: [RoleSurvey]) -> String { Set(rows.map(\.role)).sorted().joined(separator: ", ") }
        let open = people.filter { exposed($0, online) }
        let formerly = people.filter { !exposed($0, online) && exposed($0, online.union(state.formerlyOnline)) }
        let products = people.filter { !["root", "targets"].contains($0.role) }
        let single = products.filter { $0.threshold < 2 }
        let emergency = products.filter { $0.role.hasPrefix("\(ApprovalPlace.emergencyWord)-") }
        let approvers = products.filter { !$0.role.hasPrefix("\(ApprovalPlace.emergencyWord)-") }
        let shared = Set(emergency.flatMap { $0.signers.map(\.name) })
            .intersection(approvers.flatMap { $0.signers.map(\.name) })
        let root = survey.first { $0.role == "root" }
        func claim(_ text: String, _ isEarned: Bool, _ missing: String) -> TrustClaim {
            TrustClaim(claim: text, isEarned: isEarned, missing: isEarned ? nil : missing)
        }
        return [
            claim(
                "A stolen controller can have nothing installed that people did not approve.", open.isEmpty,
                "the controller holds enough keys to sign \(words(open)): take them off it with slipway keys offline"),
            claim(
                "No key that people sign with ever lay on the controller.", open.isEmpty && formerly.isEmpty,
                open.isEmpty
                    ? "keys of \(words(formerly)) lay on the controller before: rotate them with slipway keys rotate"
                    : "they lie there now"),
            claim(
                "No release is approved by one person alone.", !products.isEmpty && single.isEmpty,
                products.isEmpty
                    ? "no product is delegated yet: slipway keys delegate PRODUCT"
                    : "one signature is enough for \(words(single)): slipway keys rotate releases --threshold 2"),
            claim(
                "One lost or stolen root key changes nothing.",
                (root?.threshold ?? 0) >= 2 && (root?.signers.count ?? 0) > (root?.threshold ?? 0),
                "root is \(root?.threshold ?? 0) of \(root?.signers.count ?? 0): slipway keys rotate root with more keys"
            ),
            claim(
                "Hot fixes are approved by other people than releases.", !emergency.isEmpty && shared.isEmpty,
                emergency.isEmpty
                    ? "no product is delegated yet: slipway keys delegate PRODUCT"
                    : "\(shared.sorted().joined(separator: ", ")) may do both: slipway keys rotate emergency"),
            claim(
                "No rollout starts that a person did not authorise.", profile == .regulated,
                "the profile is \(profile.rawValue): slipway keys profile regulated"),
        ]
    }

    // MARK: Changes

    func view(_ record: ChangeRecord) -> MetadataChangeView {
        let online = Set(keys.everyKey.map(\.publicKey.keyID))
        return MetadataChangeView(
            id: record.id, state: record.state, summary: record.summary, proposedAt: record.proposedAt,
            proposedBy: record.proposedBy, digest: record.proposal?.digest,
            candidates: (record.proposal?.candidates ?? []).map {
                MetadataCandidateView(role: $0.role, signed: $0.signed)
            },
            standings: standings(of: record).map { standing in
                let signed = Set(standing.signed.map(\.keyID))
                return SignatureStandingView(
                    role: standing.role, delegator: standing.delegator, threshold: standing.threshold,
                    votes: standing.votes,
                    signers: standing.signers.map {
                        KeyHolderView(
                            name: $0.name, keyID: $0.keyID, onController: online.contains($0.keyID),
                            hasSigned: signed.contains($0.keyID))
                    })
            }, reason: record.dropReason ?? (record.reason.isEmpty ? nil : record.reason))
    }

    /// None for a change that is over, or whose base has moved on: it is written anew when somebody signs it.
    func standings(of record: ChangeRecord) -> [SignatureStanding] {
        guard record.isOpen, let proposal = record.proposal else { return [] }
        let standings = try? RepositoryWriter.standing(of: proposal, signatures: record.signatures, in: repository)
        return standings ?? []
    }

    /// The change that asks for a release's approval in a place, or its withdrawal.
    func changeView(of name: ReleaseName, in environment: EnvironmentName) throws -> MetadataChangeView {
        let place = ApprovalPlace(environment)
        let found = state.openChanges.first { record in
            record.approval.map { $0.release == name && $0.place == place } == true
                || record.withdrawal.map { $0.release == name && $0.place == place } == true
        }
        guard let found else {
            let record = try release(name)
            let isApproved = place == .emergency ? record.isApprovedForEmergency : record.isApproved(in: environment)
            throw ControllerError.notFound(
                "change of \(name) in \(environment) that waits for signatures",
                remedy: isApproved
                    ? "It is approved there already."
                    : "Ask for approval first: slipway release promote \(name) --to \(environment)")
        }
        return view(found)
    }

    /// Named so that people know what is missing.
    func approvalMissing(_ name: ReleaseName, in environment: EnvironmentName) -> ControllerError {
        let waiting = (try? releaseView(name))?.waiting.first { $0.environment == environment }
        guard let waiting else {
            return ControllerError(
                .init(code: 423), code: "approval.missing", summary: "\(name) is not approved for \(environment).",
                remedy: "Promote it: slipway release promote \(name) --to \(environment)")
        }
        let signers = waiting.signedBy.isEmpty ? "nobody yet" : waiting.signedBy.joined(separator: ", ")
        return ControllerError(
            .init(code: 423), code: "approval.missing",
            summary:
                "\(name) waits for approval in \(environment): \(waiting.votes) of \(waiting.threshold) have signed "
                + "(\(signers)).",
            remedy: "An approver signs with: slipway release approve \(name) --environment \(environment) --key-file F")
    }
}
