import AgentProtocol
import ReleaseDefinition
import ReleaseRollout
import Testing

/// The engine with a model fleet: what must hold whatever happens to the hosts (faults.md, invariants of the engine).
@Suite("Random fleets")
struct FleetTests {
    @Test("Every rollout ends, touches no more hosts than it may, and knows who has a revoked release")
    func fleets() throws {
        var ends: [String: Int] = [:]
        for seed in 0..<200 {
            var world = try FleetWorld(seed: UInt64(seed))
            try world.run()
            ends[world.view.state, default: 0] += 1
        }
        // The worlds are varied enough to reach every end.
        for end in ["succeeded", "backedOut", "stopped", "failed"] {
            #expect(ends[end, default: 0] > 0, "\(end): \(ends)")
        }
    }

    @Test("A healthy fleet under a good release always succeeds, by push and by pull")
    func healthy() throws {
        for seed in 0..<60 {
            var world = try FleetWorld(seed: 50_000 + UInt64(seed), isCalm: true)
            try world.run()
            #expect(world.view.state == "succeeded", "seed \(seed)")
            #expect(world.fleet.hosts.allSatisfy { $0.running == Fixture.release }, "seed \(seed)")
        }
    }

    @Test("R27: hosts that come and go in mid-phase never make it touch more hosts than planned")
    func reconnects() throws {
        for seed in 0..<60 {
            var world = try FleetWorld(seed: 90_000 + UInt64(seed), cutsPercent: 90)
            try world.run()
        }
    }
}

private struct FleetWorld {
    let seed: UInt64
    var choice: SeededChoice
    var fleet: ModelFleet
    var rollout = Rollout()
    var now = Driver.start
    var log: [RolloutEvent] = []
    let plan: RolloutPlan
    let failurePercent: Int
    let isCalm: Bool
    /// The channel as hosts see it, with the counter of its assignment.
    var channel: (view: ChannelView, counter: Int)?
    var counter = 0
    var isHeld = false
    var uninvited: Set<HostID> = []
    var isActionDue = true

    init(seed: UInt64, isCalm: Bool = false, cutsPercent: Int = 30) throws {
        self.seed = seed
        self.isCalm = isCalm
        choice = SeededChoice(seed: seed)
        let plan = isCalm ? try Self.calmPlan(&choice) : try choice.plan()
        self.plan = plan
        fleet = ModelFleet(plan)
        failurePercent = isCalm ? 0 : choice.one([0, 3, 10, 40, 90])
        for (index, host) in fleet.hosts.enumerated() {
            if host.delivery == .pull { fleet.schedule(now + .seconds(1), .check(index)) }
            if isCalm { continue }
            for _ in 0..<3 where choice.chance(cutsPercent) {
                let cut = now + .seconds(Int64(choice.number(0..<600)))
                fleet.schedule(cut, .offline(index))
                fleet.schedule(cut + .seconds(Int64(choice.number(1..<1200))), .online(index))
            }
            if choice.chance(8) { fleet.schedule(now + .seconds(Int64(choice.number(0..<300))), .dies(index)) }
        }
        if !isCalm {
            for _ in 0..<choice.number(0..<4) { fleet.schedule(now + .seconds(Int64(choice.number(0..<900))), .verb) }
        }
        for host in fleet.hosts where host.delivery == .push { try take(.contact(host.id, .online)) }
        try take(.start(plan, by: "eva"))
    }

    private static func calmPlan(_ choice: inout SeededChoice) throws -> RolloutPlan {
        let count = choice.number(1..<25)
        let hosts = (0..<count).map { Fixture.host("h\($0)", pulls: choice.chance(40), checkInterval: .seconds(30)) }
        return try Fixture.plan(
            choice.one([.bigBang, .phasedByDefault, Fixture.pilotThenAll(bake: .seconds(9))]), hosts: hosts)
    }

    var view: RolloutView {
        guard let view = rollout.view else { preconditionFailure("not started") }
        return view
    }

    mutating func run() throws {
        var rounds = 0
        while true {
            if isActionDue { try carryOutActions() }
            // Pulling hosts look for ever; once nothing else is left the world has ended.
            let isOver = rollout.isOver && rollout.nextDeadlineAt == nil && !fleet.agenda.contains { $0.what.isNews }
            if isOver { break }
            guard let at = [fleet.nextAt, rollout.nextDeadlineAt].compactMap(\.self).min() else { break }
            now = max(now, at)
            if let next = fleet.nextAt, next <= now, let what = fleet.takeNext() {
                try happen(what)
            } else {
                try take(.tick)
            }
            rounds += 1
            try #require(
                rounds < 60_000, "seed \(seed) does not end: \(view.state), \(String(describing: view.reason))")
        }
        try expectEnd()
    }

    private mutating func happen(_ what: ModelFleet.Happening) throws {
        switch what {
        case .report(let host, let command): try say(command, host: host)
        case .effect(let host, let order, let outcome):
            if let command = fleet.carryOut(order, outcome, host: host) { try say(command, host: host) }
        case .offline(let host): try setOnline(host, false)
        case .online(let host): try setOnline(host, true)
        case .dies(let host):
            fleet.hosts[host].isDead = true
            try setOnline(host, false)
        case .check(let host):
            guard !fleet.hosts[host].isDead else { return }
            // Slower while nobody is awaited, so that a day of a halt does not take thousands of checks.
            let interval = plan.hosts[host].checkInterval ?? .seconds(30)
            fleet.schedule(
                now + (isAwaited ? min(max(interval, .seconds(10)), .minutes(1)) : .minutes(15)), .check(host))
            guard fleet.hosts[host].isOnline, let channel else { return }
            let id = fleet.hosts[host].id
            let isNamed =
                channel.view.included.contains(id) || (channel.view.everyone && !channel.view.excluded.contains(id))
            if isNamed { hear(channel.view.order, counter: channel.counter, host: host) }
        case .verb: try take(choice.verb(plan.hosts.map(\.id)))
        }
    }

    private var isAwaited: Bool {
        switch rollout.state {
        case .running, .backingOut, .stopping: true
        case .planned, .baking, .paused, .halted, .ended: false
        }
    }

    private mutating func say(_ command: RolloutCommand, host: Int) throws {
        guard !fleet.hosts[host].isDead else { return }
        guard fleet.hosts[host].isOnline else { return fleet.hosts[host].queue.append(command) }
        try take(command)
        // Not acknowledged in time, so it comes again.
        if !isCalm, choice.chance(10) {
            fleet.schedule(now + .seconds(Int64(choice.number(0..<60))), .report(host, command))
        }
    }

    private mutating func setOnline(_ host: Int, _ online: Bool) throws {
        if online, fleet.hosts[host].isDead { return }
        fleet.hosts[host].isOnline = online
        if fleet.hosts[host].delivery == .push { try take(.contact(fleet.hosts[host].id, online ? .online : .offline)) }
        isActionDue = true
        guard online else { return }
        let queue = fleet.hosts[host].queue
        fleet.hosts[host].queue = []
        for command in queue { try take(command) }
        for order in rollout.outstandingOrders(for: fleet.hosts[host].id) { hear(order, counter: counter, host: host) }
    }

    private mutating func hear(_ order: OrderID, counter: Int, host: Int) {
        fleet.hear(order, counter: counter, host: host, at: now, failurePercent: failurePercent, choice: &choice)
    }

    private mutating func carryOutActions() throws {
        isActionDue = false
        for action in rollout.pendingActions(at: now) {
            counter += 1
            switch action {
            case .revoke: try take(.revocationPublished)
            case .switchTraffic(let order): try take(.trafficBegun(order))
            case .cancelOrder(let id, let order): try take(.cancelSent(id, order))
            case .publishChannel(let view):
                channel = (view, counter)
                try take(.channelPublished(view))
            case .judgeGate(let phase, let gate, let round):
                try take(.gateJudged(gate, phase: phase, round: round, GateJudgement(.pass, "x")))
            case .sendOrder(let id, let order):
                guard let host = fleet.place(of: id), fleet.hosts[host].isOnline else { continue }
                hear(order, counter: counter, host: host)
                try take(.orderSent(id, order))
            }
        }
    }

    private mutating func take(_ command: RolloutCommand) throws {
        let events: [RolloutEvent]
        do {
            events = try rollout.decide(command, at: now)
        } catch {
            #expect(error.code.hasPrefix("rollout.verb."), "seed \(seed)")
            return
        }
        for event in events {
            noteUninvited(event)
            rollout.apply(event)
            log.append(event)
            try check(event)
        }
        isActionDue = isActionDue || !events.isEmpty
        if let next = rollout.nextDeadlineAt { #expect(next > now, "seed \(seed): left due after \(command)") }
    }

    /// A host may begin by an offer that was withdrawn before it said so: it is under way without a place.
    private mutating func noteUninvited(_ event: RolloutEvent) {
        guard case .hostProgressed(let id, .install, _, _) = event.fact,
            let host = view.hosts.first(where: { $0.id == id }), !["ordered", "installing"].contains(host.state)
        else { return }
        uninvited.insert(id)
    }

    /// What must hold at the moment of a decision.
    private mutating func check(_ event: RolloutEvent) throws {
        switch event.fact {
        case .paused, .halted, .stopping, .backOutStarted, .ended: isHeld = true
        case .resumed: isHeld = false
        case .hostAdmitted(let id, .install):
            let host = try #require(view.hosts.first { $0.id == id })
            #expect(!isHeld || view.state == "succeeded", "seed \(seed): started though held")
            #expect(!view.isRevoked, "seed \(seed): a revoked release was installed")
            let busy = view.hosts.count { $0.phase == host.phase && ["ordered", "installing"].contains($0.state) }
            #expect(busy <= plan.phases[host.phase - 1].parallelism + uninvited.count, "seed \(seed): too many at once")
            for earlier in 0..<(host.phase - 1) {
                #expect(log.contains { $0.fact == .phasePassed(phase: earlier) }, "seed \(seed): before its phase")
            }
        case .hostAdmitted(let id, .backOut):
            #expect(view.hosts.contains { $0.id == id && $0.state == "backingOut" }, "seed \(seed)")
        default: break
        }
    }

    /// What must hold when nothing more happens.
    private func expectEnd() throws {
        #expect(view.isOver, "seed \(seed)")
        #expect(rollout.pendingActions(at: now).isEmpty, "seed \(seed)")
        var replayed = Rollout()
        for event in log { replayed.apply(event) }
        #expect(replayed == rollout, "seed \(seed)")
        for host in fleet.hosts {
            #expect(host.installs <= 1, "seed \(seed): \(host.id) was changed twice")
            let phase = try #require(plan.phases.firstIndex { $0.hosts.contains { $0.id == host.id } })
            if view.phases[phase].state == "backedOut" {
                #expect(
                    host.running != Fixture.release || host.before == Fixture.release,
                    "seed \(seed): \(host.id) is left")
            }
            guard view.isRevoked, host.running == Fixture.release else { continue }
            // Nobody who has a revoked release is overlooked.
            #expect(view.stillRunning.contains(host.id), "seed \(seed): \(host.id) runs it unnoticed")
        }
        guard view.state == "succeeded" else { return }
        for phase in view.phases { #expect(phase.counts.waiting == 0, "seed \(seed)") }
        #expect(
            view.phases[0].counts.succeeded + view.phases[0].counts.alreadyCurrent > 0, "seed \(seed): passed empty")
    }
}

extension ModelFleet.Happening {
    /// Anything but the next check of a pulling host.
    fileprivate var isNews: Bool { if case .check = self { false } else { true } }
}
