import ReleaseDefinition

/// The controller's health, and what people owe after an emergency.
extension ControllerClient {
    public func doctor() async throws -> DoctorReport { try await get(["doctor"]) }

    public func retention() async throws -> RetentionView { try await get(["retention"]) }

    public func emergencies() async throws -> [EmergencyView] {
        try await all(["emergencies"])
    }

    public func review(_ rollout: RolloutID, _ request: EmergencyReviewRequest) async throws -> EmergencyView {
        try await post(["emergencies", rollout.text, "review"], request)
    }
}
