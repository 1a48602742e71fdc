import AgentProtocol
import ReleaseDefinition

/// What this host knows about one product: what runs, what it could return to, and what it must refuse.
public struct ProductRecord: Sendable, Equatable, Codable {
    public var product: ProductName
    /// What the links show once nothing is in progress; nil: nothing.
    public var current: HostRelease?
    /// On this host's disk, in the order they were last committed or staged: newest first.
    public var releases: [KeptRelease]
    /// The highest counter of an assignment that was taken up; a lower one is a replay.
    public var counter: Int64
    /// Manifests that may not be installed, nor returned to. What runs goes on.
    public var revoked: [SHA256Digest]
    /// The counter of the assignment that said so; an older one does not change it.
    public var revocationCounter: Int64
    /// The director's keys when the highest counter was accepted; nil: of an agent that did not note it.
    public var director: [String]?
    /// Set by a failed back-out: nothing is installed until a person unlocks the product.
    public var lockedBy: OrderID?
    /// How many releases to keep, from the running release's manifest.
    public var keep: Int
    /// Of units with `parallel`: the slot that serves. nil: no unit has any.
    public var slots: [String: SlotName]?
    /// Releases that go on in the other slot for a while, by unit.
    public var warm: [String: WarmService]?

    public init(product: ProductName) {
        self.product = product
        current = nil
        releases = []
        counter = 0
        revoked = []
        revocationCounter = 0
        lockedBy = nil
        keep = BackOutSettings().keep
        slots = nil
        warm = nil
    }

    /// None of the keys that were known speaks for the director any more: whoever stole one may have driven the counter up,
    /// and what he signed counts for nothing now. One that was only added leaves the protection against replay in place.
    func isReplaced(by director: [String]) -> Bool {
        self.director.map { Set($0).isDisjoint(with: director) } ?? false
    }

    mutating func follow(_ director: [String]) {
        if isReplaced(by: director) { (counter, revocationCounter) = (0, 0) }
        self.director = director
    }

    /// Of units that serve from a slot.
    var slotsByUnit: [UnitName: SlotName] {
        var found: [UnitName: SlotName] = [:]
        for (name, slot) in slots ?? [:] { if let unit = try? UnitName(name) { found[unit] = slot } }
        return found
    }

    /// The slots of an order that is done: those of the new release, or after a back-out those of the old one.
    mutating func takeSlots(_ changes: [UnitChange], isBack: Bool, _ task: InstallationTask, at now: UTCInstant) {
        for change in changes {
            let (name, parallel) = (change.unit.text, change.parallel)
            let serving = isBack ? parallel?.old : parallel?.new
            if slots != nil || serving != nil { slots = (slots ?? [:]).merging([name: serving]) }
            var kept: WarmService?
            if !isBack, let parallel, parallel.isBeside, let slot = parallel.old, let from = task.from {
                kept = WarmService(release: from, slot: slot, order: task.order, until: now + parallel.warm)
            }
            if warm != nil || kept != nil { warm = (warm ?? [:]).merging([name: kept]) }
        }
        if slots?.isEmpty == true { slots = nil }
        if warm?.isEmpty == true { warm = nil }
    }

    /// What was kept running there ends when the new release takes its slot, and is not back when that goes.
    mutating func giveSlot(to change: UnitChange) {
        guard let slot = change.parallel?.new, warm?[change.unit.text]?.slot == slot else { return }
        warm?[change.unit.text] = nil
        if warm?.isEmpty == true { warm = nil }
    }

    /// What a back-out returns to: the newest release that was proved healthy here, is not the running one and is not
    /// revoked. A release that failed is never returned to (R12).
    public func lastGood(before release: HostRelease?) -> HostRelease? {
        releases.first { $0.standing == .good && $0.release != release && !revoked.contains($0.release.manifest) }?
            .release
    }

    /// What runs may not be installed any more.
    public var isRevoked: Bool { current.map { revoked.contains($0.manifest) } ?? false }

    /// Set where only a revocation keeps the running release from having a way back: without it a back-out would leave
    /// the host with nothing.
    var revokedWayBack: HostRelease? {
        guard lastGood(before: current) == nil else { return nil }
        return releases.first { $0.standing == .good && $0.release != current }?.release
    }

    /// Never deleted, whatever else is.
    public var protected: Set<HostRelease> {
        var kept: Set<HostRelease> = []
        if let current { kept.insert(current) }
        if let good = lastGood(before: current) { kept.insert(good) }
        for one in (warm ?? [:]).values { kept.insert(one.release) }
        return kept
    }

    mutating func note(_ release: HostRelease, _ standing: KeptRelease.Standing) {
        releases.removeAll { $0.release == release }
        releases.insert(KeptRelease(release: release, standing: standing), at: 0)
    }
}

extension Dictionary {
    /// nil takes a key away.
    fileprivate func merging(_ changes: [Key: Value?]) -> Self {
        var merged = self
        for (key, value) in changes { merged[key] = value }
        return merged
    }
}

/// A release that does not serve any more and goes on, so that going back to it starts nothing.
public struct WarmService: Sendable, Equatable, Codable {
    public var release: HostRelease
    public var slot: SlotName
    /// The order that left it.
    public var order: OrderID
    public var until: UTCInstant
}

/// A release folder on this host and what is known of it.
public struct KeptRelease: Sendable, Equatable, Codable {
    public enum Standing: String, Sendable, Codable, CaseIterable {
        /// Its folder may be complete or not; it never was healthy here.
        case staged
        /// It was committed: every check passed for the minimum healthy time.
        case good
        /// It was backed out.
        case failed
    }

    public var release: HostRelease
    public var standing: Standing

    public init(release: HostRelease, standing: Standing) {
        self.release = release
        self.standing = standing
    }
}

/// An order that has its final word.
public struct FinishedOrder: Sendable, Equatable, Codable {
    public var order: OrderID
    public var release: ReleaseName
    public var outcome: HostOutcome
    public var at: UTCInstant
    public var failure: InstallationFailure?
    /// Why what ran before was not healthy before anything was stopped; nil: it was.
    public var unhealthyBefore: String?
    /// The sequence of the report that says so; nil: none does, or an earlier version of the agent wrote it.
    public var reported: Int64?

    public init(
        order: OrderID, release: ReleaseName, outcome: HostOutcome, at: UTCInstant, failure: InstallationFailure?,
        unhealthyBefore: String? = nil
    ) {
        self.order = order
        self.release = release
        self.outcome = outcome
        self.at = at
        self.failure = failure
        self.unhealthyBefore = unhealthyBefore
    }
}
