import AgentProtocol
import ControllerAPI
import ReleaseDefinition

/// People, as far as this controller knows them: by their tokens and grants.
extension Controller {
    func createToken(_ request: TokenRequest, by actor: String) throws -> NewToken {
        let name = try Self.checkedPerson(request.person)
        guard request.lifetime > .zero, request.lifetime <= TokenRequest.lifetimeMax else {
            throw ControllerError.badRequest(
                "lifetime", "A token for \(request.lifetime) is not made.",
                remedy: "Ask for at most \(TokenRequest.lifetimeMax).")
        }
        let now = time.now()
        let token = Hexadecimal.encode(random.bytes(32))
        let event = TokenCreated(
            id: Hexadecimal.encode(random.bytes(6)), person: name, hash: SHA256Digest(of: Array(token.utf8)),
            expiresAt: now + request.lifetime, note: request.note.map { $0.bounded(800) })
        try commit(.tokenCreated(event), by: actor, at: now)
        return NewToken(id: event.id, person: name, token: token, expiresAt: event.expiresAt)
    }

    func tokenViews() -> [TokenView] {
        let now = time.now()
        return state.people.tokens.values.map { Self.view($0, at: now) }
            .sorted { ($0.person, $0.createdAt, $0.id) < ($1.person, $1.createdAt, $1.id) }
    }

    /// At once: the next request with it, and the next look of a console session that began with it, are refused.
    func revokeToken(_ id: String, _ request: HostReasonRequest, by actor: String) throws -> TokenView {
        guard let token = state.people.tokens[id] else {
            throw ControllerError.notFound("token \(id)", remedy: "List them with slipway tokens list.")
        }
        let now = time.now()
        if token.revocation == nil {
            try refuseLastAdministrator(without: [id], grants: [])
            let event = TokenRevoked(id: id, person: token.person, reason: try reason(request))
            try commit(.tokenRevoked(event), by: actor, at: now)
        }
        return Self.view(state.people.tokens[id] ?? token, at: now)
    }

    private static func view(_ token: PeopleRecord.Token, at now: UTCInstant) -> TokenView {
        TokenView(
            id: token.id, person: token.person, createdAt: token.createdAt, createdBy: token.createdBy,
            expiresAt: token.expiresAt, note: token.note, isGood: token.isGood(at: now),
            revokedBecause: token.revocation?.reason)
    }

    /// Why a token is not taken. Whoever holds it may know when it ended and why.
    func refusal(ofToken text: String) -> ControllerError {
        let now = time.now()
        let remedy = "An administrator makes another: slipway tokens create"
        guard let token = state.people.token(hash: SHA256Digest(of: Array(text.utf8))) else {
            return .unauthorized(
                "token", "The token is none of this controller's (\(configuration.url)).",
                remedy:
                    "Is it another controller's? \(remedy) PERSON. The first one is in admin.token in the controller's folder."
            )
        }
        if let revocation = token.revocation {
            return .unauthorized(
                "token", "The token \(token.id) of \(token.person) was revoked: \(revocation.reason)",
                remedy: "\(remedy) \(token.person)")
        }
        let ended = token.expiresAt.map { "expired at \($0.wholeSeconds); it is \(now.wholeSeconds) now" }
        return .unauthorized(
            "token", "The token \(token.id) of \(token.person) \(ended ?? "is not taken").",
            remedy: "\(remedy) \(token.person); then log in with it: slipway login --token-file FILE")
    }

    /// The form of a host's id: it stands in the log, in paths and beside the names of keys, where it says who is one person.
    static func checkedPerson(_ name: String) throws -> String {
        guard (try? HostID(name)) != nil else {
            throw ControllerError.badRequest(
                "person", "\(name.debugDescription) is no name for a person.",
                remedy: "Use letters, digits, - and ., as alice or alice.smith.")
        }
        return name
    }

    // MARK: grants

    func grant(_ request: GrantRequest, by actor: String) throws -> GrantView {
        let isOfIssuer = PersonNames.isOfIssuer(request.person)
        let person = isOfIssuer ? request.person : try Self.checkedPerson(request.person)
        guard let set = PermissionSet(rawValue: request.set) else {
            throw ControllerError.badRequest(
                "permissionSet", "There is no permission set \(request.set.debugDescription).",
                remedy: "There are \(PermissionSet.allCases.map(\.rawValue).joined(separator: ", ")).")
        }
        if let environment = request.environment { try checkEnvironment(environment) }
        let scope = PermissionScope(
            product: request.product, environment: request.environment,
            hosts: request.hosts == .all ? nil : request.hosts)
        guard set != .admin || scope == .everything else {
            throw ControllerError.badRequest(
                "scope", "An administrator of \(scope.words) could make himself one of everything.",
                remedy: "Grant admin without a scope, or another permission set.")
        }
        try refuseBothHands(person, set, scope)
        let event = GrantAdded(
            person: person, grant: PermissionGrant(id: Hexadecimal.encode(random.bytes(6)), set: set, scope: scope))
        try commit(.grantAdded(event), by: actor, at: time.now())
        guard let made = state.people.grants[event.grant.id] else { throw ControllerError.notFound("grant") }
        return Self.view(made)
    }

    func grantViews() -> [GrantView] {
        state.people.grants.values.map(Self.view).sorted {
            ($0.person, $0.grantedAt, $0.id) < ($1.person, $1.grantedAt, $1.id)
        }
    }

    func removeGrant(_ id: String, _ request: HostReasonRequest, by actor: String) throws -> ListView<GrantView> {
        guard let grant = state.people.grants[id] else {
            throw ControllerError.notFound("grant \(id)", remedy: "List them with slipway grants list.")
        }
        try refuseLastAdministrator(without: [], grants: [id])
        let event = GrantRemoved(person: grant.person, id: id, reason: try reason(request))
        try commit(.grantRemoved(event), by: actor, at: time.now())
        return ListView(items: grantViews().filter { $0.person == grant.person })
    }

    private static func view(_ grant: PeopleRecord.Grant) -> GrantView {
        let scope = grant.grant.scope
        return GrantView(
            id: grant.grant.id, person: grant.person, set: grant.grant.set.rawValue, product: scope.product,
            environment: scope.environment, hosts: scope.hosts, grantedAt: grant.at, grantedBy: grant.by)
    }

    /// trust.md "API rights": who approves a release does not also send it on its way, where the profile says so.
    private func refuseBothHands(_ person: String, _ set: PermissionSet, _ scope: PermissionScope) throws {
        let opposite: [PermissionSet: PermissionSet] = [.approver: .releaseManager, .releaseManager: .approver]
        guard profile == .regulated, let other = opposite[set] else { return }
        let clash = state.people.grants.values.first { grant in
            grant.person == person && grant.grant.set == other && !grant.grant.scope.isApart(from: scope)
        }
        guard let clash else { return }
        throw ControllerError.conflict(
            "bothHands",
            "\(person) is \(other.rawValue) of \(clash.grant.scope.words), and would be \(set.rawValue) of \(scope.words).",
            remedy: "In the profile regulated these are two people: grant it to another, or remove the grant "
                + "\(clash.grant.id) first.")
    }

    /// Somebody must be left who can let others in.
    private func refuseLastAdministrator(without tokens: Set<String>, grants: Set<String>) throws {
        let now = time.now()
        let left = state.people.tokens.values.contains { token in
            guard !tokens.contains(token.id), token.isGood(at: now), let person = state.people.people[token.person]
            else {
                return false
            }
            let removed = grants.contains { state.people.grants[$0]?.person == token.person }
            let sets = person.permissionSets.filter { $0 == .admin }.count
            let isLess = removed && grants.contains { state.people.grants[$0]?.grant.set == .admin }
            return sets > (isLess ? 1 : 0)
        }
        guard left else {
            throw ControllerError.conflict(
                "lastAdministrator", "Nobody would be left who can grant anything.",
                remedy:
                    "Make another administrator first: slipway grants add NAME SET with the set admin, then "
                    + "slipway tokens create NAME.")
        }
    }

    // MARK: the log

    /// - Parameter before: the newest first; nil: the oldest first.
    func auditEntries(after: Int64, before: Int64? = nil, limit: Int) throws -> [AuditEntryView] {
        let entries =
            if let before {
                try store.entries(before: before, limit: limit).filter { $0.sequence > after }
            } else {
                try store.entries(after: after, limit: limit)
            }
        return entries.map {
            AuditEntryView(sequence: $0.sequence, at: $0.at, actor: $0.actor, action: $0.action, object: $0.object)
        }
    }

    /// The stored lines after an entry: as many as fit into an answer, and at least one where there is one.
    func auditLines(after sequence: Int64) throws -> [UInt8] {
        var bytes: [UInt8] = []
        for line in try store.lines(after: sequence, limit: 1000) {
            bytes += line.bytes + [UInt8(ascii: "\n")]
            if bytes.count > 4 << 20 { break }
        }
        return bytes
    }

    /// Every entry is read again from the disk.
    /// - Throws: `controller.store.chain`.
    func auditHead() throws -> AuditHead {
        let head = try store.verifiedHead()
        return AuditHead(sequence: head.sequence, digest: head.digest)
    }

    /// Before the act; where the log cannot be written there is no act.
    func note(_ act: PersonActed, by person: PersonRecord) throws {
        try commit(.personActed(act), by: Caller.person(person).actor, at: time.now())
    }
}
