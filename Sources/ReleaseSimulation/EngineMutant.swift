import ReleaseRollout

/// An engine that is wrong in one way, for the check of the model check: what it is told, what it keeps in mind or the plan
/// it goes by is changed. Only tests make one.
struct EngineMutant: Sendable {
    var name: String
    var plan: @Sendable (inout RolloutPlan) -> Void = { _ in }
    /// nil: the engine forgets it.
    var event: @Sendable (RolloutEvent) -> RolloutEvent? = { $0 }
}
