import ReleaseDefinition

extension Rollout {
    var isContinuous: Bool { frozen?.value.definition.strategy.isContinuous == true }

    /// Of a continuous rollout: the release that is to start after it by itself, the newest; nil: none, or not yet.
    ///
    /// A person's stop, abort, pause, halt or back-out holds the channel until a person lifts it; what the engine halted or
    /// backed out, a newer release mends.
    /// - Parameter releases: those that may go where this one went: approved, not revoked.
    public func successor(among releases: [ReleaseName]) -> ReleaseName? {
        guard let definition = plan?.definition, definition.strategy.isContinuous, channelHold == nil, mayBeFollowed
        else { return nil }
        // Never back: the floor is what has gone before.
        return releases.filter {
            $0.product == definition.release.product && $0.version > definition.release.version
        }.max { $0.version < $1.version }
    }

    private var mayBeFollowed: Bool {
        switch state {
        case .running, .baking, .ended: true
        case .paused(let held), .halted(let held):
            if case .backingOut = held.of {
                false
            } else {
                // A freeze's halt ends with a person's word, the freeze itself holds every start.
                held.reason.by == nil && held.reason.code != .awaitsPromotion
            }
        // What goes back is let go back first.
        case .planned, .stopping, .backingOut: false
        }
    }

    /// A verb on a channel that has nothing in flight, or that the engine halted. What one person held stays that person's.
    func holdChannel(_ reason: StatusReason) -> [RolloutFact] {
        channelHold == nil ? [.channelHeld(reason: reason)] : []
    }

    /// Whatever a person says to stop a continuous rollout holds what would follow it, however that rollout ends.
    mutating func noteChannelHold(_ fact: RolloutFact) {
        guard isContinuous else { return }
        switch fact {
        case .paused(let reason), .halted(let reason), .stopping(let reason), .backOutStarted(_, _, let reason),
            .hostBackOutStarted(_, let reason), .ended(.failed(let reason)), .channelHeld(let reason):
            if reason.by != nil, reason.code != .operatorFroze { channelHold = reason }
        // A back-out that goes on brings no newer release.
        case .resumed: if !isBackingOut { channelHold = nil }
        case .promoted, .channelReleased: channelHold = nil
        default: break
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
