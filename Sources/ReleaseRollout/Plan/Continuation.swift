import ReleaseDefinition

extension Rollout {
    /// Of a continuous rollout: the release that is to start after it by itself, the newest; nil: none, or not yet.
    ///
    /// A person's stop, abort, pause or halt holds the channel; what the engine halted or backed out, a newer release mends.
    /// - Parameter releases: those that may go where this one went: approved, not revoked.
    public func successor(among releases: [ReleaseName]) -> ReleaseName? {
        guard let definition = plan?.definition, definition.strategy.isContinuous, holdsNoPerson else { return nil }
        // Never back: the floor is what has gone before.
        return releases.filter {
            $0.product == definition.release.product && $0.version > definition.release.version
        }.max { $0.version < $1.version }
    }

    private var holdsNoPerson: Bool {
        switch state {
        case .running, .baking, .ended(.succeeded, _), .ended(.superseded, _): true
        case .paused(let held), .halted(let held):
            if case .backingOut = held.of {
                false
            } else {
                held.reason.by == nil && held.reason.code != .awaitsPromotion
            }
        case .ended(.backedOut(let reason), _), .ended(.failed(let reason), _), .ended(.stopped(let reason), _):
            reason.by == nil
        // What goes back is let go back first.
        case .planned, .stopping, .backingOut: false
        }
    }
}

extension RolloutPlan {
    /// An older release of the same continuous rollout: the newest wins.
    public func follows(_ other: RolloutPlan) -> Bool {
        guard definition.strategy.isContinuous else { return false }
        var older = other.definition
        older.release = definition.release
        return older == definition && other.definition.release.version < definition.release.version
    }
}
