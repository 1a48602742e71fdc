import ReleaseDefinition

/// Collects what is wrong with a plan, so that it is said all at once.
struct PlanChecks {
    private var problems: [String] = []
    /// As the reader of `rollout.yaml` allows.
    private static let spanMax = TimeSpan.days(3650)

    /// nil: nothing is wrong.
    var error: RolloutError? {
        problems.isEmpty
            ? nil
            : RolloutError(
                code: "plan.invalid",
                summary: "The rollout cannot be planned: " + problems.joined(separator: "; ") + ".",
                remedy: "Correct the rollout's definition; nothing was started.")
    }

    mutating func check(_ definition: RolloutDefinition, urgency: RolloutUrgency, healthyDeadline: TimeSpan?) {
        let limits = definition.limits
        check(limits.parallelism, "parallelism")
        check(limits.offlineTolerance, "the offline tolerance")
        if let tolerance = limits.failureTolerance { check(tolerance, "the failure tolerance") }
        check(limits.offlineGrace, "the offline grace")
        if let limit = limits.maxUnavailable, limit.count < 1 || limit.by.isEmpty {
            problems.append(
                "maxUnavailable is \(limit.count) by \(limit.by.debugDescription), it must be 1 or more by a label")
        }
        check(limits.progressDeadline, "the progress deadline")
        if limits.progressDeadline <= .zero {
            problems.append("the progress deadline is \(limits.progressDeadline), it must be longer than 0s")
        }
        if let healthyDeadline, healthyDeadline >= limits.progressDeadline {
            problems.append(
                "the release's healthy deadline, \(healthyDeadline), is not shorter than the progress deadline, "
                    + "\(limits.progressDeadline)")
        }
        if let expected = limits.expectedDuration { check(expected, "the expected duration") }
        if let silent = limits.silentAfter { check(silent, "silentAfter") }
        if let early = limits.earlyLife { check(early, "the early life support") }
        if case .parallel(let sides) = definition.strategy {
            check(sides.timeout, "the time of the switch")
            check(sides.bake, "the bake of the sides")
        }
        if let phases = definition.strategy.phases {
            if phases.isEmpty { problems.append("the strategy is phased and has 0 phases, 1 is the least") }
            for (index, phase) in phases.enumerated() {
                check(phase.size, "the size of phase \(index + 1)")
                check(phase.bake, "the bake of phase \(index + 1)")
                if let tolerance = phase.failureTolerance { check(tolerance, "the tolerance of phase \(index + 1)") }
                if let size = phase.requiredSuccesses { check(size, "the required successes of phase \(index + 1)") }
            }
        }
        if case .emergency(let reason) = urgency, reason.isEmpty {
            problems.append("it is an emergency without a reason")
        }
    }

    /// A share so small would let nothing arrive in time.
    mutating func checkBandwidth(_ plan: RolloutPlan) {
        guard let total = plan.definition.limits.totalBandwidth, let share = plan.hostBandwidth,
            share < RolloutLimits.bandwidthMin
        else { return }
        problems.append(
            "totalBandwidth is \(total.value) bytes a second and \(plan.atOnce.of("host")) are changed at once, which leaves "
                + "\(share.value) to each, and \(RolloutLimits.bandwidthMin.value) are the least: lower parallelism or raise it"
        )
    }

    /// A migration that no host runs would leave the release without what it needs.
    mutating func noteMigration(_ unit: MigrationUnit, _ count: Int) {
        problems.append(
            "the migration \(unit.unit) runs on \(unit.runOn.text.debugDescription), which names 0 of its "
                + "\(count.of("host"))")
    }

    mutating func checkUnique(_ hosts: [PlanHost]) {
        var seen: Set<HostID> = []
        for host in hosts where !seen.insert(host.id).inserted { problems.append("host \(host.id) is there twice") }
    }

    /// A last phase that leaves hosts out would end as a success that is none for them.
    mutating func checkReach(_ phases: [PlanPhase], total: Int) {
        let reached = phases.reduce(0) { $0 + $1.hosts.count }
        guard reached < total else { return }
        problems.append("its phases reach \(reached) of \(total.of("host")), the last must reach all (100%)")
    }

    /// Traffic that is switched to a side without hosts goes nowhere.
    mutating func checkSides(_ list: PhaseList, _ hosts: [PlanHost]) {
        guard let sides = list.sides else { return }
        let first = hosts.filter { sides.first.matches(id: $0.id, labels: $0.labels) }
        let second = hosts.filter { sides.second.matches(id: $0.id, labels: $0.labels) }
        for (query, members) in [(sides.first, first), (sides.second, second)] where members.isEmpty {
            problems.append("the side \(query.text.debugDescription) has 0 of \(hosts.count) hosts")
        }
        let both = Set(first.map(\.id)).intersection(second.map(\.id)).sorted()
        if let one = both.first { problems.append("\(both.count) hosts are on both sides, as \(one)") }
    }

    /// The same before hosts are in phases, to be said with all other problems.
    mutating func checkReach(_ list: PhaseList, total: Int) {
        guard list.phases.allSatisfy({ $0.members == nil }),
            let reached = list.phases.map({ $0.size.hosts(of: total) }).max(), reached < total
        else { return }
        problems.append("its phases reach \(reached) of \(total.of("host")), the last must reach all (100%)")
    }

    /// A host that a phase names and that is not there is a slip of the pen.
    mutating func checkMembers(_ list: PhaseList, _ hosts: [PlanHost]) {
        let known = Set(hosts.map(\.id))
        for (index, phase) in list.phases.enumerated() {
            guard case .list(let named) = phase.members else { continue }
            for host in named where !known.contains(host) {
                problems.append("phase \(index + 1) names \(host), which is not among its \(known.count.of("host"))")
            }
        }
    }

    mutating func checkStarts(_ starts: [StartInterval]?, urgency: RolloutUrgency) {
        guard let starts, !urgency.ignoresWindows, starts.isEmpty else { return }
        problems.append(
            "no window is open for long enough in the next ten years: a window must hold expectedDuration, or else the "
                + "progress deadline")
    }

    private mutating func check(_ size: PhaseSize, _ what: String) {
        switch size {
        case .count(let count) where count < 1: problems.append("\(what) is \(count), it must be 1 or more")
        case .percent(let percent) where !(1...100).contains(percent):
            problems.append("\(what) is \(percent)%, it must be 1% to 100%")
        case .count, .percent: break
        }
    }

    private mutating func check(_ tolerance: Tolerance, _ what: String) {
        if tolerance.count == nil, tolerance.percent == nil {
            problems.append("\(what) names neither a count nor a percentage")
        }
        if let count = tolerance.count, count < 0 { problems.append("\(what) is \(count), it must be 0 or more") }
        if let percent = tolerance.percent, !(0...100).contains(percent) {
            problems.append("\(what) is \(percent)%, it must be 0% to 100%")
        }
    }

    private mutating func check(_ span: TimeSpan, _ what: String) {
        if span < .zero || span > Self.spanMax {
            problems.append("\(what) is \(span), it must be 0s to \(Self.spanMax)")
        }
    }
}
