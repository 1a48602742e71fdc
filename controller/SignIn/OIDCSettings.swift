import ControllerAPI
import ReleaseDefinition

/// `oidc.json` in the controller's folder: whose identity tokens are believed (OpenID Connect), and what they may.
/// Secrets stand in files of their own beside it.
struct OIDCSettings: Sendable, Equatable, Codable {
    static let fileName = "oidc.json"
    static let issuersMax = 16

    var issuers: [OIDCIssuer]

    static let none = OIDCSettings(issuers: [])

    /// Unknown members are refused: a scope with a slip of the pen would be no scope.
    /// - Throws: `controller.setup.oidc`.
    init(file bytes: [UInt8]) throws {
        do {
            let value = try JSONValue(parsing: bytes, limits: JSONLimits(bytesMax: 1 << 20))
            try OIDCMembers.check(value)
            self = try JSONCoding.decode(OIDCSettings.self, from: value)
        } catch let error as DefinitionError {
            throw Self.damaged(error.summary)
        }
        let names = issuers.map(\.name)
        guard issuers.count <= Self.issuersMax else { throw Self.damaged("more than \(Self.issuersMax) issuers") }
        guard Set(names).count == names.count, Set(issuers.map(\.url)).count == names.count else {
            throw Self.damaged("two issuers have one name or one url")
        }
        for issuer in issuers { try issuer.check() }
    }

    init(issuers: [OIDCIssuer]) { self.issuers = issuers }

    static func damaged(_ why: String) -> ControllerError {
        .setup(
            "oidc", "\(fileName) in the controller's folder cannot be used: \(why).",
            remedy:
                "Correct the file (docs/operations.md, \"Sign-in with OpenID Connect\"); until then nobody is let in "
                + "by it, and local tokens work.")
    }
}

/// Somebody who says who a person or a program is.
struct OIDCIssuer: Sendable, Equatable, Codable {
    /// Stands before the subject in the names of its people: `company:8f3e…`.
    var name: String
    /// Exactly as `iss` in its tokens.
    var url: String
    /// A PEM file whom its server is believed by; relative to the controller's folder. The system's store is never used
    /// unless it is named here.
    var authority: String
    /// Whom tokens must be for, beside the commands' client.
    var audiences: [String]?
    /// As what `slipway login --oidc` asks; nil: people do not sign in there.
    var command: OIDCClient?
    /// As what the console asks.
    var console: OIDCClient?
    /// Subjects that are people of this controller under their own name.
    var people: [OIDCPerson]?
    var grants: [OIDCGrant]?

    /// Of a bearer token.
    var bearerAudiences: Set<String> { Set((audiences ?? []) + [command?.clientID].compactMap { $0 }) }
}

/// As whom we ask an issuer.
struct OIDCClient: Sendable, Equatable, Codable {
    var clientID: String
    /// In the controller's folder; nil: a public client, which PKCE protects alone.
    var secretFile: String?
    /// nil: `openid`.
    var scopes: [String]?
}

struct OIDCPerson: Sendable, Equatable, Codable {
    /// `sub`, exactly.
    var subject: String
    /// As in `slipway tokens create PERSON` and beside the names of keys.
    var person: String
}

/// A permission set for all tokens whose claims say this; all that is named must hold.
struct OIDCGrant: Sendable, Equatable, Codable {
    /// Claims by name, and the whole value; of a list one element.
    var claims: [String: String]?
    /// The same, and how the value begins: up to a separator.
    var beginnings: [String: String]?
    var set: PermissionSet
    var product: ProductName?
    var environment: EnvironmentName?
    var hosts: HostQuery?

    var scope: PermissionScope {
        PermissionScope(product: product, environment: environment, hosts: hosts == .all ? nil : hosts)
    }
}

extension OIDCIssuer {
    /// - Throws: `controller.setup.oidc`.
    func check() throws {
        func refuse(_ why: String) -> ControllerError {
            OIDCSettings.damaged("issuer \(name.debugDescription): \(why)")
        }
        guard (try? HostID(name)) != nil, name.utf8.count <= 64 else {
            throw refuse("its name must be letters, digits, - and .")
        }
        guard ProviderEndpoints.isAddress(url), !url.contains("?") else {
            throw refuse("its url \(url.debugDescription) is no https address")
        }
        for client in [command, console].compactMap({ $0 }) {
            guard !client.clientID.isEmpty else { throw refuse("a clientID is empty") }
            guard client.scopes.map({ $0.contains("openid") }) ?? true else { throw refuse("its scopes lack openid") }
        }
        guard command?.secretFile == nil else {
            throw refuse("command has a secretFile, and what every command holds is no secret: use a public client")
        }
        guard !bearerAudiences.contains("") else { throw refuse("an audience is empty") }
        guard !bearerAudiences.isEmpty || console != nil else {
            throw refuse("it names no audiences, no command and no console, so none of its tokens could be for us")
        }
        let links = people ?? []
        guard Set(links.map(\.subject)).count == links.count else { throw refuse("a subject stands twice in people") }
        for link in links {
            guard !link.subject.isEmpty, (try? HostID(link.person)) != nil else {
                throw refuse("\(link.person.debugDescription) is no name for a person")
            }
        }
        for grant in grants ?? [] { try grant.check(refuse) }
    }
}

extension OIDCGrant {
    fileprivate func check(_ refuse: (String) -> ControllerError) throws {
        let (claims, beginnings) = (claims ?? [:], beginnings ?? [:])
        guard !claims.isEmpty || !beginnings.isEmpty else {
            throw refuse("a grant of \(set.rawValue) names no claims, so it would be everybody's")
        }
        guard claims.allSatisfy({ !$0.key.isEmpty && !$0.value.isEmpty }) else {
            throw refuse("a grant of \(set.rawValue) names an empty claim")
        }
        for (claim, beginning) in beginnings {
            // `repo:org/app` is also how `repo:org/app-of-somebody-else` begins, and `repo:` how everybody's do.
            let separators = beginning.filter { $0 == ":" || $0 == "/" }.count
            guard !claim.isEmpty, separators >= 2, beginning.last == ":" || beginning.last == "/" else {
                throw refuse(
                    "the beginning \(beginning.debugDescription) of \(claim) must end with : or / and have another before"
                )
            }
        }
        guard set != .admin || scope == .everything else {
            throw refuse("admin cannot be granted within a scope")
        }
    }
}

/// Which members `oidc.json` may have.
private enum OIDCMembers {
    static func check(_ value: JSONValue) throws {
        try only(["issuers"], value)
        for issuer in value["issuers"]?.arrayValue ?? [] {
            try only(["name", "url", "authority", "audiences", "command", "console", "people", "grants"], issuer)
            for client in ["command", "console"].compactMap({ issuer[$0] }) {
                try only(["clientID", "secretFile", "scopes"], client)
            }
            for person in issuer["people"]?.arrayValue ?? [] { try only(["subject", "person"], person) }
            for grant in issuer["grants"]?.arrayValue ?? [] {
                try only(["claims", "beginnings", "set", "product", "environment", "hosts"], grant)
            }
        }
    }

    private static func only(_ known: [String], _ value: JSONValue) throws {
        for member in value.objectValue ?? [] where !known.contains(member.name) {
            throw OIDCSettings.damaged(
                "\(member.name.debugDescription) is not known; there are \(known.joined(separator: ", "))")
        }
    }
}
