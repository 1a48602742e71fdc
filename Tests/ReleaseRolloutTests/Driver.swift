import AgentProtocol
import ReleaseDefinition
import ReleaseRollout
import Testing

/// Plays the controller: keeps the log, does every action at once unless told not to, answers for the hosts.
struct Driver {
    static let start = UTCInstant(secondsSince1970: 1_800_000_000)
    var rollout = Rollout()
    var now = Driver.start
    var log: [RolloutEvent] = []
    /// Every order that went out, in order.
    var sent: [(host: String, action: OrderAction)] = []
    /// Orders given to pulling hosts through the channel count as sent when the channel names them first.
    var channels: [ChannelView] = []
    var revocations = 0
    /// Hosts that were told to drop their order.
    var cancels: [String] = []
    var switches: [TrafficOrder] = []
    var carriesOut = true
    /// What gates say, in the order in which they are asked; pass where none is left.
    var gateVerdicts: [GateJudgement] = []
    var gatesAsked: [String] = []

    init(_ plan: RolloutPlan, carriesOut: Bool = true) throws {
        self.carriesOut = carriesOut
        try self.do(.start(plan, by: "eva"))
    }

    @discardableResult
    mutating func `do`(_ command: RolloutCommand) throws -> [RolloutEvent] {
        var events = try take(command)
        while carriesOut, let action = rollout.pendingActions(at: now).first { events += try carryOut(action) }
        return events
    }

    mutating func carryOut(_ action: RolloutAction) throws -> [RolloutEvent] {
        switch action {
        case .revoke:
            revocations += 1
            return try take(.revocationPublished)
        case .sendOrder(let host, let order):
            sent.append((host.text, order.action))
            return try take(.orderSent(host, order))
        case .switchTraffic(let order):
            switches.append(order)
            return try take(.trafficBegun(order))
        case .cancelOrder(let host, let order):
            cancels.append(host.text)
            return try take(.cancelSent(host, order))
        case .publishChannel(let view):
            channels.append(view)
            return try take(.channelPublished(view))
        case .judgeGate(let phase, let gate, let round):
            let judgement = gateVerdicts.isEmpty ? GateJudgement(.pass, "x") : gateVerdicts.removeFirst()
            gatesAsked.append(gate.text)
            return try take(.gateJudged(gate, phase: phase, round: round, judgement))
        }
    }

    private mutating func take(_ command: RolloutCommand) throws -> [RolloutEvent] {
        let events = try rollout.decide(command, at: now)
        for event in events { rollout.apply(event) }
        log += events
        return events
    }

    mutating func advance(_ span: TimeSpan) throws {
        now = now + span
        try self.do(.tick)
    }

    /// Goes to the next deadline.
    mutating func wait() throws {
        let next = try #require(rollout.nextDeadlineAt)
        now = max(now, next)
        try self.do(.tick)
    }

    mutating func report(
        _ host: String, _ outcome: HostOutcome, action: OrderAction = .install, attempt: Int = 1,
        running: ReleaseName? = nil
    ) throws {
        let id = try HostID(host)
        let plan = try #require(rollout.plan)
        let runs: ReleaseName? =
            running ?? (outcome == .succeeded && action == .install ? plan.definition.release : Fixture.before)
        try self.do(
            .outcome(
                id,
                OrderOutcome(
                    order: OrderID(rollout: plan.id, action: action, attempt: attempt),
                    release: plan.definition.release, outcome: outcome,
                    running: runs.map { InstalledRelease(release: $0, manifest: plan.manifest, isHealthy: true) })))
    }

    mutating func progress(_ host: String, _ step: InstallationStep, action: OrderAction = .install) throws {
        let plan = try #require(rollout.plan)
        try self.do(
            .progress(
                HostID(host),
                OrderProgress(
                    order: OrderID(rollout: plan.id, action: action), release: plan.definition.release, step: step)))
    }

    mutating func contact(_ host: String, _ contact: HostContact) throws {
        try self.do(.contact(HostID(host), contact))
    }

    /// Every host that has an order succeeds, until nobody has one or the rollout is no longer on its way.
    mutating func succeedAll() throws {
        while let host = view.hosts.first(where: { ["ordered", "installing"].contains($0.state) }) {
            try report(host.id.text, .succeeded)
        }
    }

    mutating func backOutAll() throws {
        while let host = view.hosts.first(where: { $0.reason.contains("told to back out") }) {
            try report(host.id.text, .backedOut(nil), action: .backOut)
        }
    }

    var view: RolloutView {
        guard let view = rollout.view else { preconditionFailure("not started") }
        return view
    }
    var state: String { view.state }
    var reason: StatusReason.Code? { view.reason?.code }
    func host(_ id: String) throws -> HostView { try #require(view.hosts.first { $0.id.text == id }) }
    func hosts(in state: String) -> [String] { view.hosts.filter { $0.state == state }.map(\.id.text) }
    var ordered: [String] { hosts(in: "ordered") }
    var pending: [RolloutAction] { rollout.pendingActions(at: now) }

    /// The events alone give the same value.
    func expectReplay() {
        var replayed = Rollout()
        for event in log { replayed.apply(event) }
        #expect(replayed == rollout)
    }
}

enum Fixture {
    static let release = name("web-service@2.0")
    static let before = name("web-service@1.0")
    static let manifest = SHA256Digest(of: Array("manifest".utf8))

    static func name(_ text: String) -> ReleaseName {
        guard let name = try? ReleaseName(text) else { preconditionFailure(text) }
        return name
    }

    static func host(
        _ id: String, _ labels: [String: String] = [:], pulls: Bool = false, checkInterval: TimeSpan = .minutes(5),
        running: ReleaseName? = before, isUnhealthy: Bool? = nil
    ) -> PlanHost {
        PlanHost(
            id: HostID(unchecked: id), labels: labels, delivery: pulls ? .pull : .push,
            checkInterval: pulls ? checkInterval : nil, running: running, isUnhealthy: isUnhealthy)
    }

    /// `h0` is the pilot of a phased rollout.
    static func fleet(_ count: Int, pulling: Range<Int> = 0..<0) -> [PlanHost] {
        (0..<count).map { host("h\($0)", $0 == 0 ? ["pilot": "true"] : [:], pulls: pulling.contains($0)) }
    }

    static func definition(
        _ strategy: RolloutStrategy = .phasedByDefault, hosts: String = "all", limits: RolloutLimits = .init(),
        backOut: BackOutScope = .phase
    ) throws -> RolloutDefinition {
        RolloutDefinition(
            release: release, environment: try EnvironmentName("staging"), hosts: try HostQuery(hosts),
            strategy: strategy, limits: limits, backOut: backOut)
    }

    static func plan(
        _ strategy: RolloutStrategy = .phasedByDefault, hosts: [PlanHost], query: String = "all",
        limits: RolloutLimits = .init(), backOut: BackOutScope = .phase, urgency: RolloutUrgency = .ordinary,
        id: String = "r1", irreversible: String? = nil, starts: [StartInterval]? = nil,
        migrations: [MigrationUnit] = []
    ) throws -> RolloutPlan {
        var definition = try definition(strategy, hosts: query, limits: limits, backOut: backOut)
        definition.irreversible = irreversible
        return try RolloutPlan.make(
            definition, manifest: manifest, id: RolloutID(id), hosts: hosts, urgency: urgency, starts: starts,
            migrations: migrations)
    }

    /// All of a phase at once.
    static func atOnce(
        failures: Tolerance? = nil, offline: Tolerance = Tolerance(percent: 10), grace: TimeSpan = .minutes(15)
    ) -> RolloutLimits {
        RolloutLimits(
            parallelism: .percent(100), failureTolerance: failures, offlineTolerance: offline, offlineGrace: grace)
    }

    /// Pilot of 1, then everyone.
    static func pilotThenAll(bake: TimeSpan = .zero) -> RolloutStrategy {
        .phased([.init(size: .count(1), bake: bake), .init(size: .percent(100), bake: bake)])
    }
}
