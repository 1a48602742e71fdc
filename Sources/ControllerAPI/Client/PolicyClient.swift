import ReleaseDefinition

extension ControllerClient {
    public func policy(_ version: Int? = nil) async throws -> PolicyView {
        try await get(["policy"] + (version.map { ["versions", String($0)] } ?? []))
    }

    public func policies() async throws -> [PolicyView] {
        try await all(["policy", "versions"])
    }

    /// - Parameter version: what it takes the place of; where another is in force meanwhile it is refused. nil: of any.
    public func applyPolicy(_ request: PolicyRequest, over version: Int? = nil) async throws -> PolicyView {
        guard let version else { return try await post(["policy"], request) }
        let (current, tag): (PolicyView, String?) = try await getTagged(["policy"])
        // Of another version no tag matches: the controller says what is there.
        return try await post(
            ["policy"], request, ifMatch: current.version == version ? tag : "\"version \(version)\"")
    }

    public func checkPolicy(_ request: PolicyRequest) async throws -> PolicyCheckView {
        try await post(["policy", "checks"], request)
    }

    public func overridePolicy(_ request: PolicyOverrideRequest) async throws -> PolicyOverrideView {
        try await post(["policy", "overrides"], request)
    }

    public func policyOverrides() async throws -> [PolicyOverrideView] {
        try await all(["policy", "overrides"])
    }
}
