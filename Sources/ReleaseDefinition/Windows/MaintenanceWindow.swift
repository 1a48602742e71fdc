/// When hosts may be changed: it opens by a calendar expression on the wall clock of a zone and stays open for a span of
/// true time. A repeated hour opens it once; an opening that the clock skips moves to the next minute that exists.
public struct MaintenanceWindow: Sendable, Hashable, Codable {
    public var opens: CalendarExpression
    public var span: TimeSpan
    /// The IANA name.
    public var zone: String

    public init(opens: CalendarExpression, span: TimeSpan, zone: String) {
        self.opens = opens
        self.span = span
        self.zone = zone
    }

    /// A name that stays below the folder of zones; whether there is such a zone only that folder knows.
    public static func isZoneName(_ text: String) -> Bool {
        (1...100).contains(text.utf8.count) && !text.hasPrefix("/")
            && text.utf8.allSatisfy { $0 != UInt8(ascii: ".") && $0 > UInt8(ascii: " ") && $0 < 0x7F }
    }

    /// A leap day that is a given weekday comes back after 28 years, over the end of a century after 40.
    private static let daysMax: Int64 = 41 * 366

    public struct Opening: Sendable, Hashable, Codable {
        public var from: UTCInstant
        public var until: UTCInstant
        /// What the clock on the wall does about then.
        public var clockChange: ClockChange?
    }

    public enum ClockChange: String, Sendable, Codable, CaseIterable {
        /// The time it should open at does not exist on that day.
        case skipped
        /// The time it opens at comes twice on that day: the first counts.
        case repeated
        /// The clock is changed while it is open.
        case during
    }

    /// The openings that begin after a moment, in order, each once.
    public func openings(after moment: UTCInstant, in zone: ZoneRules, count: Int) -> [Opening] {
        starts(after: moment, in: zone, count: count).map { opening($0.at, local: $0.local, in: zone) }
    }

    /// In seconds since 1970, in truth and on the wall.
    private func starts(
        after moment: UTCInstant, upTo end: UTCInstant? = nil, in zone: ZoneRules, count: Int
    ) -> [(at: Int64, local: Int64)] {
        var found: [(Int64, Int64)] = []
        let seconds = moment.wholeSeconds.millisecondsSince1970 / 1000
        let end = end.map { $0.wholeSeconds.millisecondsSince1970 / 1000 } ?? .max
        let first = (seconds + zone.offset(at: seconds)).quotientAndRemainderFloored(dividingBy: 86_400).0 - 2
        // Two openings that the clock skips move to the same minute: it opens once.
        var last = seconds
        for number in first..<first + Self.daysMax where opens.matches(CivilDay(number: number)) {
            for hour in opens.hours {
                for minute in opens.minutes {
                    let local = number * 86_400 + Int64(hour * 3600 + minute * 60)
                    let at = zone.instant(ofLocal: local)
                    guard at > last else { continue }
                    guard at <= end, found.count < count else { return found }
                    last = at
                    found.append((at, local))
                }
            }
        }
        return found
    }

    private func opening(_ at: Int64, local: Int64, in zone: ZoneRules) -> Opening {
        let from = UTCInstant(secondsSince1970: at)
        let until = from + span
        let end = until.millisecondsSince1970 / 1000
        var change: ClockChange?
        if at + zone.offset(at: at) != local {
            change = .skipped
        } else if zone.clockChanges(in: at + 1..<at + 172_800).contains(where: {
            local >= $0.at + $0.after && local < $0.at + $0.before
        }) {
            change = .repeated
        } else if end > at, !zone.clockChanges(in: at + 1..<end + 1).isEmpty {
            change = .during
        }
        return Opening(from: from, until: until, clockChange: change)
    }

    /// The opening that holds at that moment and lasts longest; nil: it is shut.
    public func opening(at moment: UTCInstant, in zone: ZoneRules) -> Opening? {
        // Where they overlap, the last to begin lasts longest.
        let since = moment - span - .milliseconds(1)
        guard let start = starts(after: since, upTo: moment, in: zone, count: .max).last else { return nil }
        let open = opening(start.at, local: start.local, in: zone)
        return moment < open.until ? open : nil
    }
}

/// A span of true time in which nothing starts.
public struct Freeze: Sendable, Hashable, Codable {
    public var from: UTCInstant
    public var until: UTCInstant
    public var reason: String

    public init(from: UTCInstant, until: UTCInstant, reason: String) {
        self.from = from
        self.until = until
        self.reason = reason
    }

    public func holds(at moment: UTCInstant) -> Bool { from <= moment && moment < until }
}

/// Whether a host may be changed now (semantics 7): a freeze beats a window beats the schedule.
public struct StartRules: Sendable {
    /// A host whose clock is off by more does not start in windows.
    public static let clockErrorMax = TimeSpan.minutes(2)

    /// None: any time.
    public var windows: [(window: MaintenanceWindow, zone: ZoneRules)]
    public var freezes: [Freeze]

    public init(windows: [(window: MaintenanceWindow, zone: ZoneRules)] = [], freezes: [Freeze] = []) {
        self.windows = windows
        self.freezes = freezes
    }

    public enum Permission: Sendable, Equatable {
        case given
        /// nil: not known when.
        case waits(until: UTCInstant?, reason: String)
        /// Its clock does not tell when a window is open.
        case skipped(String)
    }

    /// - Parameter expected: how long it takes; what would not be done in time is not begun.
    /// - Parameter clockError: of the host; nil: not known, then it opens no window by itself.
    public func permission(
        at now: UTCInstant, expected: TimeSpan, clockError: TimeSpan?, isEmergency: Bool = false,
        isOverridden: Bool = false
    ) -> Permission {
        if isEmergency || isOverridden { return .given }
        if let freeze = freezes.filter({ $0.holds(at: now) }).max(by: { $0.until < $1.until }) {
            return .waits(until: freeze.until, reason: "frozen until \(freeze.until): \(freeze.reason)")
        }
        guard !windows.isEmpty else { return .given }
        guard let clockError, abs(clockError.milliseconds) <= Self.clockErrorMax.milliseconds else {
            return .skipped(
                "clock: it is off by \(clockError?.description ?? "an unknown span"), \(Self.clockErrorMax) at most")
        }
        let open = windows.compactMap { $0.window.opening(at: now, in: $0.zone) }.map(\.until).max()
        if let open, now + expected <= open { return .given }
        let long = windows.filter { $0.window.span >= expected }
        let next = long.compactMap { $0.window.openings(after: now, in: $0.zone, count: 1).first?.from }.min()
        return .waits(
            until: next,
            reason: open.map { "the window shuts at \($0), it takes \(expected)" } ?? "no window is open")
    }
}
