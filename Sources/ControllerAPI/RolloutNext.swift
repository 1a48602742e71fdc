extension RolloutView {
    /// What an operator types next, as one command; nil: nothing is asked of anybody.
    public var nextCommand: String? {
        if state.isFinal, stillRunning?.isEmpty == false { return "slipway doctor" }
        switch state {
        case .running, .stopping, .backingOut: return "slipway rollout watch \(id)"
        // It says which of resume, promote, back-out and abort fit.
        case .paused, .halted: return "slipway rollout why \(id)"
        case .backOutFailed: return "slipway doctor"
        case .stopped: return "slipway rollout back-out \(id) --reason REASON"
        case .superseded: return successor.map { "slipway rollout watch \($0)" }
        case .backedOut where hosts.contains { $0.evidence != nil }:
            return "slipway release submit FOLDER, corrected and newer than \(release.version)"
        case .backedOut, .succeeded: return nil
        }
    }
}
