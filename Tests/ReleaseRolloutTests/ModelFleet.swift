import AgentProtocol
import ReleaseDefinition
import ReleaseRollout

/// Hosts as they behave: each carries out an order once, reports in order, may be cut off, may vanish for good.
struct ModelFleet {
    struct Host {
        let id: HostID
        let delivery: DeliveryMode
        let before: ReleaseName?
        var running: ReleaseName?
        var isOnline = true
        var isDead = false
        /// Orders taken up, for ever; a second hearing of one has no effect.
        var known: Set<OrderID> = []
        var counterMax = 0
        /// Reports that wait for contact.
        var queue: [RolloutCommand] = []
        var installs = 0
        /// One activation at a time.
        var busyUntil: UTCInstant
    }

    enum Happening {
        case report(Int, RolloutCommand)
        case effect(Int, OrderID, HostOutcome)
        case offline(Int), online(Int), dies(Int), check(Int)
        case verb
    }

    var hosts: [Host]
    private(set) var agenda: [(at: UTCInstant, what: Happening)] = []

    init(_ plan: RolloutPlan) {
        hosts = plan.hosts.map {
            Host(id: $0.id, delivery: $0.delivery, before: $0.running, running: $0.running, busyUntil: Driver.start)
        }
    }

    mutating func schedule(_ at: UTCInstant, _ what: Happening) { agenda.append((at, what)) }
    var nextAt: UTCInstant? { agenda.map(\.at).min() }

    /// The first of the earliest, so that one host's reports keep their order.
    mutating func takeNext() -> Happening? {
        guard let at = nextAt, let index = agenda.firstIndex(where: { $0.at == at }) else { return nil }
        return agenda.remove(at: index).what
    }

    func place(of id: HostID) -> Int? { hosts.firstIndex { $0.id == id } }

    /// A host hears an order: its reports and the effect are put on the agenda.
    mutating func hear(
        _ order: OrderID, counter: Int, host: Int, at now: UTCInstant, failurePercent: Int, choice: inout SeededChoice
    ) {
        guard !hosts[host].isDead, !hosts[host].known.contains(order), counter >= hosts[host].counterMax else { return }
        hosts[host].known.insert(order)
        hosts[host].counterMax = counter
        let begin = max(now, hosts[host].busyUntil)
        let end = begin + .milliseconds(Int64(choice.number(100..<20_000)))
        hosts[host].busyUntil = end
        let outcome: HostOutcome
        switch order.action {
        case .install:
            let failed = choice.one([
                HostOutcome.backedOut(.health), .backedOut(.health), .failed(.install), .failed(.preflight),
                .backOutFailed, .skipped("pinned"),
            ])
            outcome = choice.chance(failurePercent) ? failed : .succeeded
        case .backOut: outcome = choice.chance(5) ? .backOutFailed : .backedOut(nil)
        }
        for (index, step) in [InstallationStep.received, .switched].enumerated() {
            schedule(
                begin + .milliseconds(Int64(index * 50)),
                .report(
                    host,
                    .progress(
                        hosts[host].id,
                        OrderProgress(
                            order: order, release: Fixture.release, step: order.action == .install ? step : .backingOut)
                    )))
        }
        schedule(end, .effect(host, order, outcome))
    }

    /// What the order does, and what the host says about it.
    mutating func carryOut(_ order: OrderID, _ planned: HostOutcome, host: Int) -> RolloutCommand? {
        guard !hosts[host].isDead else { return nil }
        var outcome = planned
        switch (order.action, outcome) {
        case (.install, _) where hosts[host].running == Fixture.release: outcome = .alreadyCurrent
        case (.install, .succeeded):
            hosts[host].running = Fixture.release
            hosts[host].installs += 1
        case (.install, .backOutFailed): hosts[host].running = Fixture.release
        case (.backOut, _) where hosts[host].running != Fixture.release: outcome = .alreadyCurrent
        case (.backOut, .backedOut): hosts[host].running = hosts[host].before
        default: break
        }
        let running = hosts[host].running.map {
            InstalledRelease(release: $0, manifest: Fixture.manifest, isHealthy: true)
        }
        return .outcome(
            hosts[host].id,
            OrderOutcome(order: order, release: Fixture.release, outcome: outcome, running: running))
    }
}
