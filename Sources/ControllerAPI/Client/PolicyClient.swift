import ReleaseDefinition

extension ControllerClient {
    public func policy(_ version: Int? = nil) async throws -> PolicyView {
        try await get(["policy"] + (version.map { ["versions", String($0)] } ?? []))
    }

    public func policies() async throws -> [PolicyView] {
        let list: ListView<PolicyView> = try await get(["policy", "versions"])
        return list.items
    }

    public func applyPolicy(_ request: PolicyRequest) async throws -> PolicyView { try await post(["policy"], request) }

    public func checkPolicy(_ request: PolicyRequest) async throws -> PolicyCheckView {
        try await post(["policy", "checks"], request)
    }

    public func overridePolicy(_ request: PolicyOverrideRequest) async throws -> PolicyOverrideView {
        try await post(["policy", "overrides"], request)
    }

    public func policyOverrides() async throws -> [PolicyOverrideView] {
        let list: ListView<PolicyOverrideView> = try await get(["policy", "overrides"])
        return list.items
    }
}
