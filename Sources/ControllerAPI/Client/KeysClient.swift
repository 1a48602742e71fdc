import AgentProtocol
import Effects
import ReleaseDefinition
import Synchronization

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

    public func setFloor(_ release: ReleaseName, _ request: FloorRequest) async throws -> ReleaseView {
        try await post(path(of: release) + ["floor"], request)
    }

    public func askForEmergency(
        _ release: ReleaseName, _ request: EmergencyApprovalRequest
    ) async throws -> ReleaseView {
        try await post(path(of: release) + ["emergency"], request)
    }

    /// The package as bytes, piece by piece.
    /// - Parameter receive: called with each, and with how many there are in all; 0: the controller does not say.
    /// - Returns: until when it can be installed.
    public func export(
        _ release: ReleaseName, _ request: ExportRequest,
        receive: @escaping @Sendable ([UInt8], _ total: ByteCount) async throws -> Void
    ) async throws -> String? {
        let sent = HTTPRequest(
            "POST", url(path(of: release) + ["export"]),
            headers: fields + [HTTPField("Content-Type", "application/json")],
            body: try JSONCoding.value(of: request).wireBytes, responseSizeMax: ByteCount(64 << 30),
            timeout: .hours(12))
        let answer = Mutex((status: 0, validUntil: String?.none, total: ByteCount(0), problem: [UInt8]()))
        do {
            try await http.download(sent) { head in
                answer.withLock {
                    $0.status = head.status
                    $0.validUntil = head[ExportRequest.validUntilHeader]
                    $0.total = ByteCount(head["Content-Length"].flatMap { Int64($0) } ?? 0)
                }
            } receive: { piece in
                let (status, total) = answer.withLock { ($0.status, $0.total) }
                guard status == 200 else {
                    return answer.withLock { $0.problem += piece.prefix(max(0, (1 << 20) - $0.problem.count)) }
                }
                try await receive(piece, total)
            }
        } catch let error as EffectsError where error.code.hasPrefix("effects.http.") {
            throw ControllerAPIError(unreachable: baseURL, error)
        }
        let (status, validUntil, _, problem) = answer.withLock { $0 }
        guard status == 200 else { throw ControllerAPIError(status: status, body: problem, of: sent) }
        return validUntil
    }

    public func importReceipt(_ file: HostReceiptFile) async throws -> ReceiptView {
        try await post(["hosts", "receipts"], file)
    }

    public func plan(_ definition: RolloutDefinition) async throws -> RolloutPlanView {
        try await post(["rollouts", "plans"], definition)
    }

    public func plan(_ digest: SHA256Digest) async throws -> RolloutPlanView {
        try await get(["rollouts", "plans", digest.hex])
    }

    public func authorise(_ digest: SHA256Digest, _ request: RolloutAuthorisation) async throws -> RolloutPlanView {
        try await post(["rollouts", "plans", digest.hex, "authorisations"], request)
    }

    /// A published file, below `/repository/`.
    public var repositoryURL: String { baseURL + "/repository" }
    public var door: any HTTPDoor { http }
}
