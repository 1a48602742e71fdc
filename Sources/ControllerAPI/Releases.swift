import ReleaseDefinition

/// The bodies that `POST /v1/releases?environment=E` takes.
public enum ReleaseSubmissionType: String, Sendable, CaseIterable {
    /// `SourceArchive` of the release folder: the controller builds it.
    case sourceArchive = "application/x-tar"
    /// An archive of other people's tools that is the release folder, in a `SourceArchive` of its own: the file itself
    /// below `archive/`, under its name, and `release.yaml` beside it where the archive's own does not count.
    case foreignArchive = "application/vnd.slipway.archive"
    /// A built package, `.slip`.
    case package = "application/vnd.slipway.package"
}

extension ReleaseSubmissionType {
    /// Where the archive lies in the body.
    public static let archiveFolder = "archive"
}

/// `GET /v1/releases/{product}/{version}`, and each of `GET /v1/releases`.
public struct ReleaseView: Sendable, Equatable, Codable {
    public var release: ReleaseName
    public var manifest: SHA256Digest
    public var category: ReleaseCategory
    public var summary: String
    public var owner: String
    public var submittedAt: UTCInstant
    public var submittedBy: String
    public var units: [ReleaseUnitView]
    /// Where it is approved, in the order in which that happened.
    public var environments: [ReleaseApprovalView]
    /// Where approvers were asked and have not all signed.
    public var waiting: [ReleaseWaitingView]

    public init(
        release: ReleaseName, manifest: SHA256Digest, category: ReleaseCategory, summary: String, owner: String,
        submittedAt: UTCInstant, submittedBy: String, units: [ReleaseUnitView], environments: [ReleaseApprovalView],
        waiting: [ReleaseWaitingView] = []
    ) {
        self.release = release
        self.manifest = manifest
        self.category = category
        self.summary = summary
        self.owner = owner
        self.submittedAt = submittedAt
        self.submittedBy = submittedBy
        self.units = units
        self.environments = environments
        self.waiting = waiting
    }
}

/// A release that waits for approval in one environment (`emergency`: in the emergency role).
public struct ReleaseWaitingView: Sendable, Equatable, Codable {
    public var environment: EnvironmentName
    /// The change to the metadata that people sign.
    public var change: String
    public var votes: Int
    public var threshold: Int
    public var signedBy: [String]
    /// What else must happen first, with the command that does it; nil: only these signatures are missing.
    public var waitsFor: String?

    public init(
        environment: EnvironmentName, change: String, votes: Int, threshold: Int, signedBy: [String],
        waitsFor: String? = nil
    ) {
        self.environment = environment
        self.change = change
        self.votes = votes
        self.threshold = threshold
        self.signedBy = signedBy
        self.waitsFor = waitsFor
    }
}

extension ReleaseWaitingView {
    /// `1 of 2 have signed (ann)`
    public var words: String {
        "\(votes) of \(threshold) have signed (\(signedBy.isEmpty ? "nobody yet" : signedBy.joined(separator: ", ")))"
    }
}

public struct ReleaseUnitView: Sendable, Equatable, Codable {
    public var name: UnitName
    /// The hosts it is for; nil where it is for all.
    public var variant: VariantName?
    public var installTo: String
    public var files: Int
    /// Of the compressed payload.
    public var size: ByteCount
    /// Of the compressed payload, the name of its file in `blobs/`.
    public var payload: SHA256Digest

    public init(
        name: UnitName, variant: VariantName? = nil, installTo: String, files: Int, size: ByteCount,
        payload: SHA256Digest
    ) {
        self.name = name
        self.variant = variant
        self.installTo = installTo
        self.files = files
        self.size = size
        self.payload = payload
    }

    /// `api`, `api.arm64`: as its files in a package are called.
    public var fileName: String { variant.map { "\(name).\($0)" } ?? name.text }
}

/// The release in one environment; the environment `emergency` stands for the emergency role.
public struct ReleaseApprovalView: Sendable, Equatable, Codable {
    public var environment: EnvironmentName
    public var approvedAt: UTCInstant
    /// nil: it may be installed.
    public var revocation: RevocationView?
    /// When approvers took it back for good.
    public var withdrawnAt: UTCInstant?

    public init(
        environment: EnvironmentName, approvedAt: UTCInstant, revocation: RevocationView?,
        withdrawnAt: UTCInstant? = nil
    ) {
        self.environment = environment
        self.approvedAt = approvedAt
        self.revocation = revocation
        self.withdrawnAt = withdrawnAt
    }
}

public struct RevocationView: Sendable, Equatable, Codable {
    public var at: UTCInstant
    /// A person's name, or the rollout that backed out.
    public var by: String
    public var reason: String

    public init(at: UTCInstant, by: String, reason: String) {
        self.at = at
        self.by = by
        self.reason = reason
    }
}

/// `POST /v1/releases/{product}/{version}/promote`.
public struct PromotionRequest: Sendable, Equatable, Codable {
    public var environment: EnvironmentName

    public init(environment: EnvironmentName) { self.environment = environment }
}

/// `POST /v1/releases/{product}/{version}/revoke`.
public struct RevocationRequest: Sendable, Equatable, Codable {
    public var environment: EnvironmentName
    public var reason: String

    public init(environment: EnvironmentName, reason: String) {
        self.environment = environment
        self.reason = reason
    }
}
