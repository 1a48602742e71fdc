import AgentProtocol
import ReleaseDefinition
import ReleaseRollout

/// A host as it behaves: carries out each order once, says each step and one final word, keeps what it could not say.
struct ModelHost {
    let id: HostID
    let phase: Int
    let delivery: DeliveryMode
    let checkInterval: TimeSpan
    let before: ReleaseName?
    var running: ReleaseName?
    var isSlow = false
    var isEphemeral = false
    /// Reaches the network.
    var isReachable = true
    /// Vanished for good.
    var isDead = false
    /// Its stream to the controller that runs now is open.
    var isConnected = false
    /// Rises with each connection: what was under way on an older one is lost.
    var connection = 0
    /// Orders taken up, for ever; a second hearing of one has no effect.
    var known: Set<OrderID> = []
    var counterMax = 0
    /// When it stops what runs for an order: until then it can drop it.
    var stopsAt: [OrderID: UTCInstant] = [:]
    var dropped: Set<OrderID> = []
    /// Reports that were not acknowledged yet.
    var queue: [RolloutCommand] = []
    /// One activation at a time.
    var busyUntil: UTCInstant
    /// How often the release came onto it.
    var installs = 0
    var finalWords = 0

    init(_ host: PlanHost, phase: Int, at: UTCInstant) {
        id = host.id
        self.phase = phase
        delivery = host.delivery
        checkInterval = host.checkInterval ?? .minutes(5)
        before = host.running
        running = host.running
        busyUntil = at
    }

    /// Told to drop an order. Also one that it never heard of: then it will not take it up any more.
    /// - Returns: its word; nil: it has stopped what ran before, or is done, and goes on.
    mutating func drop(_ order: OrderID, _ plan: RolloutPlan, at now: UTCInstant) -> RolloutCommand? {
        if !known.insert(order).inserted {
            guard let stop = stopsAt[order], now < stop else { return nil }
        }
        guard dropped.insert(order).inserted else { return nil }
        busyUntil = min(busyUntil, now)
        finalWords += 1
        let word = running.map { InstalledRelease(release: $0, manifest: plan.manifest, isHealthy: true) }
        return .outcome(
            id, OrderOutcome(order: order, release: plan.definition.release, outcome: .cancelled, running: word))
    }

    /// What the order does, and the host's word on it.
    mutating func carryOut(_ order: OrderID, _ planned: HostOutcome, _ plan: RolloutPlan) -> RolloutCommand {
        let release = plan.definition.release
        var outcome = planned
        switch (order.action, planned) {
        case (.install, _) where running == release: outcome = .alreadyCurrent
        case (.install, .succeeded):
            running = release
            installs += 1
        case (.install, .backOutFailed): running = release
        case (.backOut, _) where running != release: outcome = .alreadyCurrent
        case (.backOut, .backedOut): running = before
        default: break
        }
        finalWords += 1
        let word = running.map { InstalledRelease(release: $0, manifest: plan.manifest, isHealthy: true) }
        return .outcome(id, OrderOutcome(order: order, release: release, outcome: outcome, running: word))
    }
}
