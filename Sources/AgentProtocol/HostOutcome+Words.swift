extension HostOutcome {
    /// For people: one cell of a table.
    public var words: String {
        switch self {
        case .succeeded: "succeeded"
        case .alreadyCurrent: "already current"
        case .failed(let failure): "failed (\(failure.rawValue))"
        case .backedOut(let failure): "backed out" + (failure.map { " (\($0.rawValue))" } ?? "")
        case .backOutFailed: "back-out failed"
        case .skipped(let reason): "skipped (\(reason))"
        case .offline: "offline"
        case .gone: "gone"
        case .silent: "silent"
        case .cancelled: "cancelled"
        case .superseded: "superseded"
        }
    }
}
