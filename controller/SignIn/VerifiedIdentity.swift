import ReleaseDefinition

/// Who somebody is for an issuer; nothing else that a token says identifies anybody.
public struct PersonIdentity: Sendable, Equatable, Codable {
    public var issuer: String
    public var subject: String
}

/// A token whose signature and claims were believed.
struct VerifiedIdentity: Sendable {
    var issuer: OIDCIssuer
    var claims: TokenClaims

    /// In the log, in grants, beside what the person made: one for each issuer and subject, and never a local person's, in
    /// whose names is no colon.
    var personName: String {
        if let linked = (issuer.people ?? []).first(where: { $0.subject.utf8.elementsEqual(claims.subject.utf8) }) {
            return linked.person
        }
        return "\(issuer.name):\(PersonNames.encoded(claims.subject))"
    }

    /// What the claims give, by `oidc.json`.
    var grants: [PermissionGrant] {
        (issuer.grants ?? []).enumerated().filter { $0.element.holds(for: claims.all) }.map { position, grant in
            PermissionGrant(id: "\(issuer.name):\(position + 1)", set: grant.set, scope: grant.scope)
        }
    }
}

extension OIDCGrant {
    func holds(for claims: JSONValue) -> Bool {
        func values(_ name: String) -> [String] {
            // An address that was never proved is only what somebody typed.
            if name == "email", claims["email_verified"]?.boolValue != true { return [] }
            switch claims[name] {
            case .string(let value): return [value]
            case .array(let list): return list.compactMap(\.stringValue)
            default: return []
            }
        }
        // By bytes: texts that Unicode calls equal are two names for an issuer.
        return (self.claims ?? [:]).allSatisfy { name, wanted in
            values(name).contains { $0.utf8.elementsEqual(wanted.utf8) }
        }
            && (beginnings ?? [:]).allSatisfy { name, wanted in
                values(name).contains { $0.utf8.count > wanted.utf8.count && $0.utf8.starts(with: wanted.utf8) }
            }
    }
}

/// The names that grants may be for.
enum PersonNames {
    /// A subject as part of a name: no two have the same.
    static func encoded(_ subject: String) -> String {
        subject.utf8.map { byte in
            let isPlain = plain.contains(byte)
            return isPlain ? String(UnicodeScalar(byte)) : "%" + Hexadecimal.encode([byte]).uppercased()
        }.joined()
    }

    private static let plain = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:/@+=".utf8)

    /// `company:8f3e…`, as an issuer and a subject give it.
    static func isOfIssuer(_ name: String) -> Bool {
        let parts = name.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, (try? HostID(String(parts[0]))) != nil, parts[0].utf8.count <= 64 else { return false }
        let rest = parts[1].utf8
        return !rest.isEmpty && rest.count <= 3 * TokenClaims.subjectMax
            && rest.allSatisfy { plain.contains($0) || $0 == UInt8(ascii: "%") }
    }
}

extension Controller {
    /// As of now: by the grants of `oidc.json` and those of its name.
    /// - Throws: `controller.access.bothHands`.
    func person(_ identity: VerifiedIdentity) throws -> PersonRecord {
        let name = identity.personName
        let given = identity.grants
        let known = state.people.people[name]
        let person = PersonRecord(
            name: name, tokenHash: EventEntry.beforeFirst,
            permissionSets: (known?.permissionSets ?? []) + given.filter { $0.scope == .everything }.map(\.set),
            grants: (known?.grants ?? []) + given.filter { $0.scope != .everything },
            identity: PersonIdentity(issuer: identity.claims.issuer, subject: identity.claims.subject))
        if profile == .regulated { try Self.refuseBothHands(of: person) }
        return person
    }

    /// Who has a bearer token of whatever kind.
    /// - Throws: `controller.access.…` for an identity token that is not believed; nil for another.
    nonisolated func person(bearer text: String) async throws -> PersonRecord? {
        guard UnverifiedIdentityToken.isOne(text) else { return await person(token: text) }
        return try await person(try await issuers.verified(bearer: text))
    }

    /// Of a console session: as long as what it began with is good.
    nonisolated func person(of credential: SessionCredential) async throws -> PersonRecord? {
        switch credential {
        case .token(let id): return await person(tokenID: id)
        case .identity(let claims):
            guard let provider = try await issuers.providers().first(where: { $0.issuer.url == claims.issuer }),
                provider.issuer.console != nil
            else { return nil }
            return try await person(VerifiedIdentity(issuer: provider.issuer, claims: claims))
        }
    }

    /// trust.md "API rights": grants that come by claims are not looked at when they are made, so they are here.
    private static func refuseBothHands(of person: PersonRecord) throws {
        let all =
            person.permissionSets.map { ($0, PermissionScope.everything) }
            + (person.grants ?? []).map { ($0.set, $0.scope) }
        let approving = all.filter { $0.0 == .approver }.map(\.1)
        let managing = all.filter { $0.0 == .releaseManager }.map(\.1)
        for scope in approving {
            guard let clash = managing.first(where: { !$0.isApart(from: scope) }) else { continue }
            throw ControllerError.forbidden(
                "bothHands",
                "\(person.name) would be approver of \(scope.words) and releaseManager of \(clash.words).",
                remedy:
                    "In the profile regulated these are two people: correct the grants in \(OIDCSettings.fileName), or "
                    + "those of slipway grants list.")
        }
    }
}
