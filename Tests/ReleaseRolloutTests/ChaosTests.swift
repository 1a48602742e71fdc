import AgentProtocol
import ReleaseDefinition
import ReleaseRollout
import Testing

/// Any input at any time: nothing traps, nothing is left due, replay equals live.
@Suite("Random histories")
struct ChaosTests {
    @Test("Replay equals live, and nothing is ever left due, for any order of stale, doubled and foreign input")
    func chaos() throws {
        for seed in 0..<300 {
            var chaos = try Chaos(seed: UInt64(seed))
            for _ in 0..<120 { try chaos.step() }
            try chaos.expectReplay()
        }
    }

    @Test("Whatever happened, a rollout ends once nothing more does")
    func ends() throws {
        for seed in 0..<300 {
            var chaos = try Chaos(seed: 10_000 + UInt64(seed))
            for _ in 0..<60 { try chaos.step() }
            try chaos.leaveAlone()
        }
    }
}

private struct Chaos {
    let seed: UInt64
    var choice: SeededChoice
    var rollout = Rollout()
    var now = Driver.start
    var log: [RolloutEvent] = []
    let hosts: [HostID]
    var ended: String?

    init(seed: UInt64) throws {
        self.seed = seed
        choice = SeededChoice(seed: seed)
        let plan = try choice.plan()
        hosts = plan.hosts.map(\.id) + [try HostID("stranger")]
        try take(.start(plan, by: "eva"))
    }

    mutating func step() throws {
        if choice.chance(30) { now = now + choice.one([.milliseconds(1), .seconds(3), .minutes(1), .minutes(20)]) }
        // A wall clock that was set back must do no harm either.
        if choice.chance(2) { now = now - .minutes(5) }
        let host = choice.one(hosts)
        switch choice.number(0..<100) {
        case ..<25:
            let actions = rollout.pendingActions(at: now)
            guard !actions.isEmpty else { return }
            try carryOut(choice.one(actions))
        case ..<45: try take(.outcome(host, outcome()))
        case ..<65:
            let progress = OrderProgress(
                order: order(), release: Fixture.release, step: choice.one(InstallationStep.allCases))
            try take(.progress(host, progress))
        case ..<75: try take(.contact(host, choice.chance(50) ? .online : .offline))
        case ..<80: try take(.orderSent(host, order()))
        case ..<81: try take(.channelPublished(channel()))
        case ..<82: try take(.cancelSent(host, order()))
        case ..<84: try take(.gone(host))
        case ..<86: try take(.controllerReturned)
        case ..<88: try take(.revocationPublished)
        case ..<92: try take(.tick)
        case ..<95:
            let running = InstalledRelease(
                release: Fixture.release, manifest: Fixture.manifest, isHealthy: choice.chance(50))
            try take(.health(host, ProductHealth(running: running, detail: "d")))
        case ..<99: try take(choice.verb(hosts))
        default: if choice.chance(10) { try take(.supersede(by: RolloutID("r2"))) }
        }
    }

    /// Every open deadline passes and every action is carried out; hosts say nothing any more.
    mutating func leaveAlone() throws {
        var rounds = 0
        while true {
            if let action = rollout.pendingActions(at: now).first {
                try carryOut(action)
            } else if let next = rollout.nextDeadlineAt {
                now = max(now, next)
                try take(.tick)
            } else {
                break
            }
            rounds += 1
            try #require(rounds < 2000, "seed \(seed) does not end: \(String(describing: rollout.view?.state))")
        }
        #expect(rollout.view?.isOver == true, "seed \(seed)")
        try expectReplay()
    }

    private mutating func carryOut(_ action: RolloutAction) throws {
        switch action {
        case .revoke: try take(.revocationPublished)
        case .switchTraffic(let order): try take(.trafficBegun(order))
        case .cancelOrder(let host, let order): try take(.cancelSent(host, order))
        case .sendOrder(let host, let order): try take(.orderSent(host, order))
        case .publishChannel(let view): try take(.channelPublished(view))
        case .judgeGate(let phase, let gate, let round):
            try take(.gateJudged(gate, phase: phase, round: round, GateJudgement(.pass, "x")))
        }
        #expect(
            !rollout.pendingActions(at: now).contains(action), "seed \(seed): \(action) is recorded and still pending")
    }

    private mutating func take(_ command: RolloutCommand) throws {
        let events: [RolloutEvent]
        do {
            events = try rollout.decide(command, at: now)
        } catch {
            // Verbs of people only.
            #expect(error.code.hasPrefix("rollout.verb."), "seed \(seed)")
            return
        }
        for event in events { rollout.apply(event) }
        log += events
        #expect(try rollout.decide(.tick, at: now).isEmpty, "seed \(seed): something was left undone after \(command)")
        if let next = rollout.nextDeadlineAt { #expect(next > now, "seed \(seed): left due after \(command)") }
        expectClosedVerdict(after: command)
    }

    /// Only a person's back-out opens a closed verdict again.
    private mutating func expectClosedVerdict(after command: RolloutCommand) {
        guard let view = rollout.view else { return }
        if let ended, ended != view.state {
            guard case .backOut = command else {
                return #expect(Bool(false), "seed \(seed): \(ended) after \(command)")
            }
        }
        ended = view.isOver ? view.state : nil
    }

    func expectReplay() throws {
        var replayed = Rollout()
        for event in log {
            let bytes = try JSONCoding.canonicalBytes(of: event)
            replayed.apply(try JSONCoding.decode(RolloutEvent.self, from: bytes))
        }
        #expect(replayed == rollout, "seed \(seed)")
        _ = try JSONCoding.canonicalBytes(of: #require(rollout.view))
    }

    private mutating func order() -> OrderID {
        OrderID(
            rollout: RolloutID(unchecked: choice.chance(90) ? "r1" : "r9"),
            action: choice.one([.install, .install, .backOut]),
            attempt: choice.one([1, 1, 1, 2, 3, 0, -1, .max]))
    }

    private mutating func outcome() -> OrderOutcome {
        let outcome = choice.one([
            HostOutcome.succeeded, .succeeded, .succeeded, .alreadyCurrent, .failed(choice.one(FailureClass.allCases)),
            .backedOut(.health), .backedOut(nil), .backOutFailed, .skipped("s"), .offline, .gone, .silent, .cancelled,
            .superseded,
        ])
        let running = choice.one([Fixture.release, Fixture.before, nil])
        return OrderOutcome(
            order: order(), release: Fixture.release, outcome: outcome,
            running: running.map { InstalledRelease(release: $0, manifest: Fixture.manifest, isHealthy: true) })
    }

    private mutating func channel() -> ChannelView {
        let included = hosts.filter { _ in choice.chance(40) }
        return ChannelView(order: order(), included: included, everyone: choice.chance(10))
    }
}
