import AgentProtocol
import ReleaseDefinition
import ReleaseRollout

/// The engine beside the reference, on a made-up history: after each input both must say the same.
public struct ModelCheck {
    public let seed: UInt64
    private var choice: SeededChoice
    private let plan: RolloutPlan
    private var rollout = Rollout()
    private var reference: ReferenceRollout
    private var now = Simulation.start
    private var inputs: [ReferenceInput] = []

    /// nil: the seed makes no plan.
    public init?(seed: UInt64) {
        var choice = SeededChoice(seed: seed)
        let size = choice.chance(50) ? choice.number(1..<8) : choice.number(8..<40)
        guard let plan = SimulatedFleet.madeUpPlan(&choice, hosts: size, pullPercent: 0) else { return nil }
        self.seed = seed
        self.choice = choice
        self.plan = plan
        reference = ReferenceRollout(plan, at: now)
    }

    /// - Throws: `SimulationFailure` `model` with the inputs so far and what both say.
    public mutating func run(inputs count: Int = 120) throws(SimulationFailure) {
        for host in plan.hosts { try tell(.contact(host.id, .online)) }
        try tell(.start(plan, by: "eva"))
        for host in plan.hosts { try tell(.contact(host.id, .online)) }
        try compare()
        for _ in 0..<count {
            guard let input = nextInput() else { return }
            inputs.append(input)
            try tell(command(input))
            reference.take(input, at: now)
            try compare()
        }
    }

    private mutating func tell(_ command: RolloutCommand) throws(SimulationFailure) {
        do {
            for event in try rollout.decide(command, at: now) { rollout.apply(event) }
            while let action = rollout.pendingActions(at: now).first {
                let done: RolloutCommand =
                    switch action {
                    case .revoke: .revocationPublished
                    case .sendOrder(let host, let order): .orderSent(host, order)
                    case .publishChannel(let view): .channelPublished(view)
                    case .cancelOrder(let host, let order): .cancelSent(host, order)
                    case .switchTraffic(let order): .trafficBegun(order)
                    case .judgeGate(let phase, let gate, let round):
                        .gateJudged(gate, phase: phase, round: round, GateJudgement(.pass, "reference"))
                    }
                for event in try rollout.decide(done, at: now) { rollout.apply(event) }
            }
        } catch {
            throw failure("the engine refuses \(command): \(error)")
        }
    }

    // MARK: inputs that can be

    private mutating func nextInput() -> ReferenceInput? {
        let busy = reference.hosts.indices.filter { reference.hosts[$0].isUnderWay }
        let goingBack = reference.hosts.indices.filter { reference.hosts[$0].isGoingBack }
        let late = reference.hosts.indices.filter { isLate(reference.hosts[$0]) }
        switch choice.number(0..<100) {
        case ..<45 where !busy.isEmpty:
            let place = choice.one(busy)
            return choice.chance(30) ? .begins(place) : .says(place, outcome(of: place))
        case ..<70 where !goingBack.isEmpty: return .saysBack(choice.one(goingBack), succeeded: choice.chance(80))
        case ..<74 where !late.isEmpty:
            let place = choice.one(late)
            return .says(place, outcome(of: place))
        case ..<76:
            let place = choice.number(0..<reference.hosts.count)
            return .leaves(place)
        case ..<85:
            now = now + choice.one([.milliseconds(1), .seconds(20), .minutes(3), .minutes(30), .hours(13)])
            return .tick
        case ..<92: return reference.isHeld ? .resume : .tick
        default: return verb()
        }
    }

    /// Its deadline has passed, and it may still speak on the same order.
    private func isLate(_ host: ReferenceRollout.Host) -> Bool {
        (host.course == .notReached || host.course == .failed) && !host.hasSpoken
    }

    private mutating func outcome(of place: Int) -> HostOutcome {
        if reference.hosts[place].hadItBefore { return .alreadyCurrent }
        if reference.hosts[place].isTold, choice.chance(60) { return .cancelled }
        return choice.one([
            .succeeded, .succeeded, .succeeded, .succeeded, .succeeded, .succeeded, .succeeded, .failed(.install),
            .backedOut(.health), .failed(.preflight), .backOutFailed, .skipped("pinned"),
        ])
    }

    private mutating func verb() -> ReferenceInput {
        let canHold = reference.state == .running || reference.state.isBaking || reference.state.isBackingOut
        let isBackingOut = reference.inner.isBackingOut
        switch choice.number(0..<8) {
        case 0...1: return canHold ? .pause : .tick
        case 2: return canHold ? .halt : .tick
        case 3...4: return reference.isHeld ? .resume : .tick
        case 5:
            let canStop = canHold && !isBackingOut || reference.isHeld
            return canStop ? .stop : .tick
        case 6: return reference.isOver || isBackingOut ? .tick : .backOutPhase
        default: return reference.isOver || isBackingOut ? .tick : .backOutRollout
        }
    }

    private func command(_ input: ReferenceInput) -> RolloutCommand {
        switch input {
        case .tick: return .tick
        case .begins(let place):
            return .progress(id(place), OrderProgress(order: order(place), release: release, step: .received))
        case .says(let place, let outcome):
            let hasIt = [.succeeded, .alreadyCurrent, .backOutFailed].contains(outcome)
            return word(place, order(place), outcome, running: hasIt ? release : nil)
        case .saysBack(let place, let succeeded):
            let attempt = reference.hosts[place].backAttempt
            let order = OrderID(rollout: plan.id, action: .backOut, attempt: attempt)
            return word(place, order, succeeded ? .backedOut(nil) : .backOutFailed, running: succeeded ? nil : release)
        case .leaves(let place): return .gone(id(place))
        case .pause: return .pause(by: "eva", reason: "p")
        case .halt: return .halt(by: "eva", reason: "h")
        case .resume: return .resume(by: "eva", reason: "r")
        case .stop: return .stop(by: "eva", reason: "s")
        case .backOutPhase: return .backOut(.phase, by: "eva", reason: "b")
        case .backOutRollout: return .backOut(.rollout, by: "eva", reason: "b")
        }
    }

    private var release: ReleaseName { plan.definition.release }
    private func id(_ place: Int) -> HostID { reference.hosts[place].id }
    private func order(_ place: Int) -> OrderID {
        OrderID(rollout: plan.id, action: .install, attempt: reference.hosts[place].attempt)
    }

    private func word(
        _ place: Int, _ order: OrderID, _ outcome: HostOutcome, running: ReleaseName?
    ) -> RolloutCommand {
        let installed = running.map { InstalledRelease(release: $0, manifest: plan.manifest, isHealthy: true) }
        return .outcome(
            id(place), OrderOutcome(order: order, release: release, outcome: outcome, running: installed))
    }

    // MARK: both say the same

    private func compare() throws(SimulationFailure) {
        guard let view = rollout.view else { throw failure("the engine has not begun") }
        guard view.state == word(reference.state) else {
            throw failure("the engine is \(view.state), the reference \(reference.state)")
        }
        for (host, own) in zip(view.hosts, reference.hosts) {
            let (told, expected) = (word(host), word(own))
            guard told == expected else {
                throw failure("\(host.id) is \(told) (\(host.reason)), the reference says \(expected): \(own)")
            }
        }
        for (phase, counts) in view.phases.map(\.counts).enumerated() {
            let own = reference.count(reference.members(phase))
            let told = [
                counts.waiting + counts.inFlight, counts.succeeded, counts.alreadyCurrent, counts.failed,
                counts.offline, counts.skipped,
            ]
            let expected = [own.open, own.took, own.hadIt, own.failed, own.notReached, own.skipped]
            guard told == expected else {
                throw failure("phase \(phase + 1) counts \(told), the reference \(expected)")
            }
        }
    }

    private func word(_ state: ReferenceRollout.State) -> String {
        switch state {
        case .running: "running"
        case .baking: "baking"
        case .stopping: "stopping"
        case .backingOut: "backingOut"
        case .paused: "paused"
        case .halted: "halted"
        case .ended(let how): how
        }
    }

    /// What a host is at.
    private func word(_ host: HostView) -> String {
        switch host.state {
        case "waiting": "waits"
        case "ordered", "installing": "installs"
        case "backingOut": host.reason.contains("Waits") ? "waits to go back" : "goes back"
        default: "is done"
        }
    }

    private func word(_ host: ReferenceRollout.Host) -> String {
        switch host.wayBack {
        case .wanted: return "waits to go back"
        case .ordered: return "goes back"
        case .back, .stuck, .unanswered, .left: return "is done"
        case .notWanted: break
        }
        if host.course == .notYet { return "waits" }
        return host.isUnderWay ? "installs" : "is done"
    }

    private func failure(_ text: String) -> SimulationFailure {
        SimulationFailure("model", "after \(inputs.suffix(12)): \(text)")
    }
}
