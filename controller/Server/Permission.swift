import ReleaseDefinition

/// One right. A route names exactly one; a person's permission sets say which of them the person has.
public enum Permission: String, Sendable, Codable, CaseIterable {
    case view, submitReleases, approveReleases, deploy, revokeReleases, pushEmergencies, manageHosts, administer
    /// Who may sign is decided by the key: this right only keeps strangers from the log.
    case sendSignatures
}

/// Named sets of permissions (trust.md "API rights").
public enum PermissionSet: String, Sendable, Codable, CaseIterable {
    case viewer, builder, `operator`, approver, serviceOwner, releaseManager, emergency, admin

    public var permissions: Set<Permission> {
        switch self {
        case .viewer: [.view]
        case .builder: [.view, .submitReleases]
        case .operator: [.view, .deploy, .manageHosts]
        case .approver: [.view, .approveReleases, .sendSignatures]
        // Meant for one product: its scope is the difference to a release manager.
        case .serviceOwner: [.view, .submitReleases, .deploy, .revokeReleases]
        case .releaseManager: [.view, .submitReleases, .deploy, .revokeReleases]
        case .emergency: [.view, .pushEmergencies, .revokeReleases, .sendSignatures]
        case .admin: Set(Permission.allCases)
        }
    }
}

/// Who may call a route. A route without it keeps the server from starting.
public enum RouteAccess: Sendable, Equatable {
    /// Nobody is asked who they are; the reason stands in the table so that it is reviewed.
    case anyone(because: String)
    /// A host, known by the certificate of its TLS connection.
    case host
    /// A person with this right, by bearer token or console session.
    case person(Permission)
}

/// Who is calling, as the server found out; nothing in a request's text makes one of these.
public enum Caller: Sendable, Equatable {
    case anyone
    case host(HostID)
    case person(PersonRecord)

    /// The word for the audit log.
    public var actor: String {
        switch self {
        case .anyone: "anyone"
        case .host(let host): "host:\(host)"
        case .person(let person): "person:\(person.name)"
        }
    }
}
