import AgentProtocol
import ReleaseDefinition
import ReleaseRollout

/// The controller as it asks the engine: decide, store, apply, act.
extension Simulation {
    /// Whether the command was decided and what it decided was stored: only then a report is acknowledged.
    @discardableResult
    mutating func take(_ command: RolloutCommand) throws(SimulationFailure) -> Bool {
        guard isUp else { return false }
        let events: [RolloutEvent]
        do {
            events = try rollout.decide(command, at: clock)
        } catch {
            guard error.code.hasPrefix("rollout.verb.") else { throw SimulationFailure("I10", "\(error)") }
            return true
        }
        if diesUnstored, !events.isEmpty {
            stopController()
            return false
        }
        for event in events {
            rollout.apply(event)
            log.append(event)
            try invariants.note(event)
            summary.note(event, at: now)
            if conditions.isAttended, event.fact.wantsPerson { add(.person, in: seconds(60..<10_800)) }
        }
        if !events.isEmpty { isActionDue = true }
        if let next = rollout.nextDeadlineAt, next <= clock {
            throw SimulationFailure("I7", "something was left due after \(command)")
        }
        if !rollout.isOver, rollout.plan != nil, rollout.nextDeadlineAt == nil,
            rollout.pendingActions(at: clock).isEmpty
        {
            throw SimulationFailure("I7", "it waits for ever after \(command)")
        }
        return true
    }

    mutating func carryOutActions() throws(SimulationFailure) {
        isActionDue = false
        for action in rollout.pendingActions(at: clock) {
            counter += 1
            switch action {
            case .revoke:
                isRevoked = true
                try take(.revocationPublished)
            case .cancelOrder(let id, let order):
                guard let host = places[id] else { throw SimulationFailure("I5", "\(id) is not of the plan") }
                if try take(.cancelSent(id, order)) { transmitCancel(order, to: host) }
            case .switchTraffic(let order):
                if try take(.trafficBegun(order)), !choice.chance(10) {
                    let answer = RolloutCommand.trafficAnswered(order, succeeded: !choice.chance(20), detail: "exit 1")
                    add(.answers(answer), in: seconds(1..<90))
                }
            case .publishChannel(let view):
                publish(view)
                try take(.channelPublished(view))
            case .judgeGate(let phase, let gate, let round):
                try take(.gateJudged(gate, phase: phase, round: round, GateJudgement(.pass, "simulated")))
            case .sendOrder(let id, let order):
                guard let host = places[id] else { throw SimulationFailure("I5", "\(id) is not of the plan") }
                if try take(.orderSent(id, order)) { transmit(order, to: host) }
            }
            if !isUp { return }
            if rollout.pendingActions(at: clock).contains(action) {
                throw SimulationFailure("I2", "\(action) is recorded and still pending")
            }
        }
    }

    /// The repository stands whatever becomes of the controller.
    private mutating func publish(_ view: ChannelView) {
        channel = PublishedChannel(view, counter: counter)
        // A look at a channel that says nothing new has no effect, so only the next look of each host is played.
        for host in hosts.indices where hosts[host].delivery == .pull { addCheck(host) }
    }

    mutating func addCheck(_ host: Int) {
        let interval = Int(clamping: hosts[host].checkInterval.milliseconds / 1000)
        add(.check(host), in: seconds(0..<max(1, interval)))
    }

    mutating func transmit(_ order: OrderID, to host: Int) {
        guard hosts[host].isConnected else { return }
        let hears = Happening.hears(host, order, counter: counter, connection: hosts[host].connection)
        add(hears, in: latency(host))
        for _ in 0..<copies() { add(hears, in: latency(host)) }
    }

    /// How often a message comes again.
    mutating func copies() -> Int { choice.chance(conditions.duplicatePercent) ? conditions.duplicateCopies : 0 }

    private mutating func transmitCancel(_ order: OrderID, to host: Int) {
        guard hosts[host].isConnected else { return }
        let hears = Happening.hearsCancel(host, order, connection: hosts[host].connection)
        add(hears, in: latency(host))
        for _ in 0..<copies() { add(hears, in: latency(host)) }
    }

    mutating func stopController() {
        guard isUp else { return }
        (isUp, diesUnstored) = (false, false)
        summary.restarts += 1
        for host in hosts.indices { hosts[host].isConnected = false }
        add(.controllerIsBack, in: choice.chance(80) ? seconds(1..<300) : seconds(300..<20_000))
    }

    mutating func startController() throws(SimulationFailure) {
        guard !isUp else { return }
        var replayed = Rollout()
        for event in log { replayed.apply(event) }
        guard replayed == rollout else { throw SimulationFailure("replay", "the events give another rollout") }
        rollout = replayed
        isUp = true
        isActionDue = true
        try take(.controllerReturned)
        for host in hosts.indices where hosts[host].isReachable && !hosts[host].isDead {
            add(.connect(host), in: seconds(0..<19))
        }
        add(.absentees, in: .seconds(20))
    }

    /// Whoever has not come back after the controller did counts as out of contact from now on.
    mutating func noteAbsentees() throws(SimulationFailure) {
        for host in hosts.indices where hosts[host].delivery == .push && !hosts[host].isConnected {
            try take(.contact(hosts[host].id, .offline))
        }
    }

    mutating func stepClock() {
        let step = choice.one([TimeSpan.minutes(5), .hours(1), .days(365)])
        let error = clockError.milliseconds + (choice.chance(50) ? 1 : -1) * step.milliseconds
        clockError = .milliseconds(error)
        isActionDue = true
        summary.clockSteps += 1
    }

    /// Somebody looks after a halt.
    mutating func personDecides() throws(SimulationFailure) {
        if case .paused(let held) = rollout.state, held.reason.code == .awaitsPromotion {
            try take(.promote(by: "eva", reason: "looked at it"))
        }
        guard case .halted = rollout.state else { return }
        switch choice.number(0..<10) {
        case ..<5: try take(.resume(by: "eva", reason: "looked at it"))
        case 5: try take(.stop(by: "eva", reason: "enough"))
        case 6: try take(.backOut(.phase, by: "eva", reason: "back"))
        case 7: try take(.backOut(.rollout, by: "eva", reason: "back"))
        default: break
        }
    }

    mutating func personSaysAnything() throws(SimulationFailure) {
        let target = choice.one([BackOutTarget.phase, .rollout, .hosts([choice.one(hosts).id])])
        try take(
            choice.one([
                .pause(by: "eva", reason: "p"), .pause(by: "eva", reason: "p"), .halt(by: "eva", reason: "h"),
                .resume(by: "eva", reason: "r"), .stop(by: "eva", reason: "s"), .abort(.keep, by: "eva", reason: "a"),
                .abort(.backOut(target), by: "eva", reason: "a"), .backOut(target, by: "eva", reason: "b"),
                .supersede(by: RolloutID(unchecked: "r2")),
                .retry([choice.one(hosts).id], by: "eva", reason: "again"),
                .skip([choice.one(hosts).id], by: "eva", reason: "rebuilt"),
            ]))
    }
}

extension RolloutFact {
    fileprivate var wantsPerson: Bool {
        switch self {
        case .halted: true
        case .paused(let reason): reason.code == .awaitsPromotion
        default: false
        }
    }
}
