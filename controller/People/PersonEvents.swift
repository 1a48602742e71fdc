import ReleaseDefinition

/// A token that speaks for a person. Only its hash is kept.
public struct TokenCreated: Sendable, Equatable, Codable {
    public var id: String
    public var person: String
    public var hash: SHA256Digest
    public var expiresAt: UTCInstant
    /// What it is for, in the person's own words.
    public var note: String?
}

public struct TokenRevoked: Sendable, Equatable, Codable {
    public var id: String
    public var person: String
    public var reason: String
}

public struct GrantAdded: Sendable, Equatable, Codable {
    public var person: String
    public var grant: PermissionGrant
}

public struct GrantRemoved: Sendable, Equatable, Codable {
    public var person: String
    public var id: String
    public var reason: String
}

/// A person is about to change something, or was refused it. It is on the disk before anything is done; what came of it
/// are the entries of the same actor after it.
public struct PersonActed: Sendable, Equatable, Codable {
    public enum Decision: String, Sendable, Codable { case allowed, refused }

    /// Of the answer's log lines.
    public var request: String
    /// `POST /v1/hosts/{id}/revoke`: the row of the route table.
    public var route: String
    /// The names in its path.
    public var parameters: [String: String]
    public var decision: Decision
    /// Why it was refused: the code of the error.
    public var reason: String?
    /// Of who came with an issuer's token, as the issuer says it.
    public var identity: PersonIdentity?
}

/// People, their tokens and grants, computed from the log.
struct PeopleRecord: Sendable {
    struct Token: Sendable {
        var id: String
        var person: String
        var createdAt: UTCInstant
        var createdBy: String
        var expiresAt: UTCInstant?
        var note: String?
        var revocation: TokenRevoked?

        func isGood(at now: UTCInstant) -> Bool { revocation == nil && expiresAt.map { $0 > now } ?? true }
    }

    struct Grant: Sendable {
        var person: String
        var grant: PermissionGrant
        var at: UTCInstant
        var by: String
    }

    private(set) var tokens: [String: Token] = [:]
    private var tokensByHash: [SHA256Digest: String] = [:]
    private(set) var grants: [String: Grant] = [:]
    /// As they were added; nil for people who came by a token or grant alone.
    private var added: [String: PersonRecord] = [:]
    private(set) var people: [String: PersonRecord] = [:]

    mutating func add(_ person: PersonRecord, _ entry: EventEntry) {
        added[person.name] = person
        // The first token has its person's name.
        tokens[person.name] = Token(
            id: person.name, person: person.name, createdAt: entry.at, createdBy: entry.actor,
            expiresAt: person.expiresAt)
        tokensByHash[person.tokenHash] = person.name
        rebuild(person.name)
    }

    mutating func create(_ event: TokenCreated, _ entry: EventEntry) {
        tokens[event.id] = Token(
            id: event.id, person: event.person, createdAt: entry.at, createdBy: entry.actor,
            expiresAt: event.expiresAt, note: event.note)
        tokensByHash[event.hash] = event.id
        rebuild(event.person)
    }

    mutating func revoke(_ event: TokenRevoked) { tokens[event.id]?.revocation = event }

    mutating func grant(_ event: GrantAdded, _ entry: EventEntry) {
        grants[event.grant.id] = Grant(person: event.person, grant: event.grant, at: entry.at, by: entry.actor)
        rebuild(event.person)
    }

    mutating func remove(_ event: GrantRemoved) {
        grants[event.id] = nil
        rebuild(event.person)
    }

    private mutating func rebuild(_ name: String) {
        let own = grants.values.filter { $0.person == name }.map(\.grant).sorted { $0.id < $1.id }
        let everywhere = own.filter { $0.scope == .everything }.map(\.set)
        let base = added[name]
        people[name] = PersonRecord(
            name: name, tokenHash: base?.tokenHash ?? EventEntry.beforeFirst,
            permissionSets: (base?.permissionSets ?? []) + everywhere, expiresAt: base?.expiresAt,
            grants: own.filter { $0.scope != .everything })
    }

    func token(hash: SHA256Digest) -> Token? { tokensByHash[hash].flatMap { tokens[$0] } }
}
