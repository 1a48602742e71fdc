import Effects
import ReleaseDefinition

/// The record of a release.
extension ControllerClient {
    public func lifecycle(_ name: ReleaseName) async throws -> LifecycleView {
        try await get(path(of: name) + ["lifecycle"])
    }

    public func lifecycles() async throws -> [LifecycleView] {
        try await all(["lifecycles"])
    }

    public func plan(_ name: ReleaseName, _ request: ReleasePlanRequest) async throws -> LifecycleView {
        try await post(path(of: name) + ["plan"], request)
    }

    public func addEvidence(_ name: ReleaseName, _ request: EvidenceRequest) async throws -> LifecycleView {
        try await post(path(of: name) + ["evidence"], request)
    }

    public func authorise(_ name: ReleaseName, _ request: ReleaseConsentRequest) async throws -> LifecycleView {
        try await post(path(of: name) + ["authorisations"], request)
    }

    public func decline(_ name: ReleaseName, _ request: ReleaseDeclineRequest) async throws -> LifecycleView {
        try await post(path(of: name) + ["declines"], request)
    }

    public func addDeviation(_ name: ReleaseName, _ request: DeviationRequest) async throws -> LifecycleView {
        try await post(path(of: name) + ["deviations"], request)
    }

    public func resolve(
        _ name: ReleaseName, deviation id: String, _ request: DeviationResolveRequest
    ) async throws -> LifecycleView {
        try await post(path(of: name) + ["deviations", id, "resolve"], request)
    }

    public func addKnownError(_ name: ReleaseName, _ request: KnownErrorRequest) async throws -> LifecycleView {
        try await post(path(of: name) + ["known-errors"], request)
    }

    public func giveFeedback(_ name: ReleaseName, _ request: FeedbackRequest) async throws -> LifecycleView {
        try await post(path(of: name) + ["feedback"], request)
    }

    public func feedbackLink(_ name: ReleaseName, _ request: FeedbackLinkRequest) async throws -> FeedbackLinkView {
        try await post(path(of: name) + ["feedback-links"], request)
    }

    public func reviewFields(_ name: ReleaseName) async throws -> ReleaseReviewView {
        try await get(path(of: name) + ["review"])
    }

    public func review(_ name: ReleaseName, _ request: ReleaseReviewRequest) async throws -> LifecycleView {
        try await post(path(of: name) + ["review"], request)
    }

    public func measures(from: UTCInstant?, until: UTCInstant?) async throws -> [ReleaseMeasures] {
        let parts = [from.map { "from=\($0)" }, until.map { "until=\($0)" }].compactMap { $0 }
        return try await all(
            ["reports", "measures"], query: parts.isEmpty ? nil : parts.joined(separator: "&"))
    }

    public func evidence(_ name: ReleaseName, _ id: String, part: String) async throws -> [UInt8] {
        try await bytes(path(of: name) + ["evidence", id], query: "part=\(part)")
    }

    private func bytes(_ path: [String], query: String? = nil) async throws -> [UInt8] {
        let request = HTTPRequest(
            "GET", url(path, query: query), headers: fields, responseSizeMax: EvidenceRequest.documentMax)
        let response: HTTPResponse
        do { response = try await http.send(request) } catch let error as EffectsError {
            throw ControllerAPIError(unreachable: baseURL, error)
        }
        guard (200..<300).contains(response.status) else {
            throw ControllerAPIError(status: response.status, body: response.body, of: request)
        }
        return response.body
    }

    public func documents(of name: ReleaseName) async throws -> [ReleaseDocumentView] {
        try await all(path(of: name) + ["documents"])
    }

    public func document(_ path: String, of name: ReleaseName) async throws -> [UInt8] {
        try await getBytes(self.path(of: name) + ["document"] + path.split(separator: "/").map { $0.percentEncoded })
    }

    /// Every configuration item, as CSV.
    public func configurationTable() async throws -> [UInt8] { try await bytes(["cmdb", "items.csv"]) }

    public func close(_ name: ReleaseName) async throws -> LifecycleView {
        try await post(path(of: name) + ["close"], [String: String]())
    }
}

/// Configuration items.
extension ControllerClient {
    public func configurationItems() async throws -> [ConfigurationItem] {
        try await all(["cmdb", "items"])
    }

    public func places(of material: String) async throws -> [MaterialPlaceView] {
        try await all(["cmdb", "places"], query: "material=\(material)")
    }

    public func takeBaseline(_ name: ReleaseName) async throws -> BaselineView {
        try await post(path(of: name) + ["baselines"], [String: String]())
    }
}

extension ControllerClient {
    public func notifications() async throws -> NotificationsView { try await get(["notifications"]) }

    public func replayNotifications(_ request: NotificationReplayRequest) async throws -> NotificationsView {
        try await post(["notifications", "replay"], request)
    }
}
