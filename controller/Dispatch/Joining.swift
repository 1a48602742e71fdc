import AgentProtocol
import ControllerAPI
import ReleaseDefinition

extension Controller {
    static let invitationLifetimeMax = TimeSpan.days(366)
    static let invitationUsesMax = 10_000
    /// The label that gives a single host its id.
    static let nameLabel = "name"

    /// Makes a join token. Only its hash is kept; what it allows is fixed here.
    func invite(_ request: InvitationRequest, by actor: String) throws -> InvitationView {
        let now = time.now()
        try checkEnvironment(request.environment)
        guard (1...Self.invitationUsesMax).contains(request.uses),
            request.lifetime > .zero, request.lifetime <= Self.invitationLifetimeMax
        else {
            throw ControllerError.badRequest(
                "invitation", "An invitation for \(request.uses) uses and \(request.lifetime) is not made.",
                remedy: "Ask for 1 to \(Self.invitationUsesMax) uses and at most \(Self.invitationLifetimeMax).")
        }
        try checkLabels(request.labels)
        try checkPolicy(request)
        let token = Hexadecimal.encode(random.bytes(32))
        let invitation = Invitation(
            id: Hexadecimal.encode(random.bytes(6)), tokenHash: SHA256Digest(of: Array(token.utf8)),
            environment: request.environment, labels: request.labels, host: try namedHost(request),
            uses: request.uses, expiresAt: now + request.lifetime, policy: request.policy, names: request.names)
        try commit(.hostsInvited(invitation), by: actor, at: now)
        let join = JoinString(
            controller: configuration.url, token: token, authority: try authorities.serving.digest,
            root: SHA256Digest(of: Array(firstRoot.utf8)))
        return InvitationView(join: join.text, expiresAt: invitation.expiresAt)
    }

    /// Lets a host in: the token says who it is, the request only brings the public key.
    /// - Throws: `controller.access.joinToken` for a token that is wrong, used up or expired: the caller learns no more
    ///   than the time of expiry of a token it does hold.
    func join(_ request: JoinRequest) throws -> JoinResponse {
        let now = time.now()
        let hash = SHA256Digest(of: Array(request.token.utf8))
        guard let record = state.invitation(tokenHash: hash) else {
            throw Self.refusal("The join token is not one of this controller's.")
        }
        let invitation = record.invitation
        guard now < invitation.expiresAt else {
            throw Self.refusal("The join token expired at \(invitation.expiresAt).")
        }
        if let revocation = record.revocation {
            throw Self.refusal("The join token was revoked: \(revocation.reason)")
        }
        guard record.usesLeft > 0 else {
            throw Self.refusal("The join token was for \(invitation.uses.of("host")), and as many have joined.")
        }
        let key = try HostKey(signingRequestPEM: request.certificateSigningRequest)
        if let other = state.host(key: key.digest) {
            throw ControllerError.conflict(
                "hostKey", "The key of this request belongs to the host \(other.id) already.",
                remedy: "Make a new key: a key is one host, and an image must not carry one.")
        }
        guard request.machineID.utf8.count <= 256 else {
            throw ControllerError.badRequest(
                "machineID", "The machine id has \(request.machineID.utf8.count) bytes, at most 256 are kept.",
                remedy: "Send the content of /etc/machine-id.")
        }
        try refuseRevokedMachine(request.machineID, invitation)
        let host = try invitation.host ?? newHostID(invitation.names ?? "host-*")
        let (chain, certificate) = try authorities.issueHost(key, host: host, serial: random.bytes(20), at: now)
        try commit(
            .hostJoined(
                HostJoined(
                    host: host, invitation: invitation.id, environment: invitation.environment,
                    labels: invitation.labels, machineID: request.machineID, certificate: certificate.fingerprint,
                    certificateNotAfter: certificate.notAfter, key: key.digest, authority: certificate.authority)),
            by: "invitation:\(invitation.id)", at: now)
        return JoinResponse(
            host: host, environment: invitation.environment, labels: invitation.labels, certificate: chain,
            authorities: try authorities.bundle, root: firstRoot)
    }

    private static func refusal(_ summary: String) -> ControllerError {
        .unauthorized("joinToken", summary, remedy: "Make a new one with slipway hosts invite.")
    }

    /// The id that the invitation itself names: the label `name`, for one host only.
    private func namedHost(_ request: InvitationRequest) throws -> HostID? {
        guard let name = request.labels[Self.nameLabel], request.uses == 1 else { return nil }
        let host = try HostID(name)
        let isPromised = state.invitations.values.contains {
            $0.invitation.host == host && $0.isOpen(at: time.now())
        }
        // They stand in the API beside the ids.
        let isReserved = ["invitations", "authority", "labels"].contains(host.text)
        guard state.hosts[host] == nil, !isPromised, !isReserved else {
            throw ControllerError.conflict(
                "hostID", "The host id \(host) is taken, and ids are never used again.",
                remedy: "Choose another name, or leave the label out to have an id made.")
        }
        return host
    }

    private func newHostID(_ pattern: String) throws -> HostID {
        for _ in 0..<8 {
            let made = Hexadecimal.encode(random.bytes(6))
            let host = try HostID(
                pattern.split(separator: "*", omittingEmptySubsequences: false).joined(separator: made))
            if state.hosts[host] == nil { return host }
        }
        throw ControllerError.conflict(
            "hostID", "No unused host id was found in eight attempts.", remedy: "Join again; report it if it persists.")
    }

    func checkLabels(_ labels: [String: String]) throws {
        guard !HostLabels.areGood(labels) else { return }
        let named = labels.filter { !HostLabels.areGood([$0.key: $0.value]) }.sorted { $0.key < $1.key }.prefix(3)
            .map { "\($0.key)=\($0.value)".debugDescription }.joined(separator: ", ")
        throw ControllerError.badRequest(
            "labels",
            named.isEmpty
                ? "A host cannot have \(labels.count) labels." : "No label of a host may be as \(named.bounded(400)).",
            remedy:
                "Use at most \(HostLabels.countMax), of letters, digits and . _ - + : / @ %; not \(HostLabels.idKey).")
    }
}

extension [EnvironmentName] {
    /// For messages.
    var texts: String { map(\.text).joined(separator: ", ") }
}
