import ReleaseDefinition

/// A span of time in which hosts may start: from its beginning, and up to but not at its end.
public struct StartInterval: Sendable, Hashable, Codable {
    public var from: UTCInstant
    public var until: UTCInstant

    public init(from: UTCInstant, until: UTCInstant) {
        self.from = from
        self.until = until
    }
}

/// What windows and freezes leave (semantics 7): a freeze beats a window, a host starts only where what is left of the
/// window covers the expected duration.
extension StartInterval {
    /// So many openings of each window are looked at.
    public static let openingsMax = 200
    private static let horizon = TimeSpan.days(3650)

    /// - Parameter zone: the rules of a zone by its name.
    /// - Returns: nil where nothing binds; empty where no start will ever be possible.
    public static func all(
        windows: [MaintenanceWindow]?, freezes: [Freeze]?, expected: TimeSpan, from now: UTCInstant,
        zone: (String) throws -> ZoneRules
    ) rethrows -> [StartInterval]? {
        guard windows?.isEmpty == false || freezes?.isEmpty == false else { return nil }
        var intervals: [StartInterval] = []
        for window in windows ?? [] {
            let rules = try zone(window.zone)
            let open = window.opening(at: now, in: rules).map { [$0] } ?? []
            for opening in open + window.openings(after: now, in: rules, count: openingsMax) {
                // One that is done to the millisecond is done in time.
                let until = opening.until - expected + .milliseconds(1)
                if opening.from < until { intervals.append(.init(from: opening.from, until: until)) }
            }
        }
        if windows?.isEmpty != false { intervals = [.init(from: now, until: now + horizon)] }
        return (freezes ?? []).reduce(united(intervals)) { $0.cut(by: $1) }
    }

    private static func united(_ intervals: [StartInterval]) -> [StartInterval] {
        var united: [StartInterval] = []
        for next in intervals.sorted(by: { $0.from < $1.from }) {
            if let last = united.last, next.from <= last.until {
                united[united.count - 1].until = max(last.until, next.until)
            } else {
                united.append(next)
            }
        }
        return united
    }
}

extension [StartInterval] {
    fileprivate func cut(by freeze: Freeze) -> [StartInterval] {
        flatMap { interval -> [StartInterval] in
            guard freeze.from < interval.until, interval.from < freeze.until else { return [interval] }
            return [
                StartInterval(from: interval.from, until: freeze.from),
                StartInterval(from: freeze.until, until: interval.until),
            ].filter { $0.from < $0.until }
        }
    }

    /// The one that holds at that moment.
    func open(at moment: UTCInstant) -> StartInterval? { first { $0.from <= moment && moment < $0.until } }

    /// The moment itself or the beginning of the next; nil: there is none.
    func next(from moment: UTCInstant) -> UTCInstant? {
        first { moment < $0.until }.map { Swift.max($0.from, moment) }
    }
}
