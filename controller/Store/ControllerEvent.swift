import AgentProtocol
import ReleaseDefinition
import ReleaseRollout

/// A decision, as the log keeps it. What is not in here did not happen; every view is computed from these.
public enum ControllerEvent: Sendable, Codable {
    case initialised(ControllerInitialised)
    case personAdded(PersonRecord)
    case tokenCreated(TokenCreated)
    case tokenRevoked(TokenRevoked)
    case grantAdded(GrantAdded)
    case grantRemoved(GrantRemoved)
    case personActed(PersonActed)
    case hostsInvited(Invitation)
    case invitationRevoked(InvitationRevoked)
    case hostJoined(HostJoined)
    case certificateRenewed(CertificateRenewed)
    case certificateTaken(CertificateTaken)
    case hostRevoked(HostStandingChanged)
    case hostRetired(HostStandingChanged)
    case hostQuarantined(HostQuarantined)
    case hostUnlocked(HostStandingChanged)
    case hostMarked(HostMarked)
    case hostUnmarked(HostUnmarked)
    case hostLabelled(HostLabelled)
    case authorityOffered(AuthorityOffered)
    case authorityAdopted(AuthorityAdopted)
    case releaseSubmitted(ReleaseSubmitted)
    case releaseApproved(ReleaseApproved)
    case releaseRevoked(ReleaseRevoked)
    case releaseWithdrawn(ReleaseWithdrawn)
    case rolloutChanged(RolloutChanged)
    case changeProposed(ChangeProposed)
    case changeDrafted(ChangeDrafted)
    case changeSigned(ChangeSigned)
    case changePublished(ChangePublished)
    case changeDropped(ChangeDropped)
    case profileChosen(ProfileChosen)
    case keysTakenOffline(KeysTakenOffline)
    case keyRotated(KeyRotated)
    case releaseExported(ReleaseExported)
    case rolloutPlanned(RolloutPlanned)
    case rolloutAuthorised(RolloutAuthorised)
    case policyApplied(PolicyApplied)
    case policyOverridden(PolicyOverridden)
    case policyPassedOver(PolicyPassedOver)
    case freezeDeclared(FreezeDeclared)
    case freezeLifted(FreezeLifted)
    case emergencyReleased(EmergencyReleased)
    case emergencyReviewed(EmergencyReviewed)
    case metadataExpiring(MetadataExpiring)
    case controllerRestored(ControllerRestored)
    case certificatesExpiring(CertificatesExpiring)
    case lifecycleChanged(LifecycleChanged)
    case rehearsalOrdered(RehearsalOrdered)
    case rehearsalEnded(RehearsalEnded)
    case packagesRemoved(PackagesRemoved)

    /// The permanent name of the act, the same in log, audit and documentation.
    public var action: String {
        switch self {
        case .initialised: "controller.initialised"
        case .personAdded: "person.added"
        case .tokenCreated: "token.created"
        case .tokenRevoked: "token.revoked"
        case .grantAdded: "grant.added"
        case .grantRemoved: "grant.removed"
        case .personActed(let it): it.decision == .allowed ? "request.allowed" : "request.refused"
        case .hostsInvited: "hosts.invited"
        case .invitationRevoked: "invitation.revoked"
        case .hostJoined: "host.joined"
        case .certificateRenewed: "host.certificateRenewed"
        case .certificateTaken: "host.certificateTaken"
        case .hostRevoked: "host.revoked"
        case .hostRetired: "host.retired"
        case .hostQuarantined: "host.quarantined"
        case .hostUnlocked: "host.unlocked"
        case .hostMarked: "host.marked"
        case .hostUnmarked: "host.unmarked"
        case .hostLabelled: "host.labelled"
        case .authorityOffered: "authority.offered"
        case .authorityAdopted: "authority.adopted"
        case .releaseSubmitted: "release.submitted"
        case .releaseApproved: "release.approved"
        case .releaseRevoked: "release.revoked"
        case .releaseWithdrawn: "release.withdrawn"
        case .rolloutChanged(let it): it.event.name
        case .changeProposed: "metadata.proposed"
        case .changeDrafted: "metadata.drafted"
        case .changeSigned: "metadata.signed"
        case .changePublished: "metadata.published"
        case .changeDropped: "metadata.dropped"
        case .profileChosen: "keys.profileChosen"
        case .keysTakenOffline: "keys.takenOffline"
        case .keyRotated: "keys.rotated"
        case .releaseExported: "release.exported"
        case .rolloutPlanned: "rollout.planned"
        case .rolloutAuthorised: "rollout.authorised"
        case .policyApplied: "policy.applied"
        case .policyOverridden: "policy.overridden"
        case .policyPassedOver: "policy.passedOver"
        case .freezeDeclared: "freeze.declared"
        case .freezeLifted: "freeze.lifted"
        case .emergencyReleased: "emergency.released"
        case .emergencyReviewed: "emergency.reviewed"
        case .metadataExpiring: "metadata.expiring"
        case .controllerRestored: "controller.restored"
        case .certificatesExpiring: "certificates.expiring"
        case .lifecycleChanged(let it): it.event.name
        case .rehearsalOrdered: "rehearsal.ordered"
        case .rehearsalEnded: "rehearsal.ended"
        case .packagesRemoved: "packages.removed"
        }
    }

    /// What was acted on.
    public var object: String {
        switch self {
        case .initialised: "controller"
        case .personAdded(let it): "person:\(it.name)"
        case .tokenCreated(let it): "person:\(it.person)"
        case .tokenRevoked(let it): "person:\(it.person)"
        case .grantAdded(let it): "person:\(it.person)"
        case .grantRemoved(let it): "person:\(it.person)"
        case .personActed(let it): it.route
        case .hostsInvited(let it): "invitation:\(it.id)"
        case .invitationRevoked(let it): "invitation:\(it.invitation)"
        case .hostJoined(let it): "host:\(it.host)"
        case .certificateRenewed(let it): "host:\(it.host)"
        case .certificateTaken(let it): "host:\(it.host)"
        case .hostRevoked(let it), .hostRetired(let it), .hostUnlocked(let it): "host:\(it.host)"
        case .hostQuarantined(let it): "host:\(it.host)"
        case .hostMarked(let it): "host:\(it.host)"
        case .hostUnmarked(let it): "host:\(it.host)"
        case .hostLabelled(let it): "host:\(it.host)"
        case .authorityOffered(let it): "authority:\(it.authority.hex)"
        case .authorityAdopted(let it): "authority:\(it.authority.hex)"
        case .releaseSubmitted(let it): "release:\(it.release)"
        case .releaseApproved(let it): "release:\(it.release)"
        case .releaseRevoked(let it): "release:\(it.release)"
        case .releaseWithdrawn(let it): "release:\(it.release)"
        case .rolloutChanged(let it): "rollout:\(it.rollout)"
        case .changeProposed(let it): "change:\(it.id)"
        case .changeDrafted(let it): "change:\(it.id)"
        case .changeSigned(let it): "change:\(it.id)"
        case .changePublished(let it): "change:\(it.id)"
        case .changeDropped(let it): "change:\(it.id)"
        case .profileChosen, .keysTakenOffline: "keys"
        case .keyRotated(let it): "key:\(it.role)"
        case .releaseExported(let it): "release:\(it.release)"
        case .rolloutPlanned(let it): "rollout:\(it.plan.id)"
        case .rolloutAuthorised(let it): "plan:\(it.digest.short)"
        case .policyApplied(let it): "policy:\(it.version)"
        case .policyOverridden(let it): "release:\(it.release)"
        case .policyPassedOver(let it): "rollout:\(it.rollout)"
        case .freezeDeclared(let it): "freeze:\(it.id)"
        case .freezeLifted(let it): "freeze:\(it.id)"
        case .emergencyReleased(let it): "rollout:\(it.rollout)"
        case .emergencyReviewed(let it): "rollout:\(it.rollout)"
        case .metadataExpiring(let it): "metadata:\(it.role)"
        case .controllerRestored: "controller"
        case .certificatesExpiring: "hosts"
        case .lifecycleChanged(let it): "release:\(it.release)"
        case .rehearsalOrdered(let it): "rehearsal:\(it.plan.id)"
        case .rehearsalEnded(let it): "rehearsal:\(it.rehearsal)"
        case .packagesRemoved: "repository"
        }
    }
}

public struct ControllerInitialised: Sendable, Equatable, Codable {
    public var profile: String
    /// In the order of promotion; at least one.
    public var environments: [EnvironmentName]
    public var authority: SHA256Digest
    public var root: SHA256Digest
}

/// A person with a local token. The token itself is never kept.
public struct PersonRecord: Sendable, Equatable, Codable {
    public var name: String
    public var tokenHash: SHA256Digest
    /// Those that hold everywhere.
    public var permissionSets: [PermissionSet]
    public var expiresAt: UTCInstant?
    /// Those that hold somewhere.
    public var grants: [PermissionGrant]?
    /// Of who came with an issuer's token.
    public var identity: PersonIdentity?
}

/// What a join token allows. Everything that a host will be called stands here, nothing comes from the host.
public struct Invitation: Sendable, Equatable, Codable {
    public var id: String
    public var tokenHash: SHA256Digest
    public var environment: EnvironmentName
    public var labels: [String: String]
    /// The id of the one host that may join; nil: ids are made at joining.
    public var host: HostID?
    public var uses: Int
    public var expiresAt: UTCInstant
    /// The name of a join policy, unique among those that are open; nil: an invitation of one occasion.
    public var policy: String?
    /// Of a join policy: the ids that are made, with `*` for the part that differs.
    public var names: String?
}

public struct HostJoined: Sendable, Equatable, Codable {
    public var host: HostID
    public var invitation: String
    public var environment: EnvironmentName
    public var labels: [String: String]
    public var machineID: String
    public var certificate: SHA256Digest
    public var certificateNotAfter: UTCInstant
    public var key: SHA256Digest
    /// The authority that issued the certificate; nil in entries from before there was a second one: the first.
    public var authority: SHA256Digest?
}

public struct ReleaseSubmitted: Sendable, Codable {
    public var release: ReleaseName
    public var manifest: SHA256Digest
    public var manifestLength: ByteCount
    public var category: ReleaseCategory
    public var summary: String
    public var owner: String
    public var units: [UnitSubmitted]
    /// nil in entries from before it was kept: nothing.
    public var requires: [ProductRequirement]?
}

public struct UnitSubmitted: Sendable, Equatable, Codable {
    public var name: UnitName
    /// nil where it is for all hosts.
    public var variant: VariantName?
    public var installTo: String
    public var files: Int
    public var size: ByteCount
    public var payload: SHA256Digest
    public var healthyDeadline: TimeSpan
}

/// The manifest was signed into the role of an environment, or the emergency role.
public struct ReleaseApproved: Sendable, Equatable, Codable {
    public var release: ReleaseName
    public var manifest: SHA256Digest
    /// nil: the emergency role.
    public var environment: EnvironmentName?
}

/// The director lets no host of the environment install this manifest any more. What runs goes on.
public struct ReleaseRevoked: Sendable, Equatable, Codable {
    public var release: ReleaseName
    public var manifest: SHA256Digest
    public var environment: EnvironmentName
    public var reason: String
    /// The rollout that backed out, where no person did it.
    public var rollout: RolloutID?
}

public struct RolloutChanged: Sendable, Equatable, Codable {
    public var rollout: RolloutID
    public var event: RolloutEvent
}
