/// What the policy says to a release and to a rollout: every refusal at once.
extension ReleasePolicy {
    public func refusals(of submission: PolicySubmission) -> [PolicyRefusal] {
        var refusals: [PolicyRefusal] = []
        let (version, category) = (submission.release.version, submission.category)
        let path = "numbering.\(category.rawValue)"
        if let pattern = numbering.pattern(of: category), !pattern.matches(version) {
            refusals.append(
                refusal(
                    .numbering, path, "version \(version) is \(category.rawValue), and such versions are \(pattern).",
                    "Change the number or the category."))
        } else if let expected = numbering.expected(version, category, known: submission.known) {
            refusals.append(
                refusal(
                    .numbering, "numbering.gaps",
                    "version \(version) leaves a gap: the next \(category.rawValue) version is \(expected).",
                    "Number it \(expected)."))
        }
        return refusals + environmentRefusals(submission.environment)
    }

    public func refusals(of rollout: RolloutDefinition, _ facts: PolicyFacts) -> [PolicyRefusal] {
        let absent = environmentRefusals(rollout.environment)
        guard absent.isEmpty, let environment = environment(rollout.environment) else {
            return absent + gateRefusals(rollout) + earlyLifeRefusals(rollout, facts)
                + agreeing(freezeRefusals(rollout.environment, facts), rollout.environment, facts)
        }
        let path = "environments.\(environment.name)"
        var refusals: [PolicyRefusal] = []
        if let before = environment.after, !facts.rolledOutIn.contains(before) {
            refusals.append(
                refusal(
                    .after, "\(path).after", "\(rollout.release) was not rolled out in \(before) to a good end.",
                    "Roll it out there first."))
        }
        if let strategies = environment.strategies, !strategies.contains(rollout.strategy.kind) {
            refusals.append(
                refusal(
                    .strategy, "\(path).strategies",
                    "\(rollout.strategy.kind.rawValue) is asked for, "
                        + "\(strategies.map(\.rawValue).joined(separator: ", ")) is allowed.",
                    "Change the strategy of the rollout."))
        }
        if facts.authorisations < environment.authorisations {
            refusals.append(
                refusal(
                    .authorisations, "\(path).authorisations",
                    "\(facts.authorisations) of \(environment.authorisations) people have authorised the plan"
                        + (environment.authorisationChain.map { " (\($0.joined(separator: ", then ")))" } ?? "") + ".",
                    "Freeze it with slipway rollout plan and let them sign it with slipway rollout authorise."))
        }
        return refusals + gateRefusals(rollout) + earlyLifeRefusals(rollout, facts)
            + backOutRefusals(rollout, environment.backOut, hostCount: facts.hosts.count, path)
            + agreeing(waits(environment.name, facts), environment.name, facts)
            + overlapRefusals(environment, facts, path)
    }

    /// What only time cures.
    private func waits(_ name: EnvironmentName, _ facts: PolicyFacts) -> [PolicyRefusal] {
        guard let environment = environment(name) else { return freezeRefusals(name, facts) }
        let path = "environments.\(name)"
        return cadenceRefusals(environment, facts, path) + freezeRefusals(name, facts)
            + windowRefusals(environment, facts, path)
    }

    /// A freeze may end while no window is open: each names the first moment at which none of them holds, where it is
    /// another than its own.
    private func agreeing(
        _ refusals: [PolicyRefusal], _ environment: EnvironmentName, _ facts: PolicyFacts
    ) -> [PolicyRefusal] {
        guard let moment = firstStart(environment, facts) else { return refusals }
        return refusals.map { refusal in
            guard let own = refusal.until, own != moment else { return refusal }
            var refusal = refusal
            refusal.remedy = "Start it at \(moment): not before do cadence, freezes and windows all allow it."
            return refusal
        }
    }

    private func firstStart(_ environment: EnvironmentName, _ facts: PolicyFacts) -> UTCInstant? {
        var facts = facts
        for _ in 0..<500 {
            let waits = waits(environment, facts)
            if waits.isEmpty { return facts.now }
            guard waits.allSatisfy({ $0.until != nil }), let next = waits.compactMap(\.until).max(), next > facts.now
            else { return nil }
            facts.now = next
        }
        return nil
    }

    private func environmentRefusals(_ name: EnvironmentName) -> [PolicyRefusal] {
        guard !environments.isEmpty, environment(name) == nil else { return [] }
        let known = environments.map(\.name.text).joined(separator: ", ")
        return [
            refusal(
                .environment, "environments", "nothing is deployed to \(name): there are \(known).",
                "Name one of them, or add \(name) to the policy.")
        ]
    }

    private func gateRefusals(_ rollout: RolloutDefinition) -> [PolicyRefusal] {
        let phases = rollout.strategy.phases ?? []
        let known = gates.isEmpty ? "there is none" : "there are \(gates.map(\.name.text).joined(separator: ", "))"
        return Set(phases.flatMap { $0.gates ?? [] }).sorted().filter { gate($0) == nil }.map { name in
            refusal(
                .gates, "gates", "a phase names the gate \(name), \(known).",
                "Define it in the policy, or name another.")
        }
    }

    private func backOutRefusals(
        _ rollout: RolloutDefinition, _ criteria: BackOutCriteria, hostCount: Int, _ path: String
    ) -> [PolicyRefusal] {
        var refusals: [PolicyRefusal] = []
        let asked = rollout.failurePercentMax(of: hostCount)
        if let limit = criteria.failurePercentMax, asked > limit {
            refusals.append(
                refusal(
                    .backOut, "\(path).backOut.failureTolerance",
                    "the rollout tolerates \(asked) % of failing hosts, \(limit) % is allowed.",
                    "Write failureTolerance: \(limit)% or less."))
        }
        let order: [BackOutScope] = [.host, .phase, .rollout]
        if let least = criteria.scopeMin, let asked = order.firstIndex(of: rollout.backOut),
            let needed = order.firstIndex(of: least), asked < needed
        {
            refusals.append(
                refusal(
                    .backOut, "\(path).backOut.scope",
                    "the rollout backs out the \(rollout.backOut.rawValue), at least the \(least.rawValue) is required.",
                    "Write backOut: \(least.rawValue)."))
        }
        return refusals
    }

    private func earlyLifeRefusals(_ rollout: RolloutDefinition, _ facts: PolicyFacts) -> [PolicyRefusal] {
        guard let category = facts.category, let least = earlyLife.least(of: category),
            let asked = rollout.limits.earlyLife, asked < least
        else { return [] }
        return [
            refusal(
                .earlyLife, "earlyLife.\(category.rawValue)",
                "the rollout watches for \(asked), \(category.rawValue) releases are watched for \(least).",
                "Leave limits.earlyLife out, or write \(least) or more.")
        ]
    }

    private func overlapRefusals(
        _ environment: EnvironmentPolicy, _ facts: PolicyFacts, _ path: String
    ) -> [PolicyRefusal] {
        guard environment.refusesOverlap == true else { return [] }
        return facts.overlaps.map {
            refusal(
                .overlap, "\(path).overlap", $0,
                "Start it after that one's end, in another window, or leave these hosts out of one of the two.")
        }
    }

    private func cadenceRefusals(
        _ environment: EnvironmentPolicy, _ facts: PolicyFacts, _ path: String
    ) -> [PolicyRefusal] {
        guard let cadence = environment.cadence else { return [] }
        let recent = facts.starts.filter { $0 > facts.now - cadence.within }.sorted()
        guard recent.count >= cadence.countMax, cadence.countMax > 0 else { return [] }
        let until = recent[recent.count - cadence.countMax] + cadence.within
        let rollouts = recent.count == 1 ? "1 rollout" : "\(recent.count) rollouts"
        return [
            refusal(
                .cadence, "\(path).cadence",
                "\(rollouts) of the product began here in the last \(cadence.within), \(cadence.countMax) may.",
                "Start it at \(until) or later.", until: until)
        ]
    }

    private func freezeRefusals(_ environment: EnvironmentName, _ facts: PolicyFacts) -> [PolicyRefusal] {
        freezes.enumerated().compactMap { position, it in
            guard it.freeze.holds(at: facts.now), it.concerns(environment, facts.hosts) else { return nil }
            return refusal(
                .freeze, "freezes[\(position)]", "frozen until \(it.freeze.until): \(it.freeze.reason).",
                "Start it then.", until: it.freeze.until)
        }
    }

    private func windowRefusals(
        _ environment: EnvironmentPolicy, _ facts: PolicyFacts, _ path: String
    ) -> [PolicyRefusal] {
        guard !environment.windows.isEmpty else { return [] }
        // The controller's own clock is what is asked here; a host's is looked at when it starts.
        let waits = startRules(of: environment.name, facts)
            .permission(at: facts.now, expected: environment.duration, clockError: .zero)
        guard case .waits(let until, let reason) = waits else { return [] }
        let then = until.map { "Start it at \($0)" } ?? "Correct the window: it never opens for \(environment.duration)"
        return [
            refusal(
                .window, "\(path).windows", "\(reason).",
                "\(then), or see slipway window propose --environment \(environment.name).", until: until)
        ]
    }

    /// The windows of an environment as values that tell when hosts may be changed; without the freezes.
    public func startRules(of environment: EnvironmentName, _ facts: PolicyFacts) -> StartRules {
        StartRules(
            windows: windows(of: environment).compactMap { it in
                facts.zones[it.window.zone].map { (it.window, $0) }
            })
    }

    func refusal(
        _ rule: PolicyRule, _ path: String, _ summary: String, _ remedy: String, until: UTCInstant? = nil
    ) -> PolicyRefusal {
        PolicyRefusal(rule: rule, path: path, place: place(of: path), summary: summary, remedy: remedy, until: until)
    }

    /// Of the value, or of what it lies in.
    public func place(of path: String) -> SourcePlace? {
        var path = path
        while true {
            if let place = places[path] { return place }
            guard let dot = path.lastIndex(where: { $0 == "." || $0 == "[" }) else { return nil }
            path = String(path[..<dot])
        }
    }
}

extension RolloutDefinition {
    /// The most that any phase after the pilot tolerates, in percent. A count alone is the share of all hosts, rounded
    /// up; of an unknown number of hosts it is none.
    func failurePercentMax(of hostCount: Int) -> Int {
        let fallback: Tolerance
        let own: [Tolerance?]
        switch strategy {
        case .bigBang: (fallback, own) = (Tolerance(percent: 10), [nil])
        case .parallel: (fallback, own) = (Tolerance(percent: 5), [nil])
        case .phased(let phases), .continuous(let phases):
            (fallback, own) = (Tolerance(percent: 5), phases.dropFirst().map(\.failureTolerance))
        }
        return own.map { $0 ?? limits.failureTolerance ?? fallback }.map { tolerance in
            if let percent = tolerance.percent { return percent }
            guard let count = tolerance.count, hostCount > 0 else { return 0 }
            return min(100, (min(count, hostCount) * 100 + hostCount - 1) / hostCount)
        }.max() ?? 0
    }
}
