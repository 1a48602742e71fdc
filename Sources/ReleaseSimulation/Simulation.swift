import AgentProtocol
import ReleaseDefinition
import ReleaseRollout

/// The real engine, a model of the controller that asks it, and model hosts, in virtual time. The seed decides
/// everything: the same seed and the same plan give the same history.
///
/// - Throws: `SimulationFailure` from `run`, at the first step after which a promise of the engine does not hold.
public struct Simulation {
    public static let start = UTCInstant(secondsSince1970: 1_800_000_000)
    /// A rollout of any size that has not ended after as many steps never will.
    private static let stepsMax = 20_000_000

    public let seed: UInt64
    public let plan: RolloutPlan
    public let conditions: SimulationConditions

    var choice: SeededChoice
    /// True time, which the hosts live in. The controller's wall clock is off by `clockError`.
    var now = Simulation.start
    var clockError = TimeSpan.zero
    var agenda = Agenda<Happening>()
    /// What is on the agenda.
    var news = 0

    var hosts: [ModelHost] = []
    var places: [HostID: Int] = [:]

    // The controller.
    var rollout = Rollout()
    /// What the engine decided so far.
    public internal(set) var log: [RolloutEvent] = []
    var isUp = true
    /// It dies after its next decision, before that is stored.
    var diesUnstored = false
    var isActionDue = false
    var channel: PublishedChannel?
    var isRevoked = false
    var counter = 0
    var invariants: EngineInvariants

    var steps = 0
    var reports = 0
    var summary = SimulationSummary()

    enum Happening {
        case says(Int, RolloutCommand), flush(Int), comesAgain(Int, RolloutCommand)
        case hears(Int, OrderID, counter: Int, connection: Int)
        case hearsCancel(Int, OrderID, connection: Int)
        case effect(Int, OrderID, HostOutcome)
        case cut(Int), heal(Int), connect(Int), dies(Int), left(Int), relapse(Int), check(Int)
        case answers(RolloutCommand)
        case partition, dieSoon, controllerDies, controllerIsBack, absentees, clockStep
        case verb, person
    }

    public init(plan: RolloutPlan, conditions: SimulationConditions, seed: UInt64) {
        self.init(plan: plan, conditions: conditions, seed: seed, choice: SeededChoice(seed: seed))
    }

    /// A fleet, a plan and misfortunes that the seed makes up.
    public static func madeUp(seed: UInt64, hosts: Int? = nil) -> Simulation? {
        var choice = SeededChoice(seed: seed)
        guard let plan = SimulatedFleet.madeUpPlan(&choice, hosts: hosts) else { return nil }
        let conditions = SimulationConditions.madeUp(&choice, phases: plan.phases.count)
        return Simulation(plan: plan, conditions: conditions, seed: seed, choice: choice)
    }

    private init(plan: RolloutPlan, conditions: SimulationConditions, seed: UInt64, choice: SeededChoice) {
        self.seed = seed
        self.plan = plan
        self.conditions = conditions
        self.choice = choice
        invariants = EngineInvariants(plan)
        for (phase, members) in plan.phases.enumerated() {
            for host in members.hosts {
                places[host.id] = hosts.count
                hosts.append(ModelHost(host, phase: phase, at: now))
            }
        }
        foretell()
    }

    /// What the controller's clock shows.
    var clock: UTCInstant { now + clockError }

    /// Runs to the end of the rollout and of everything that hosts had begun.
    public mutating func run() throws(SimulationFailure) -> SimulationSummary {
        for host in hosts.indices where hosts[host].delivery == .push {
            hosts[host].isConnected = true
            try take(.contact(hosts[host].id, .online))
        }
        try take(.start(plan, by: "simulation"))
        while true {
            if isUp, isActionDue { try carryOutActions() }
            guard let at = nextAt else { break }
            now = max(now, at)
            if let next = agenda.nextAt, next <= now, let what = agenda.takeNext() {
                news -= 1
                try happen(what)
            } else {
                try take(.tick)
            }
            steps += 1
            guard steps < Self.stepsMax else { throw SimulationFailure("I7", "it does not end") }
        }
        try checkEnd()
        return summarise()
    }

    /// nil: nothing more will happen.
    private var nextAt: UTCInstant? {
        let deadline = isUp ? rollout.nextDeadlineAt.map { $0 - clockError } : nil
        return [agenda.nextAt, deadline].compactMap(\.self).min()
    }

    mutating func add(_ what: Happening, in span: TimeSpan) {
        agenda.add(what, at: now + span)
        news += 1
    }

    mutating func seconds(_ range: Range<Int>) -> TimeSpan { .milliseconds(Int64(choice.number(range)) * 1000) }

    /// Puts the misfortunes of this world on the agenda.
    private mutating func foretell() {
        for host in hosts.indices {
            hosts[host].isSlow = choice.chance(conditions.slowPercent)
            for _ in 0..<3 where choice.chance(conditions.cutPercent) {
                let cut = seconds(0..<1800)
                add(.cut(host), in: cut)
                add(.heal(host), in: cut + seconds(1..<2400))
            }
            guard choice.chance(conditions.vanishPercent) else { continue }
            hosts[host].isEphemeral = choice.chance(conditions.ephemeralPercent)
            add(.dies(host), in: seconds(0..<1800))
        }
        for _ in 0..<conditions.partitions { add(.partition, in: seconds(0..<1800)) }
        for _ in 0..<conditions.restarts { add(choice.chance(50) ? .dieSoon : .controllerDies, in: seconds(0..<3600)) }
        for _ in 0..<conditions.clockSteps { add(.clockStep, in: seconds(0..<3600)) }
        for _ in 0..<conditions.verbs { add(.verb, in: seconds(0..<3600)) }
    }
}
