import ReleaseDefinition

/// The parts of a plan as people write them in rollout.yaml.
enum PlanWords {
    static func difference(_ what: String, _ old: String, _ new: String) -> String {
        // What words do not tell apart is different nonetheless.
        old == new ? "\(what) is written differently: \(new)" : "\(what) was \(old), is \(new)"
    }

    static func strategy(_ strategy: RolloutStrategy) -> String {
        switch strategy {
        case .bigBang: "bigBang"
        case .phased(let list): "phased [\(list.map(phase).joined(separator: ", "))]"
        case .continuous(let list): "continuous [\(list.map(phase).joined(separator: ", "))]"
        case .parallel(let sides):
            "parallel { first: \(sides.first), second: \(sides.second), switch: \(sides.switchHook), "
                + "timeout: \(sides.timeout), bake: \(sides.bake) }"
        }
    }

    static func phase(_ phase: PhaseDefinition) -> String {
        var parts: [String] = []
        switch phase.members {
        case .query(let query): parts.append("query: \(query)")
        case .list(let hosts): parts.append("list: \(hosts.count.of("host"))")
        case nil: break
        }
        if phase.bake > .zero { parts.append("bake: \(phase.bake)") }
        if let tolerance = phase.failureTolerance { parts.append("failureTolerance: \(self.tolerance(tolerance))") }
        if let required = phase.requiredSuccesses { parts.append("requiredSuccesses: \(size(required))") }
        if let promotion = phase.promotion { parts.append("promotion: \(promotion.rawValue)") }
        if let gates = phase.gates { parts.append("gates: [\(gates.map(\.text).joined(separator: ", "))]") }
        return parts.isEmpty ? size(phase.size) : "{ \(([size(phase.size)] + parts).joined(separator: ", ")) }"
    }

    static func size(_ size: PhaseSize) -> String {
        switch size {
        case .count(let count): "\(count)"
        case .percent(let percent): "\(percent)%"
        }
    }

    static func tolerance(_ tolerance: Tolerance) -> String {
        switch (tolerance.count, tolerance.percent) {
        case (let count?, let percent?): "{ count: \(count), percent: \(percent) }"
        case (let count?, nil): "\(count)"
        case (nil, let percent?): "\(percent)%"
        case (nil, nil): "any"
        }
    }

    /// Each limit that differs by itself.
    static func differences(_ old: RolloutLimits, _ new: RolloutLimits) -> [String] {
        zip(limits(old), limits(new)).filter { $0.0.value != $0.1.value }.map { one, other in
            difference(one.name, one.value, other.value)
        }
    }

    private static func limits(_ it: RolloutLimits) -> [(name: String, value: String)] {
        let group = it.maxUnavailable.map { "\($0.count) by \($0.by)" }
        return [
            ("parallelism", size(it.parallelism)),
            ("failureTolerance", it.failureTolerance.map(tolerance) ?? "not given"),
            ("offlineTolerance", tolerance(it.offlineTolerance)), ("offlineGrace", "\(it.offlineGrace)"),
            ("progressDeadline", "\(it.progressDeadline)"), ("maxUnavailable", group ?? "not given"),
            ("expectedDuration", it.expectedDuration.map { "\($0)" } ?? "not given"),
            ("silentAfter", it.silentAfter.map { "\($0)" } ?? "not given"),
            ("unhealthyBefore", it.unhealthyBefore?.rawValue ?? "not given"),
            ("earlyLife", it.earlyLife.map { "\($0)" } ?? "not given"),
            ("bandwidth", it.bandwidth.map { "\($0.value)" } ?? "not given"),
            ("totalBandwidth", it.totalBandwidth.map { "\($0.value)" } ?? "not given"),
        ]
    }

    static func windows(_ windows: [MaintenanceWindow]) -> String {
        list(windows.map { "\($0.opens) for \($0.span) \($0.zone)" })
    }

    static func freezes(_ freezes: [Freeze]) -> String {
        list(freezes.map { "\($0.from) until \($0.until)" })
    }

    private static func list(_ words: [String]) -> String {
        words.isEmpty ? "empty" : "[\(words.joined(separator: ", "))]"
    }
}
