import AgentProtocol
import Effects
import ReleaseDefinition
import ReleaseRollout

@testable import ControllerLibrary

/// A fleet of made-up hosts whose log is real: every rollout is decided by the engine. Beside it stands what each host runs and
/// could go back to, kept by itself, and which packages there still are.
struct RetentionWorld {
    private struct Model {
        var running: ReleaseName?
        /// What a back-out returns to.
        var lastGood: ReleaseName?
        var delivery = DeliveryMode.push
        /// A host does nothing twice that its channel goes on saying.
        var done: Set<OrderID> = []
        var sequence: Int64 = 0
    }

    static let product = "web"
    private(set) var state = FleetState()
    private(set) var removed = 0
    /// What was needed and not there any more.
    private(set) var faults: [String] = []
    private var now = StoreSamples.now
    private var head = EventHead.empty
    private let random: SeededRandom
    private var hosts: [HostID: Model] = [:]
    private var packages: Set<ReleaseName> = []
    private var versions = 0
    private var joined = 0
    private let environments = [EnvironmentName(unchecked: "staging"), EnvironmentName(unchecked: "production")]

    init(seed: UInt64) throws {
        random = SeededRandom(seed: seed)
        try log(
            .initialised(
                ControllerInitialised(
                    profile: "solo", environments: environments, authority: SHA256Digest(of: []),
                    root: SHA256Digest(of: []))))
        for number in 0..<4 { try join(environments[number % 2], number < 2 ? .push : .pull) }
    }

    /// A machine comes; it may have something already that was installed by hand.
    private mutating func join(_ environment: EnvironmentName, _ delivery: DeliveryMode) throws {
        let id = try HostID("h\(joined)")
        try log(
            .hostJoined(
                HostJoined(
                    host: id, invitation: "i", environment: environment, labels: [:], machineID: "m",
                    certificate: SHA256Digest(of: Array("c\(joined)".utf8)), certificateNotAfter: now + .days(9000),
                    key: SHA256Digest(of: Array("k\(joined)".utf8)))))
        joined += 1
        let running = number(3) == 0 ? one(of: packages.sorted { $0.description < $1.description }) : nil
        hosts[id] = Model(running: running, delivery: delivery)
        report(.inventory(inventory(of: id)), from: id)
        // As the controller does: the newest rollout that means it takes it along.
        let newest = state.rolloutOrder.reversed().compactMap { state.rollouts[$0] }
            .first { $0.plan?.definition.environment == environment }
        if let newest, let release = newest.plan?.definition.release,
            running.map({ $0.version < release.version }) ?? true,
            state.releases[release]?.revocation(in: environment) == nil, let known = state.hosts[id]
        {
            try decide(.joined(known.planHost(release.product)), newest)
        }
    }

    /// What runs; what it ran before, it may have or not.
    private func inventory(of id: HostID) -> HostInventory {
        let delivery = hosts[id]?.delivery ?? .push
        return HostInventory(
            agentVersion: "1", machineID: "m", delivery: delivery, checkInterval: delivery == .pull ? .minutes(5) : nil,
            installed: hosts[id]?.running.map { [installed($0)] } ?? [])
    }

    private func installed(_ release: ReleaseName) -> InstalledRelease {
        InstalledRelease(release: release, manifest: SHA256Digest(of: Array("\(release)".utf8)), isHealthy: true)
    }

    /// A machine is taken away, or another one comes; for a while an environment may have none.
    private mutating func comeOrGo() throws {
        guard hosts.count < 6, number(2) == 0 || hosts.isEmpty else {
            guard let id = one(of: hosts.keys.sorted()) else { return }
            try log(.hostRetired(HostStandingChanged(host: id, reason: "r")))
            hosts[id] = nil
            return
        }
        try join(environments[number(2)], number(2) == 0 ? .push : .pull)
    }

    private func number(_ end: Int) -> Int {
        Int(random.bytes(4).reduce(0) { $0 << 8 | UInt32($1) } % UInt32(end))
    }

    private func one<Value>(of list: [Value]) -> Value? { list.isEmpty ? nil : list[number(list.count)] }

    private mutating func log(_ event: ControllerEvent) throws {
        let (entry, _, next) = try head.following(NewEvent(actor: "test", event: event), at: now)
        head = next
        state.apply(entry)
    }

    private mutating func decide(_ command: RolloutCommand, _ record: RolloutRecord) throws {
        var decisions = Decisions()
        try decisions.decide(command, on: record, by: "test", at: now)
        for event in decisions.events { try log(event.event) }
    }

    private mutating func report(_ body: HostReportBody, from id: HostID) {
        hosts[id]?.sequence += 1
        let report = HostReport(sequence: hosts[id]?.sequence ?? 1, at: now, body: body)
        state.apply(StoredReport(host: id, report: report, receivedAt: now))
    }

    mutating func step(_ rules: RetentionRules) throws {
        switch number(25) {
        case 0...3: try submit()
        case 4, 5: try start()
        case 6, 7: try hold()
        case 8: try comeOrGo()
        case 9...12: now = now + .hours(Int64(1 + number(200)))
        case 13, 14: sweep(rules)
        default: try answer()
        }
        try settle()
        look()
    }

    private mutating func submit() throws {
        versions += 1
        let name = try ReleaseName("\(Self.product)@1.\(versions)")
        let manifest = SHA256Digest(of: Array("\(name)".utf8))
        try log(
            .releaseSubmitted(
                ReleaseSubmitted(
                    release: name, manifest: manifest, manifestLength: ByteCount(1), category: .minor, summary: "s",
                    owner: "o", units: [], requires: nil)))
        for environment in environments where number(3) > 0 {
            try log(.releaseApproved(ReleaseApproved(release: name, manifest: manifest, environment: environment)))
        }
        packages.insert(name)
    }

    /// As the controller does: of what is approved and was not removed; an older rollout gives way.
    private mutating func start() throws {
        let environment = environments[number(2)]
        let there = state.releases.values.filter { $0.isApproved(in: environment) && $0.packageRemovedAt == nil }
        guard let record = one(of: there.sorted { $0.submitted.release.description < $1.submitted.release.description })
        else { return }
        let release = record.submitted.release
        need(release, "a rollout is started")
        let planned = state.hostsInOrder.filter { $0.environment == environment && $0.identity.standing.isActive }
            .map { $0.planHost(release.product) }
        let id = try RolloutID("r\(state.rollouts.count)")
        let definition = RolloutDefinition(
            release: release, environment: environment, strategy: .bigBang,
            limits: RolloutLimits(parallelism: .percent(100), offlineGrace: .hours(2)))
        guard let plan = try? RolloutPlan.make(definition, manifest: record.submitted.manifest, id: id, hosts: planned)
        else { return }
        let others = state.rolloutOrder.compactMap { state.rollouts[$0] }
        let given = try? Supersession(of: plan, priority: 0, others: others.map { ($0.rollout, 0) })
        // Another one is under way.
        guard let given else { return }
        for other in given.givesWay.compactMap({ state.rollouts[$0] }) { try decide(.supersede(by: id), other) }
        try decide(.start(plan, by: "test"), RolloutRecord(id: id))
    }

    /// Somebody holds a rollout, takes it up again, or has it go back.
    private mutating func hold() throws {
        guard let record = one(of: state.rollouts.values.sorted { $0.id < $1.id }) else { return }
        let commands: [RolloutCommand] = [
            .pause(by: "p", reason: "r"), .halt(by: "p", reason: "r"), .resume(by: "p", reason: "r"),
            .backOut(.rollout, by: "p", reason: "r"),
        ]
        if let command = one(of: commands) { try? decide(command, record) }
    }

    /// What the engine wants done is done; time passes for it.
    private mutating func settle() throws {
        for id in state.rolloutOrder {
            for _ in 0..<50 {
                guard let record = state.rollouts[id] else { break }
                if record.rollout.nextDeadlineAt.map({ $0 <= now }) ?? false { try decide(.tick, record) }
                guard let action = state.rollouts[id]?.rollout.pendingActions(at: now).first,
                    let record = state.rollouts[id]
                else { break }
                switch action {
                case .sendOrder(let host, let order): try decide(.orderSent(host, order), record)
                case .cancelOrder(let host, let order): try decide(.cancelSent(host, order), record)
                case .publishChannel(let view): try decide(.channelPublished(view), record)
                case .revoke(let manifest):
                    if let definition = record.plan?.definition {
                        try log(
                            .releaseRevoked(
                                ReleaseRevoked(
                                    release: definition.release, manifest: manifest,
                                    environment: definition.environment, reason: "r", rollout: id)))
                    }
                    try decide(.revocationPublished, record)
                case .switchTraffic, .judgeGate: return
                }
            }
        }
    }

    /// A host carries out what it was told.
    private mutating func answer() throws {
        var open: [(RolloutID, HostID, OrderID)] = []
        for id in state.rolloutOrder {
            guard let record = state.rollouts[id] else { continue }
            for host in record.hosts.keys.sorted() where hosts[host] != nil {
                for order in record.rollout.outstandingOrders(for: host) { open.append((id, host, order)) }
            }
        }
        for record in state.channelRollouts.sorted(by: { $0.id < $1.id }) {
            guard let plan = record.plan, let view = record.channelView else { continue }
            for host in state.hostsInOrder where host.environment == plan.definition.environment {
                guard let model = hosts[host.id], model.delivery == .pull, view.names(host.id),
                    !model.done.contains(view.order)
                else { continue }
                open.append((record.id, host.id, view.order))
            }
        }
        guard let (id, host, order) = one(of: open), let record = state.rollouts[id], let plan = record.plan,
            let model = hosts[host]
        else { return }
        let release = plan.definition.release
        hosts[host]?.done.insert(order)
        var outcome = HostOutcome.succeeded
        switch order.action {
        case .backOut where model.running != release: outcome = .alreadyCurrent
        case .backOut where number(6) == 0: outcome = .backOutFailed
        case .backOut:
            // From the host's own disk, or fetched where that was lost.
            if let good = model.lastGood { need(good, "\(host) goes back to it") }
            hosts[host]?.running = model.lastGood
            outcome = .backedOut(nil)
        default:
            need(release, "\(host) installs it by \(id)")
            if number(5) == 0 {
                outcome = .backedOut(.health)
            } else if model.running == release {
                outcome = .alreadyCurrent
            } else {
                hosts[host]?.lastGood = model.running
                hosts[host]?.running = release
            }
        }
        let running = hosts[host]?.running.map { installed($0) }
        let said = OrderOutcome(order: order, release: release, outcome: outcome, running: running)
        try decide(.outcome(host, said), record)
        report(.outcome(said), from: host)
        if number(2) == 0 { report(.inventory(inventory(of: host)), from: host) }
    }

    private mutating func sweep(_ rules: RetentionRules) {
        let going = PackageRetention(state, rules, at: now).going.filter { packages.contains($0) }
        guard !going.isEmpty else { return }
        removed += going.count
        packages.subtract(going)
        try? log(.packagesRemoved(PackagesRemoved(releases: going)))
    }

    private mutating func need(_ release: ReleaseName, _ what: String) {
        if !packages.contains(release) { faults.append("\(release) is gone, and \(what)") }
    }

    /// Whatever may be asked for next is there.
    private mutating func look() {
        for (id, model) in hosts {
            if let running = model.running { need(running, "\(id) runs it") }
            if let good = model.lastGood { need(good, "\(id) may go back to it") }
        }
        for record in state.rollouts.values {
            guard let plan = record.plan else { continue }
            let ids = record.hosts.keys.filter { hosts[$0] != nil }
            // One that is being backed out brings its release to nobody.
            if !record.rollout.isBackingOut, ids.contains(where: { record.rollout.mayInstall($0) }) {
                need(plan.definition.release, "\(record.id) may bring it")
            }
            guard record.isActive else { continue }
            for host in plan.hosts where hosts[host.id]?.running == plan.definition.release {
                if let running = host.running { need(running, "\(record.id) may go back") }
            }
        }
        for record in state.channelRollouts where record.channelView?.order.action == .install {
            guard let plan = record.plan, let view = record.channelView else { continue }
            if hosts.contains(where: { $0.value.delivery == .pull && view.names($0.key) }) {
                need(plan.definition.release, "the channel of \(plan.definition.environment) names it")
            }
        }
        for environment in environments {
            let approved = state.releases.values.filter { $0.isApproved(in: environment) }.map(\.submitted.release)
            for release in approved.sorted(by: { $0.version > $1.version }).prefix(2) {
                need(release, "it is one of the newest in \(environment)")
            }
        }
    }
}
