import ControllerAPI
import ReleaseDefinition
import ReleaseTrust

/// `keys status`: computed from the metadata in force and from which private keys lie on this machine, nothing else.
extension Controller {
    /// - Parameter asked: the claims as that profile would earn them; nil: the profile in force.
    func keysView(as asked: TrustProfile? = nil) throws -> KeysView {
        let survey = try repository.survey()
        let online = Set(keys.everyKey.map(\.publicKey.keyID))
        let warnings = survey.expiryWarnings(at: time.now())
        let roles = survey.map { row in
            KeyRoleView(
                role: row.role, threshold: row.threshold,
                holders: row.signers.map {
                    KeyHolderView(name: $0.name, keyID: $0.keyID, onController: online.contains($0.keyID))
                },
                version: row.version, expiresAt: row.expiresAt, warning: warnings.first { $0.role == row.role }?.words)
        }
        return KeysView(
            profile: profile, roles: roles,
            claims: TrustClaims(survey: survey, online: online, formerlyOnline: state.formerlyOnline).all(
                asked ?? profile),
            changes: state.openChanges.map(view))
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
            }, reason: record.dropReason ?? (record.reason.isEmpty ? nil : record.reason),
            waitsFor: record.state == .queued ? blockers(of: record) : nil)
    }

    /// The changes of the same roles that came before it.
    private func blockers(of record: ChangeRecord) -> [MetadataChangeView.Blocker] {
        state.openChanges.prefix { $0.id != record.id }.filter { !$0.roles.isDisjoint(with: record.roles) }
            .map { MetadataChangeView.Blocker(id: $0.id, summary: $0.summary) }
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
                remedy: withdrawal(of: name, in: environment) != nil
                    ? "It was withdrawn there for good: submit a corrected release under a new version."
                    : isApproved
                        ? "It is approved there already."
                        : "Ask for approval first: slipway release promote \(name) --to \(environment)")
        }
        return view(found)
    }

    private func withdrawal(of name: ReleaseName, in environment: EnvironmentName) -> UTCInstant? {
        let place = ApprovalPlace(environment).environment
        return state.releases[name]?.approvals.first { $0.environment == place }?.withdrawnAt
    }

    /// Named so that people know what is missing.
    func approvalMissing(_ name: ReleaseName, in environment: EnvironmentName) -> ControllerError {
        if let withdrawnAt = withdrawal(of: name, in: environment) {
            return ControllerError(
                .init(code: 423), code: "approval.withdrawn",
                summary: "\(name) was withdrawn in \(environment) at \(withdrawnAt), for good.",
                remedy: "Submit a corrected release under a new version: no host installs this one again.")
        }
        let waiting = (try? releaseView(name))?.waiting.first { $0.environment == environment }
        guard let waiting else {
            return ControllerError(
                .init(code: 423), code: "approval.missing", summary: "\(name) is not approved for \(environment).",
                remedy: "Promote it: slipway release promote \(name) --to \(environment)")
        }
        return ControllerError(
            .init(code: 423), code: "approval.missing",
            summary:
                "\(name) waits for approval in \(environment): \(waiting.words).",
            remedy: (waiting.waitsFor.map { "First, \($0). " } ?? "")
                + "An approver signs with: slipway release approve \(name) --environment \(environment) --key-file F")
    }
}
