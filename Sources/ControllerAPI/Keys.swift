import ReleaseDefinition

/// How the keys are spread over machines and people (trust.md).
public enum TrustProfile: String, Sendable, Codable, CaseIterable {
    /// All keys on the controller: whoever takes it can install anything.
    case solo
    /// root, targets and people's keys off the controller.
    case team
    /// As team, with more people, separate emergency people, and rollouts that a person authorises.
    case regulated
}

/// `GET /v1/keys`: which keys sign what, where they lie, and what may be claimed of this set-up.
public struct KeysView: Sendable, Codable {
    public var profile: TrustProfile
    public var roles: [KeyRoleView]
    public var claims: [TrustClaim]
    /// Changes to signed metadata that wait for signatures.
    public var changes: [MetadataChangeView]

    public init(
        profile: TrustProfile, roles: [KeyRoleView], claims: [TrustClaim], changes: [MetadataChangeView]
    ) {
        self.profile = profile
        self.roles = roles
        self.claims = claims
        self.changes = changes
    }
}

extension KeysView {
    /// What a profile promises and these keys do not bear out.
    public func unearned(_ profile: TrustProfile) -> [TrustClaim] {
        claims.filter { !$0.isEarned && $0.promisedBy.contains(profile) }
    }
}

public struct KeyRoleView: Sendable, Equatable, Codable {
    /// `root`, `targets`, `snapshot`, `timestamp`, `director`, or a product's role.
    public var role: String
    public var threshold: Int
    public var holders: [KeyHolderView]
    /// nil: the role has no metadata yet; the director never has.
    public var version: Int64?
    public var expiresAt: UTCInstant?
    /// What is wrong with the expiry, in words.
    public var warning: String?

    public init(
        role: String, threshold: Int, holders: [KeyHolderView], version: Int64?, expiresAt: UTCInstant?,
        warning: String?
    ) {
        self.role = role
        self.threshold = threshold
        self.holders = holders
        self.version = version
        self.expiresAt = expiresAt
        self.warning = warning
    }
}

public struct KeyHolderView: Sendable, Equatable, Codable {
    public var name: String
    public var keyID: String
    /// The private key lies on the controller.
    public var onController: Bool
    /// In a standing: whether this key has signed.
    public var hasSigned: Bool?

    public init(name: String, keyID: String, onController: Bool, hasSigned: Bool? = nil) {
        self.name = name
        self.keyID = keyID
        self.onController = onController
        self.hasSigned = hasSigned
    }
}

/// A sentence of trust.md, and whether this set-up earns it.
public struct TrustClaim: Sendable, Equatable, Codable {
    public var claim: String
    public var isEarned: Bool
    /// What it takes, where it is not earned.
    public var missing: String?
    /// The profiles that promise it.
    public var promisedBy: [TrustProfile]

    public init(claim: String, isEarned: Bool, missing: String? = nil, promisedBy: [TrustProfile] = []) {
        self.claim = claim
        self.isEarned = isEarned
        self.missing = missing
        self.promisedBy = promisedBy
    }
}

public enum MetadataChangeState: String, Sendable, Codable, CaseIterable {
    /// Another change of the same role comes first.
    case queued
    /// Waits for signatures.
    case open
    case published, dropped
}

/// `GET /v1/keys/changes/{id}`: new metadata before enough people signed it.
public struct MetadataChangeView: Sendable, Codable {
    public var id: String
    public var state: MetadataChangeState
    /// What it is for, as the controller says it: an approver's tool finds out for itself.
    public var summary: String
    public var proposedAt: UTCInstant
    public var proposedBy: String
    /// Of all candidates together; nil while queued. A signature names it.
    public var digest: SHA256Digest?
    public var candidates: [MetadataCandidateView]
    /// Who must sign and who has.
    public var standings: [SignatureStandingView]
    /// Why it was dropped.
    public var reason: String?
    /// Of a queued change: those of the same roles that must be signed or dropped before it.
    public var waitsFor: [Blocker]?

    public struct Blocker: Sendable, Equatable, Codable {
        public var id: String
        public var summary: String

        public init(id: String, summary: String) {
            self.id = id
            self.summary = summary
        }
    }

    public init(
        id: String, state: MetadataChangeState, summary: String, proposedAt: UTCInstant, proposedBy: String,
        digest: SHA256Digest?, candidates: [MetadataCandidateView], standings: [SignatureStandingView],
        reason: String?, waitsFor: [Blocker]? = nil
    ) {
        self.id = id
        self.state = state
        self.summary = summary
        self.proposedAt = proposedAt
        self.proposedBy = proposedBy
        self.digest = digest
        self.candidates = candidates
        self.standings = standings
        self.reason = reason
        self.waitsFor = waitsFor
    }
}

/// The `signed` part of one role's next version: its canonical bytes are what is signed.
public struct MetadataCandidateView: Sendable, Codable {
    public var role: String
    public var signed: JSONValue

    public init(role: String, signed: JSONValue) {
        self.role = role
        self.signed = signed
    }
}

public struct SignatureStandingView: Sendable, Equatable, Codable {
    public var role: String
    /// `root`, `targets`; a new root is signed by the keys of the old one and by its own.
    public var delegator: String
    public var threshold: Int
    public var votes: Int
    public var signers: [KeyHolderView]

    public init(role: String, delegator: String, threshold: Int, votes: Int, signers: [KeyHolderView]) {
        self.role = role
        self.delegator = delegator
        self.threshold = threshold
        self.votes = votes
        self.signers = signers
    }
}

extension [SignatureStandingView] {
    /// `targets 0 of 1, staging-web 1 of 2`. A new root is named once where the same people sign it for both roots.
    public var words: String {
        var lines: [(standing: SignatureStandingView, words: String)] = []
        for standing in self {
            let words = "\(standing.role) \(standing.votes) of \(standing.threshold)"
            let same = lines.contains { line in
                line.standing.role == standing.role && line.words == words && line.standing.signers == standing.signers
            }
            if !same { lines.append((standing, words)) }
        }
        return lines.map { line in
            let isTwice = lines.filter { $0.standing.role == line.standing.role }.count > 1
            return isTwice ? "\(line.words) by keys of \(line.standing.delegator)" : line.words
        }.joined(separator: ", ")
    }
}

/// `POST /v1/keys/changes/{id}/signatures`, `POST /v1/releases/{product}/{version}/approvals`.
public struct SignatureUpload: Sendable, Codable {
    /// What was signed: another digest by now voids the signature.
    public var digest: SHA256Digest
    public var signatures: [RoleSignatureView]

    public init(digest: SHA256Digest, signatures: [RoleSignatureView]) {
        self.digest = digest
        self.signatures = signatures
    }
}

public struct RoleSignatureView: Sendable, Equatable, Codable {
    public var role: String
    public var keyID: String
    /// Hexadecimal.
    public var signature: String

    public init(role: String, keyID: String, signature: String) {
        self.role = role
        self.keyID = keyID
        self.signature = signature
    }
}

/// `POST /v1/keys/changes`: edits as the trust module writes them.
public struct MetadataChangeRequest: Sendable, Codable {
    public var edits: [JSONValue]
    public var reason: String

    public init(edits: [JSONValue], reason: String) {
        self.edits = edits
        self.reason = reason
    }
}

/// `POST /v1/keys/changes/{id}/drop`, `POST /v1/keys/reload`.
public struct ReasonRequest: Sendable, Equatable, Codable {
    public var reason: String

    public init(reason: String) { self.reason = reason }
}

/// `POST /v1/keys/rotate`: an online key; the controller makes the new one.
public struct OnlineRotationRequest: Sendable, Equatable, Codable {
    /// `snapshot`, `timestamp` or `director`.
    public var role: String

    public init(role: String) { self.role = role }
}

/// `POST /v1/keys/profile`.
public struct ProfileRequest: Sendable, Equatable, Codable {
    public var profile: TrustProfile

    public init(profile: TrustProfile) { self.profile = profile }
}

/// `POST /v1/releases/{product}/{version}/withdraw`: proposes it to the approvers.
public struct WithdrawalRequest: Sendable, Equatable, Codable {
    /// `emergency` stands for the emergency role.
    public var environment: EnvironmentName
    public var reason: String

    public init(environment: EnvironmentName, reason: String) {
        self.environment = environment
        self.reason = reason
    }
}

/// `POST /v1/releases/{product}/{version}/floor`: proposes to the approvers that nothing below it may be installed.
public struct FloorRequest: Sendable, Equatable, Codable {
    /// `emergency` stands for the emergency role.
    public var environment: EnvironmentName
    public var reason: String

    public init(environment: EnvironmentName, reason: String) {
        self.environment = environment
        self.reason = reason
    }
}

/// `POST /v1/releases/{product}/{version}/emergency`: proposes it to the emergency people.
public struct EmergencyApprovalRequest: Sendable, Equatable, Codable {
    public var reason: String

    public init(reason: String) { self.reason = reason }
}
