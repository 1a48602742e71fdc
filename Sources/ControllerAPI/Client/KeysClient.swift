import Effects
import ReleaseDefinition

/// Keys, changes to signed metadata, approvals.
extension ControllerClient {
    public func keys() async throws -> KeysView { try await get(["keys"]) }

    public func change(_ id: String) async throws -> MetadataChangeView { try await get(["keys", "changes", id]) }

    /// The change that asks for a release's approval or withdrawal in an environment (`emergency`: by emergency people).
    public func approval(
        of release: ReleaseName, in environment: EnvironmentName
    ) async throws -> MetadataChangeView {
        try await get(path(of: release) + ["approvals"], query: "environment=\(environment)")
    }

    public func sign(_ change: String, _ upload: SignatureUpload) async throws -> MetadataChangeView {
        try await post(["keys", "changes", change, "signatures"], upload)
    }

    public func drop(_ change: String, _ request: ReasonRequest) async throws -> MetadataChangeView {
        try await post(["keys", "changes", change, "drop"], request)
    }

    public func propose(_ request: MetadataChangeRequest) async throws -> ListView<MetadataChangeView> {
        try await post(["keys", "changes"], request)
    }

    public func rotateOnline(_ request: OnlineRotationRequest) async throws -> KeysView {
        try await post(["keys", "rotate"], request)
    }

    public func reloadKeys(_ request: ReasonRequest) async throws -> KeysView {
        try await post(["keys", "reload"], request)
    }

    public func choose(_ request: ProfileRequest) async throws -> KeysView {
        try await post(["keys", "profile"], request)
    }

    public func withdraw(_ release: ReleaseName, _ request: WithdrawalRequest) async throws -> ReleaseView {
        try await post(path(of: release) + ["withdraw"], request)
    }

    public func setFloor(_ release: ReleaseName, _ request: WithdrawalRequest) async throws -> ReleaseView {
        try await post(path(of: release) + ["floor"], request)
    }

    public func askForEmergency(
        _ release: ReleaseName, _ request: EmergencyApprovalRequest
    ) async throws -> ReleaseView {
        try await post(path(of: release) + ["emergency"], request)
    }

    /// A published file, below `/repository/`.
    public var repositoryURL: String { baseURL + "/repository" }
    public var door: any HTTPDoor { http }
}
