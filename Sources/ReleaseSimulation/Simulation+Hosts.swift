import AgentProtocol
import ReleaseDefinition
import ReleaseRollout

/// What happens to hosts, and what they do.
extension Simulation {
    mutating func happen(_ what: Happening) throws(SimulationFailure) {
        switch what {
        case .says(let host, let command): says(command, host: host)
        case .flush(let host): try flush(host)
        case .comesAgain(_, let command): try take(command)
        case .hears(let host, let order, let counter, let connection):
            guard hosts[host].isReachable, hosts[host].connection == connection else { return }
            hear(order, counter: counter, host: host)
        case .effect(let host, let order, let outcome):
            guard !hosts[host].isDead, !hosts[host].dropped.contains(order) else { return }
            says(hosts[host].carryOut(order, outcome, plan), host: host)
            summary.note(hosts, host: host, order: order, outcome: outcome, release: plan.definition.release, at: now)
            if order.action == .install, outcome == .succeeded, choice.chance(conditions.relapsePercent) {
                add(.relapse(host), in: seconds(1..<1200))
            }
        case .hearsCancel(let host, let order, let connection):
            guard hosts[host].isReachable, hosts[host].connection == connection else { return }
            drop(order, host: host)
        case .relapse(let host): relapse(host)
        case .cut(let host): try setReachable(host, false)
        case .heal(let host): try setReachable(host, true)
        case .dies(let host):
            hosts[host].isDead = true
            try setReachable(host, false)
            if hosts[host].isEphemeral { add(.left(host), in: .minutes(1)) }
        case .left(let host):
            // Said until somebody takes it down.
            if try !take(.gone(hosts[host].id)) { add(.left(host), in: .minutes(5)) }
        case .connect(let host): try connect(host)
        case .check(let host): check(host)
        case .partition: try partition()
        case .dieSoon: diesUnstored = isUp && !rollout.isOver
        case .controllerDies: stopController()
        case .controllerIsBack: try startController()
        case .absentees: try noteAbsentees()
        case .clockStep: stepClock()
        // A program dies with the controller.
        case .answers(let command): if isUp { try take(command) }
        case .verb: try personSaysAnything()
        case .person: try personDecides()
        }
    }

    mutating func latency(_ host: Int) -> TimeSpan {
        .milliseconds(Int64(hosts[host].isSlow ? choice.number(1000..<120_000) : choice.number(5..<500)))
    }

    // MARK: reports

    private mutating func says(_ command: RolloutCommand, host: Int) {
        if case .progress(_, let progress) = command, hosts[host].dropped.contains(progress.order) { return }
        guard !hosts[host].isDead else { return }
        hosts[host].queue.append(command)
        if hosts[host].isReachable { add(.flush(host), in: latency(host)) }
    }

    /// Delivers what is queued; what was not acknowledged stays.
    private mutating func flush(_ host: Int) throws(SimulationFailure) {
        guard isUp, hosts[host].isReachable, !hosts[host].isDead else { return }
        while !hosts[host].queue.isEmpty {
            let place = conditions.isReordering ? choice.number(0..<hosts[host].queue.count) : 0
            let command = hosts[host].queue[place]
            guard try take(command) else { return }
            reports += 1
            hosts[host].queue.remove(at: place)
            for _ in 0..<copies() { add(.comesAgain(host, command), in: seconds(0..<300)) }
        }
    }

    private mutating func relapse(_ host: Int) {
        guard hosts[host].running == plan.definition.release else { return }
        let running = InstalledRelease(
            release: plan.definition.release, manifest: plan.manifest, isHealthy: false)
        says(.health(hosts[host].id, ProductHealth(running: running, detail: "it flaps")), host: host)
    }

    // MARK: contact

    private mutating func setReachable(_ host: Int, _ isReachable: Bool) throws(SimulationFailure) {
        if isReachable, hosts[host].isDead { return }
        hosts[host].isReachable = isReachable
        guard isReachable else {
            guard hosts[host].isConnected else { return }
            hosts[host].isConnected = false
            try take(.contact(hosts[host].id, .offline))
            return
        }
        add(.connect(host), in: seconds(0..<5))
        if hosts[host].delivery == .pull { addCheck(host) }
    }

    private mutating func connect(_ host: Int) throws(SimulationFailure) {
        guard isUp, hosts[host].isReachable, !hosts[host].isDead, !hosts[host].isConnected else { return }
        if hosts[host].delivery == .push {
            hosts[host].isConnected = true
            hosts[host].connection += 1
            let outstanding = rollout.outstandingOrders(for: hosts[host].id)
            try take(.contact(hosts[host].id, .online))
            for order in outstanding { transmit(order, to: host) }
        }
        try flush(host)
    }

    private mutating func partition() throws(SimulationFailure) {
        let share = choice.one([10, 50, 100])
        let heals = seconds(30..<3600)
        for host in hosts.indices where choice.chance(share) {
            try setReachable(host, false)
            add(.heal(host), in: heals)
        }
    }

    private mutating func check(_ host: Int) {
        guard hosts[host].isReachable, !hosts[host].isDead, let channel else { return }
        let isNamed = channel.contains(hosts[host].id)
        if isNamed { hear(channel.view.order, counter: channel.counter, host: host) }
        // It is not meant any more, or the release was revoked: what has not begun in earnest is dropped.
        guard isRevoked || !isNamed && channel.view.order.action == .install, channel.counter >= hosts[host].counterMax
        else { return }
        let open = hosts[host].stopsAt.keys.filter { !hosts[host].dropped.contains($0) }
        for order in open.sorted(by: { $0.attempt < $1.attempt }) { drop(order, host: host) }
    }

    private mutating func drop(_ order: OrderID, host: Int) {
        guard !hosts[host].isDead, let word = hosts[host].drop(order, plan, at: now) else { return }
        says(word, host: host)
    }

    // MARK: orders

    /// A host hears an order: its reports and the effect are put on the agenda.
    private mutating func hear(_ order: OrderID, counter: Int, host: Int) {
        guard !hosts[host].isDead, counter >= hosts[host].counterMax, hosts[host].known.insert(order).inserted else {
            return
        }
        hosts[host].counterMax = counter
        let begin = max(now, hosts[host].busyUntil)
        let end = begin + .milliseconds(Int64(choice.number(2000..<90_000)))
        hosts[host].busyUntil = end
        let steps: [(InstallationStep, Int64)] =
            order.action == .install
            ? [(.received, 0), (.staged, 40), (.stopping, 50), (.switched, 55), (.checking, 70)] : [(.backingOut, 0)]
        let took = end.since(begin).milliseconds
        if order.action == .install { hosts[host].stopsAt[order] = begin + .milliseconds(took / 2) }
        for (step, percent) in steps {
            let progress = OrderProgress(order: order, release: plan.definition.release, step: step)
            let at = begin + .milliseconds(took * percent / 100)
            add(.says(host, .progress(hosts[host].id, progress)), in: at.since(now))
        }
        add(.effect(host, order, outcome(of: order, host: host)), in: end.since(now))
    }

    private mutating func outcome(of order: OrderID, host: Int) -> HostOutcome {
        guard order.action == .install else {
            return choice.chance(conditions.backOutFailurePercent) ? .backOutFailed : .backedOut(nil)
        }
        guard choice.chance(conditions.failurePercent(phase: hosts[host].phase)) else { return .succeeded }
        return choice.one([
            .backedOut(.health), .backedOut(.health), .backedOut(.confirm), .failed(.install), .failed(.preflight),
            .failed(.transport), .backOutFailed, .skipped("pinned"),
        ])
    }
}
