/// When a rollout would hinder people least.
public struct WindowProposal: Sendable, Equatable, Codable {
    public var from: UTCInstant
    /// When it would be done.
    public var until: UTCInstant
    /// Until when it may take.
    public var windowUntil: UTCInstant?
    /// Minutes of busy time that it would lie in, each as often as its weight says. 0: none.
    public var restriction: Int64
    public var reasons: [String]
    public var clockChange: MaintenanceWindow.ClockChange?

    public init(
        from: UTCInstant, until: UTCInstant, windowUntil: UTCInstant?, restriction: Int64, reasons: [String],
        clockChange: MaintenanceWindow.ClockChange?
    ) {
        self.from = from
        self.until = until
        self.windowUntil = windowUntil
        self.restriction = restriction
        self.reasons = reasons
        self.clockChange = clockChange
    }
}

extension ReleasePolicy {
    /// Starts to choose from within a span: the best of each window, or of each day of UTC where there is none. Those that
    /// restrict people least come first, of equals the one without a clock change, then the earliest.
    ///
    /// Looked at are the openings of the environment's windows and every quarter of an hour in them; without windows
    /// every quarter of an hour. What a freeze would catch before its end is left out.
    public func proposals(
        for environment: EnvironmentName, takes: TimeSpan, within: TimeSpan, _ facts: PolicyFacts, count: Int
    ) -> [WindowProposal] {
        let end = facts.now + within
        let freezes = freezes.filter { $0.concerns(environment, facts.hosts) }.map(\.freeze)
        let busy = busy.flatMap { time -> [BusySpan] in
            guard let zone = facts.zones[time.window.zone] else { return [] }
            let openings = time.window.openings(from: facts.now - time.window.span, until: end + takes, in: zone)
            return openings.map { BusySpan(from: $0.from, until: $0.until, weight: time.weight, reason: time.reason) }
        }
        let candidates = spans(of: environment, until: end, facts).flatMap { span in
            Self.quarters(span.from, span.until - takes).map { (from: $0, span: span) }
        }
        let proposals = candidates.compactMap { candidate -> WindowProposal? in
            let until = candidate.from + takes
            guard candidate.from < end, !freezes.contains(where: { $0.from < until && candidate.from < $0.until })
            else { return nil }
            let hit = busy.filter { $0.from < until && candidate.from < $0.until }
            let restriction = hit.reduce(Int64(0)) { sum, busy in
                let minutes = min(busy.until, until).since(max(busy.from, candidate.from)).milliseconds / 60_000
                return sum + max(1, minutes) * Int64(busy.weight)
            }
            return WindowProposal(
                from: candidate.from, until: until, windowUntil: candidate.span.windowUntil, restriction: restriction,
                reasons: Set(hit.map(\.reason)).sorted(), clockChange: candidate.span.clockChange)
        }
        let best = proposals.sorted {
            ($0.restriction, $0.clockChange == nil ? 0 : 1, $0.from)
                < ($1.restriction, $1.clockChange == nil ? 0 : 1, $1.from)
        }
        return Self.oneEach(best, count: count)
    }

    private struct BusySpan {
        var from: UTCInstant
        var until: UTCInstant
        var weight: Int
        var reason: String
    }

    private struct OpenSpan {
        var from: UTCInstant
        var until: UTCInstant
        var windowUntil: UTCInstant?
        var clockChange: MaintenanceWindow.ClockChange?
    }

    private func spans(of environment: EnvironmentName, until end: UTCInstant, _ facts: PolicyFacts) -> [OpenSpan] {
        guard self.environment(environment)?.windows.isEmpty == false else {
            return [OpenSpan(from: facts.now, until: end)]
        }
        return windows(of: environment).flatMap { it -> [OpenSpan] in
            guard let zone = facts.zones[it.window.zone] else { return [] }
            let open = it.window.opening(at: facts.now, in: zone).map { [$0] } ?? []
            return (open + it.window.openings(from: facts.now, until: end, in: zone)).map {
                OpenSpan(
                    from: max($0.from, facts.now), until: $0.until, windowUntil: $0.until, clockChange: $0.clockChange)
            }
        }
    }

    /// The beginning, and each full quarter of an hour up to the last that fits.
    private static func quarters(_ first: UTCInstant, _ last: UTCInstant) -> [UTCInstant] {
        guard first <= last else { return [] }
        let quarter = Int64(15 * 60_000)
        let next = (first.millisecondsSince1970 / quarter + 1) * quarter
        return [first]
            + stride(from: next, through: last.millisecondsSince1970, by: Int(quarter)).prefix(20_000)
            .map { UTCInstant(millisecondsSince1970: $0) }
    }

    /// Several starts of one night are no choice, nor are two that lie in each other: of these the best alone.
    /// - Parameter proposals: the best first.
    private static func oneEach(_ proposals: [WindowProposal], count: Int) -> [WindowProposal] {
        var chosen: [WindowProposal] = []
        var nights: Set<Int64> = []
        for proposal in proposals where chosen.count < count {
            let day = proposal.from.millisecondsSince1970 / 86_400_000
            let night = proposal.windowUntil?.millisecondsSince1970 ?? day
            let isClose = chosen.contains { $0.from < proposal.until && proposal.from < $0.until }
            if !isClose, nights.insert(night).inserted { chosen.append(proposal) }
        }
        return chosen
    }
}

extension MaintenanceWindow {
    /// The openings that begin in a span, in order.
    func openings(from start: UTCInstant, until end: UTCInstant, in zone: ZoneRules) -> [Opening] {
        var openings: [Opening] = []
        var after = start
        while openings.count < 20_000 {
            let found = self.openings(after: after, in: zone, count: 64)
            openings += found.prefix { $0.from < end }
            guard let last = found.last, last.from < end else { return openings }
            after = last.from
        }
        return openings
    }
}
