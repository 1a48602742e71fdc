import AgentProtocol
import ReleaseDefinition
import ReleaseRollout

/// The engine beside the reference, on a made-up history: after each input both must say the same.
public struct ModelCheck {
    public let seed: UInt64
    var choice: SeededChoice
    /// Of its own: the seeds that were kept go on to make the same histories.
    var otherHosts: SeededChoice
    let plan: RolloutPlan
    var rollout = Rollout()
    var reference: ReferenceRollout
    var now = Simulation.start
    /// The switch of the traffic that is under way.
    private var switching: TrafficOrder?
    private var inputs: [ReferenceInput] = []
    private static let ticksMax = 60
    private static let actionsMax = 2000
    private var mutant: EngineMutant?

    /// nil: the seed makes no plan.
    public init?(seed: UInt64) { self.init(seed: seed, mutant: nil) }

    init?(seed: UInt64, mutant: EngineMutant?) {
        self.mutant = mutant
        var choice = SeededChoice(seed: seed)
        let size = choice.chance(50) ? choice.number(1..<8) : choice.number(8..<40)
        guard var plan = SimulatedFleet.madeUpPlan(&choice, hosts: size, pullPercent: 0) else { return nil }
        for phase in plan.phases.indices where choice.chance(12) {
            plan.phases[phase].gates = ["errors", "latency"].prefix(choice.number(1..<3)).map {
                GateName(unchecked: $0)
            }
        }
        self.seed = seed
        self.choice = choice
        otherHosts = SeededChoice(seed: seed ^ 0x6f74_6865_7273)
        self.plan = plan
        reference = ReferenceRollout(plan, at: now)
    }

    /// - Throws: `SimulationFailure` `model` with the inputs so far and what both say.
    public mutating func run(inputs count: Int = 120) throws(SimulationFailure) {
        for host in plan.hosts { try tell(.contact(host.id, .online)) }
        var known = plan
        mutant?.plan(&known)
        try tell(.start(known, by: "eva"))
        for host in plan.hosts { try tell(.contact(host.id, .online)) }
        try compare()
        for _ in 0..<count where !reference.isSuperseded {
            let input = nextInput()
            if input == .tick { try passTime() } else { try take(input) }
        }
    }

    private mutating func take(_ input: ReferenceInput) throws(SimulationFailure) {
        inputs.append(input)
        try tell(command(input))
        reference.take(input, at: now)
        try compare()
    }

    /// Each deadline of the engine on the way is a moment at which both are asked; so is the last.
    private mutating func passTime() throws(SimulationFailure) {
        let span = choice.one([
            TimeSpan.milliseconds(1), .seconds(20), .seconds(70), .minutes(3), .minutes(30), .hours(13),
        ])
        let end = now + span
        for _ in 0..<Self.ticksMax {
            guard let next = rollout.nextDeadlineAt, next < end else { break }
            now = max(now, next)
            try take(.tick)
        }
        now = max(now, end)
        try take(.tick)
    }

    private mutating func tell(_ command: RolloutCommand) throws(SimulationFailure) {
        do {
            try decide(command)
            var actions = 0
            while let action = rollout.pendingActions(at: now).first(where: { !$0.isQuestion }) {
                let done: RolloutCommand
                actions += 1
                guard actions < Self.actionsMax else { throw failure("the engine does not come to rest") }
                switch action {
                case .revoke: done = .revocationPublished
                case .sendOrder(let host, let order): done = .orderSent(host, order)
                case .publishChannel(let view): done = .channelPublished(view)
                case .cancelOrder(let host, let order): done = .cancelSent(host, order)
                case .switchTraffic(let order):
                    switching = order
                    done = .trafficBegun(order)
                case .judgeGate: return
                }
                try decide(done)
            }
        } catch let error as SimulationFailure {
            throw error
        } catch {
            throw failure("the engine refuses \(command): \(error)")
        }
    }

    private mutating func decide(_ command: RolloutCommand) throws {
        for event in try rollout.decide(command, at: now) {
            guard let mutant else {
                rollout.apply(event)
                continue
            }
            if let changed = mutant.event(event) { rollout.apply(changed) }
        }
    }

    // MARK: commands

    private func command(_ input: ReferenceInput) -> RolloutCommand {
        switch input {
        case .tick: return .tick
        case .begins(let place):
            return .progress(id(place), OrderProgress(order: order(place), release: release, step: .received))
        case .beginsBack(let place):
            return .progress(id(place), OrderProgress(order: backOrder(place), release: release, step: .backingOut))
        case .says(let place, let outcome):
            let hasIt = [.succeeded, .alreadyCurrent, .backOutFailed].contains(outcome)
            return word(place, order(place), outcome, running: hasIt ? release : nil)
        case .saysBack(let place, let succeeded):
            return word(
                place, backOrder(place), succeeded ? .backedOut(nil) : .backOutFailed,
                running: succeeded ? nil : release)
        case .leaves(let place): return .gone(id(place))
        case .goesAway(let place): return .contact(id(place), .offline)
        case .comesBack(let place): return .contact(id(place), .online)
        case .joins(let host): return .joined(host)
        case .trafficSaid(let succeeded):
            return switching.map { .trafficAnswered($0, succeeded: succeeded, detail: "exit 1") } ?? .tick
        case .gateSaid(let number, let verdict):
            let phase = reference.phase
            guard let gate = plan.phases[phase].gates?[number] else { return .tick }
            return .gateJudged(gate, phase: phase, round: reference.gateRound, GateJudgement(verdict, "reference"))
        case .turnsUnhealthy(let place, let others):
            let running = InstalledRelease(release: release, manifest: plan.manifest, isHealthy: false)
            return .health(id(place), ProductHealth(running: running, detail: "503"), others: others)
        case .retry(let place): return .retry([id(place)], by: "eva", reason: "r")
        case .skip(let place): return .skip([id(place)], by: "eva", reason: "s")
        case .pause, .halt, .resume, .promote, .stop, .backOutPhase, .backOutRollout, .freeze, .supersede:
            return verb(input)
        }
    }

    private func verb(_ input: ReferenceInput) -> RolloutCommand {
        switch input {
        case .pause: .pause(by: "eva", reason: "p")
        case .halt: .halt(by: "eva", reason: "h")
        case .resume: .resume(by: "eva", reason: "r")
        case .promote: .promote(by: "eva", reason: "q")
        case .stop: .stop(by: "eva", reason: "s")
        case .backOutPhase: .backOut(.phase, by: "eva", reason: "b")
        case .backOutRollout: .backOut(.rollout, by: "eva", reason: "b")
        case .freeze: .freeze(by: "eva", reason: "f")
        case .supersede: .supersede(by: RolloutID(unchecked: "r2"))
        default: .tick
        }
    }

    private var release: ReleaseName { plan.definition.release }
    private func id(_ place: Int) -> HostID { reference.hosts[place].id }
    private func order(_ place: Int) -> OrderID {
        OrderID(rollout: plan.id, action: .install, attempt: reference.hosts[place].attempt)
    }
    private func backOrder(_ place: Int) -> OrderID {
        OrderID(rollout: plan.id, action: .backOut, attempt: reference.hosts[place].backAttempt)
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
        let state = reference.isSuperseded && !view.isOver ? "superseded" : word(reference.state)
        guard view.state == state else {
            throw failure(
                "the engine is \(view.state) (\(view.reason?.text ?? "no reason")), the reference \(reference.state)")
        }
        guard view.hosts.count == reference.hosts.count else {
            throw failure("the engine has \(view.hosts.count) hosts, the reference \(reference.hosts.count)")
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
                counts.offline, counts.skipped, counts.gone,
            ]
            let expected = [own.open, own.took, own.hadIt, own.failed, own.notReached, own.skipped, own.left]
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
        SimulationFailure("model", "\(text), after \(inputs.count) inputs, the last: \(inputs.suffix(12))")
    }
}

extension RolloutAction {
    /// Answered by an input of its own.
    fileprivate var isQuestion: Bool { if case .judgeGate = self { true } else { false } }
}
