import AgentProtocol
import ControllerAPI
import ReleaseDefinition

/// One authority after another, with a time in which both are trusted (docs/decisions/0014).
extension Controller {
    /// Makes the authority that will take over. From now on certificates come from it, and every host that renews, or
    /// joins, trusts both.
    func rotateAuthority(by actor: String) throws -> AuthorityView {
        guard authorities.next == nil else {
            throw ControllerError.conflict(
                "authorityRotation", "The authority is being replaced already.",
                remedy: "Look how far it is: slipway hosts authority show. End it: slipway hosts authority finish")
        }
        let now = time.now()
        let next = try Authorities.makeNext(folder, random: random, at: now)
        try commit(.authorityOffered(AuthorityOffered(authority: try next.digest)), by: actor, at: now)
        authorities.next = next
        try reloadTLS()
        hub.sendToAll(.renew, sequence: store.sequence)
        return try authorityView()
    }

    /// The new one alone from now on. Refused while hosts have not renewed, unless those are left behind knowingly.
    func finishAuthority(_ request: AuthorityFinishRequest, by actor: String) throws -> AuthorityView {
        guard let next = authorities.next else {
            throw ControllerError.conflict(
                "authorityRotation", "The authority is not being replaced.",
                remedy: "Begin with: slipway hosts authority rotate")
        }
        let digest = try next.digest
        let left = hostsNotOf(digest)
        guard left.isEmpty || request.leaveBehind else {
            throw ControllerError.conflict(
                "authorityHosts",
                "No certificate of the new authority yet, \(left.count.of("host")): "
                    + left.prefix(20).map(\.text).joined(separator: ", ") + (left.count > 20 ? ", …" : "."),
                remedy: "Wait until they have renewed, retire them, or leave them behind with --leave-behind: they "
                    + "must join again.")
        }
        try commit(.authorityAdopted(AuthorityAdopted(authority: digest, left: left)), by: actor, at: time.now())
        try Authorities.adopt(folder)
        authorities = Authorities(serving: next, next: nil)
        try ServerCertificate.renewWhereDue(
            folder, authority: next, names: configuration.names, random: random, at: time.now())
        try reloadTLS()
        return try authorityView()
    }

    func authorityView() throws -> AuthorityView {
        let next = try authorities.next?.digest
        return AuthorityView(
            authority: try authorities.serving.digest,
            expiresAt: try CertificateFacts(pem: authorities.serving.pem).notAfter, next: next,
            waitingFor: next.map(hostsNotOf) ?? [])
    }

    /// Whether a host should come for a certificate before its time.
    func wantsRenewal(_ host: HostID) -> Bool {
        guard let next = try? authorities.next?.digest, let record = state.hosts[host] else { return false }
        return record.identity.newest.authority != next
    }

    /// Active hosts that did not yet use a certificate of this authority, in order.
    private func hostsNotOf(_ authority: SHA256Digest) -> [HostID] {
        state.hostsInOrder.filter { $0.identity.standing.isActive && $0.identity.current.authority != authority }
            .map(\.id)
    }
}
