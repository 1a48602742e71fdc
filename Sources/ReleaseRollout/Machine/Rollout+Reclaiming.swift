import ReleaseDefinition

/// A release is taken back by the rollout that brought it, also after a newer rollout had the host: where that one brought
/// nothing (the same release again, or it ended before the host's turn), nobody else could (semantics 5).
extension Rollout {
    /// Whether a back-out of this rollout would reach the host, once it is reclaimed where that is needed.
    public func canTakeBack(_ id: HostID) -> Bool {
        guard let host = record(id) else { return false }
        if isRetired { return host.canBeReclaimed }
        if let backOut = host.backOut, !backOut.isEnded { return true }
        return host.canBackOut || host.canRetryBackOut || host.presence.isOurs && !host.install.isEnded
    }

    /// The host ran the release before this rollout, which did not bring it.
    public func hadRelease(_ id: HostID) -> Bool { record(id)?.presence == .before }

    /// It was told to go back, and does when it is in contact again.
    public func awaitsBackOut(_ id: HostID) -> Bool {
        !isRetired && record(id)?.backOut == .ended(.offline)
    }

    /// Of one that was superseded: hosts it took back again are under way.
    public var isTakingBack: Bool { reclaims && hosts.contains { $0.backOut?.isEnded == false } }

    /// It may bring its release to the host yet: its order is out, or stands for when the host is back.
    public func mayInstall(_ id: HostID) -> Bool {
        guard successor == nil, let host = record(id), host.backOut == nil else { return false }
        switch state {
        case .planned: return false
        case .ended(.succeeded, _): return !host.install.isEnded || host.isAbsentForNow
        case .running, .baking, .paused, .halted, .stopping, .backingOut: return true
        case .ended: return host.install.isInFlight
        }
    }

    func reclaim(_ ids: [HostID]) -> [RolloutFact] {
        guard successor != nil else { return [] }
        let own = ids.filter { id in
            guard let host = record(id), host.canBeReclaimed else { return false }
            return isRetired || !host.presence.isOurs && (host.backOut == nil || host.backOut == .ended(.superseded))
        }
        return own.isEmpty ? [] : [.hostsReclaimed(hosts: own)]
    }

    mutating func takeOver(_ ids: [HostID]) {
        guard let release = frozen?.value.definition.release else { return }
        if isRetired { updateAll { $0.giveUp() } }
        reclaims = true
        let word = words.shared(HostWord(running: release))
        for id in ids { update(id) { $0.reclaim(word) } }
    }
}

extension HostRecord {
    /// It runs the release as the controller knows; whether it can be taken back once more.
    fileprivate var canBeReclaimed: Bool {
        presence != .before && install.outcome != .backOutFailed && backOutSucceeded != false
    }

    /// A newer rollout has it.
    fileprivate mutating func giveUp() {
        endCancelling()
        if !install.isEnded { install = .ended(.superseded) }
        if backOut?.isEnded == false { backOut = .ended(.superseded) }
        if presence != .before { presence = .absent }
    }

    fileprivate mutating func reclaim(_ word: HostWord) {
        install = .ended(.succeeded)
        presence = .present
        self.word = word
        guard backOut != nil else { return }
        backOut = nil
        backOutAttempt += 1
        hasBackOutWord = false
        wasOrderedBack = false
    }
}
