import ReleaseDefinition

/// Who is meant, in an assignment of bounded size (semantics 6): hosts are named one by one as long as they are few; many
/// are meant by a bound of their buckets, which engine and host compute alike, with few exceptions either way.
extension ChannelView {
    /// - Parameter hosts: those that pull.
    /// - Parameter isOfAll: the rollout means every host. A bound means hosts that the engine does not know as well: that of
    ///   a part of the hosts would mean the other part.
    /// - Parameter isIndifferent: of those named: leaving it out does no harm.
    init(
        order: OrderID, naming hosts: [HostRecord], isOfAll: Bool, isNamed: (HostRecord) -> Bool,
        isIndifferent: (HostRecord) -> Bool
    ) {
        let named = hosts.filter(isNamed)
        guard named.count > Self.namedMax else {
            self.init(order: order, included: named.map(\.id))
            return
        }
        guard isOfAll else {
            self.init(order: order, naming: named, isIndifferent: isIndifferent)
            return
        }
        let sorted = hosts.sorted { $0.bucket < $1.bucket }
        let exact = Self.cut(sorted, isNamed: isNamed) { _ in false }
        let cut = exact.excess == 0 ? exact : Self.cut(sorted, isNamed: isNamed, isIndifferent: isIndifferent)
        let bound = cut.count < sorted.count ? Int64(sorted[cut.count].bucket) : HostBucket.everyoneBound - 1
        let isFree = exact.excess == 0 ? { _ in false } : isIndifferent
        var included: [HostID] = []
        var excluded: [HostID] = []
        for host in sorted {
            let isBelow = Int64(host.bucket) < bound
            if isNamed(host) {
                if !isBelow, !isFree(host) { included.append(host.id) }
            } else if isBelow {
                excluded.append(host.id)
            }
        }
        // What cannot be said in one assignment is said when others are done: nobody starts who may not.
        guard excluded.count <= Self.namedMax else {
            self.init(order: order, naming: named, isIndifferent: isIndifferent)
            return
        }
        self.init(order: order, included: Array(included.prefix(Self.namedMax)), excluded: excluded, bound: bound)
    }

    /// As many as may be named, those first that were in reach.
    private init(order: OrderID, naming named: [HostRecord], isIndifferent: (HostRecord) -> Bool) {
        let wanted = named.filter { !isIndifferent($0) }
        let isOut = { (host: HostRecord) in host.install == .ended(.offline) || host.backOut == .ended(.offline) }
        let ordered = wanted.filter { !isOut($0) } + wanted.filter(isOut)
        self.init(order: order, included: ordered.prefix(Self.namedMax).map(\.id))
    }

    /// Below how many of the sorted hosts the bound is drawn, for the fewest exceptions, and how many of these are more
    /// than may be named.
    private static func cut(
        _ sorted: [HostRecord], isNamed: (HostRecord) -> Bool, isIndifferent: (HostRecord) -> Bool
    ) -> (count: Int, excess: Int) {
        var above = sorted.count { isNamed($0) && !isIndifferent($0) }
        var below = 0
        func excess() -> Int { max(0, above - namedMax) + max(0, below - namedMax) }
        var best = (count: 0, excess: excess(), exceptions: above)
        for (index, host) in sorted.enumerated() {
            if !isNamed(host) { below += 1 } else if !isIndifferent(host) { above -= 1 }
            // Hosts of one bucket are on one side.
            if index + 1 < sorted.count, sorted[index + 1].bucket == host.bucket { continue }
            let now = (count: index + 1, excess: excess(), exceptions: above + below)
            if (now.excess, now.exceptions) < (best.excess, best.exceptions) { best = now }
        }
        return (best.count, best.excess)
    }
}
