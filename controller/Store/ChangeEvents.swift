import ReleaseDefinition
import ReleaseTrust

/// New signed metadata was asked for. It is published once enough people have signed it.
public struct ChangeProposed: Sendable, Codable {
    public var id: String
    public var edits: [RoleEdit]
    public var reason: String
    /// nil: it waits until another change of the same role is out.
    public var proposal: RepositoryProposal?
}

/// A change that waited, or whose base has moved on, was written (again): all signatures on it are void.
public struct ChangeDrafted: Sendable, Codable {
    public var id: String
    public var proposal: RepositoryProposal
}

public struct ChangeSigned: Sendable, Codable {
    public var id: String
    /// Of the proposal that was signed.
    public var digest: SHA256Digest
    public var signatures: [CandidateSignature]
}

public struct ChangePublished: Sendable, Equatable, Codable {
    public var id: String
}

public struct ChangeDropped: Sendable, Equatable, Codable {
    public var id: String
    public var reason: String
}

/// Approvers took a manifest back for good.
public struct ReleaseWithdrawn: Sendable, Equatable, Codable {
    public var release: ReleaseName
    public var manifest: SHA256Digest
    /// nil: the emergency role.
    public var environment: EnvironmentName?
}

public struct ProfileChosen: Sendable, Equatable, Codable {
    public var profile: String
}

/// Private keys that lay on the controller and do not any more. Whoever copied them before still has them.
public struct KeysTakenOffline: Sendable, Equatable, Codable {
    public var keyIDs: [String]
}

/// An online key was made anew; it is in force when its change is published.
public struct KeyRotated: Sendable, Equatable, Codable {
    public var role: String
    public var keyID: String
}
