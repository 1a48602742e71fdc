import AgentProtocol
import ControllerAPI
import ReleaseDefinition

/// What may be joined with: invitations of one occasion, and join policies for fleets that grow by themselves.
extension Controller {
    func invitationViews() -> [InvitationRecordView] {
        let now = time.now()
        return state.invitations.values.map { view(of: $0, at: now) }
            .sorted { ($0.policy ?? "~", $0.id) < ($1.policy ?? "~", $1.id) }
    }

    /// - Parameter name: its id, or the name of an open join policy.
    func revokeInvitation(_ name: String, _ request: HostReasonRequest, by actor: String) throws -> InvitationRecordView
    {
        let now = time.now()
        guard let record = state.invitations[name] ?? openPolicy(name, at: now) else {
            throw ControllerError.notFound(
                "invitation \(name)", remedy: "List them with slipway hosts invitation list.")
        }
        let id = record.invitation.id
        if record.revocation == nil {
            let event = InvitationRevoked(invitation: id, reason: try reason(request))
            try commit(.invitationRevoked(event), by: actor, at: now)
        }
        return view(of: state.invitations[id] ?? record, at: now)
    }

    private func view(of record: InvitationRecord, at now: UTCInstant) -> InvitationRecordView {
        let invitation = record.invitation
        return InvitationRecordView(
            id: invitation.id, policy: invitation.policy, environment: invitation.environment,
            labels: invitation.labels, names: invitation.names, uses: invitation.uses, used: record.hosts.count,
            expiresAt: invitation.expiresAt, isOpen: record.isOpen(at: now),
            revokedBecause: record.revocation?.reason)
    }

    private func openPolicy(_ name: String, at now: UTCInstant) -> InvitationRecord? {
        state.invitations.values.first { $0.invitation.policy == name && $0.isOpen(at: now) }
    }

    func checkPolicy(_ request: InvitationRequest) throws {
        guard let policy = request.policy else {
            guard request.names == nil else {
                throw ControllerError.badRequest(
                    "policy", "Names are made for the hosts of a join policy only.", remedy: "Add --policy NAME.")
            }
            return
        }
        // The form of a host's id, so that it can stand wherever one can.
        guard (try? HostID(policy)) != nil else {
            throw ControllerError.badRequest(
                "policy", "\(policy.debugDescription) is no name for a join policy.",
                remedy: "Use letters, digits, - and ., as web-staging.")
        }
        guard openPolicy(policy, at: time.now()) == nil else {
            throw ControllerError.conflict(
                "policy", "There is an open join policy \(policy) already.",
                remedy: "Revoke it first: slipway hosts invitation revoke \(policy) --reason …")
        }
        guard request.labels[Self.nameLabel] == nil else {
            throw ControllerError.badRequest(
                "policy", "A join policy makes the ids of its hosts; the label name is one host's.",
                remedy: "Use --names 'web-*' instead of --label name=….")
        }
        if let names = request.names { try checkNames(names) }
    }

    private func checkNames(_ names: String) throws {
        let parts = names.split(separator: "*", omittingEmptySubsequences: false)
        guard parts.count == 2, (try? HostID(parts.joined(separator: "0123456789ab"))) != nil else {
            throw ControllerError.badRequest(
                "names", "\(names.debugDescription) is no pattern for ids of hosts.",
                remedy: "Write one *, which stands for the part that differs, as web-*.")
        }
    }

    /// A machine whose host was revoked still holds the token of its policy, and must not come back by itself. (Its id is
    /// what the machine says of itself: a thief can write another. Revoke the policy where its token may be known.)
    func refuseRevokedMachine(_ machineID: String, _ invitation: Invitation) throws {
        guard let policy = invitation.policy else { return }
        let revoked = state.hostsInOrder.first { host in
            guard case .revoked = host.identity.standing else { return false }
            return host.machineID == machineID && state.invitations[host.invitation]?.invitation.policy != nil
        }
        guard let revoked else { return }
        throw ControllerError.forbidden(
            "revokedMachine", "This machine was the host \(revoked.id), which was revoked.",
            remedy: "The join policy \(policy) does not let it in again; invite it by itself: slipway hosts invite.")
    }
}
