import ReleaseDefinition

/// The controller's health, and what people owe after an emergency.
extension ControllerClient {
    public func doctor() async throws -> DoctorReport { try await get(["doctor"]) }

    public func emergencies() async throws -> [EmergencyView] {
        let list: ListView<EmergencyView> = try await get(["emergencies"])
        return list.items
    }

    public func review(_ rollout: RolloutID, _ request: EmergencyReviewRequest) async throws -> EmergencyView {
        try await post(["emergencies", rollout.text, "review"], request)
    }
}
