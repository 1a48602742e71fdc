/// What the rules ask about the hosts of a phase, kept up to date with every change of one: numbers, and where to look.
struct PhaseStatistics: Sendable, Equatable {
    var tally = PhaseTally()
    /// Has an order of either kind out, or is about to.
    var busy = 0
    /// An order is out, or a back-out is not ended.
    var unfinished = 0
    /// Failed, and may be taken back.
    var toTakeBack = 0
    var backOut = BackOut()
    /// Could not go back to what it ran before, by itself or by order.
    var notBackedOut = 0

    /// The first place that may hold a host to start; the first that may hold one to take back.
    var firstToStart: Int
    var firstToTakeBack: Int

    /// Of hosts whose back-out is wanted, under way or ended.
    struct BackOut: Sendable, Equatable {
        var hosts = 0
        var inTurn = 0
        /// Open; a host that went out of contact proves nothing, the wave does not wait for it.
        var open = 0
        var awaited = 0
        /// It showed that going back works.
        var proofs = 0
        /// Could not be taken back, and nobody resumed in the face of it.
        var failed = 0
        /// Of these, those that had said a word about the release.
        var inTurnHeard = 0
        var awaitedHeard = 0
    }

    init(first: Int) {
        firstToStart = first
        firstToTakeBack = first
    }

    /// `count`: 1 or −1.
    mutating func add(_ host: HostRecord, _ count: Int) {
        let verdict = host.verdict
        tally.add(verdict, isAcknowledged: host.acknowledged == verdict, count)
        if host.isNotBackedOut { notBackedOut += count }
        let isOpen = host.install.isOpen
        guard let order = host.backOut else {
            if isOpen { (busy, unfinished) = (busy + count, unfinished + count) }
            if verdict == .failed, host.canBackOut { toTakeBack += count }
            return
        }
        if isOpen || order.isOpen { busy += count }
        if isOpen || !order.isEnded { unfinished += count }
        backOut.add(host, order, count)
    }
}

extension PhaseStatistics.BackOut {
    fileprivate mutating func add(_ host: HostRecord, _ order: OrderState, _ count: Int) {
        hosts += count
        let isHeard = host.presence != .unheard
        if host.isInTurnForBackOut {
            inTurn += count
            if isHeard { inTurnHeard += count }
        }
        if order.isOpen {
            open += count
            if !host.isOutOfContact {
                awaited += count
                if isHeard { awaitedHeard += count }
            }
        }
        if host.provesBackOut { proofs += count }
        if host.backOutSucceeded == false, !host.isBackOutFailureAcknowledged { failed += count }
    }
}

extension HostRecord {
    /// Waits for a place to install.
    var isInTurn: Bool { install.isWaitingInTurn && !isOutOfContact && backOut == nil }

    var isInTurnForBackOut: Bool { backOut?.isWaitingInTurn == true && install.isEnded && !isOutOfContact }
}
