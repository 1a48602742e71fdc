/// How local time of one place is read: from the bytes of a TZif file (RFC 8536), as below /usr/share/zoneinfo.
public struct ZoneRules: Sendable, Hashable {
    /// The IANA name, for people.
    public let name: String
    /// Moments, in seconds since 1970, from which an offset holds.
    let changes: [Change]
    /// Before the first change.
    let firstOffset: Int64
    /// After the last change.
    let rule: ZoneRule?

    struct Change: Sendable, Hashable {
        var at: Int64
        /// Seconds east of Greenwich.
        var offset: Int64
    }

    public static let utc = ZoneRules(name: "UTC", changes: [], firstOffset: 0, rule: nil)

    init(name: String, changes: [Change], firstOffset: Int64, rule: ZoneRule?) {
        self.name = name
        self.changes = changes
        self.firstOffset = firstOffset
        self.rule = rule
    }

    /// Seconds east of Greenwich at that moment.
    public func offset(at instant: UTCInstant) -> Int64 {
        offset(at: instant.millisecondsSince1970.quotientAndRemainderFloored(dividingBy: 1000).0)
    }

    func offset(at seconds: Int64) -> Int64 {
        if let last = changes.last, seconds >= last.at { return rule?.offset(at: seconds) ?? last.offset }
        if changes.isEmpty { return rule?.offset(at: seconds) ?? firstOffset }
        let next = firstChange(after: seconds)
        return next == 0 ? firstOffset : changes[next - 1].offset
    }

    private func firstChange(after seconds: Int64) -> Int {
        var (low, high) = (0, changes.count)
        while low < high {
            let middle = (low + high) / 2
            if changes[middle].at <= seconds { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The changes of the clock in a span, each with the offset before it and from it on.
    func clockChanges(in span: Range<Int64>) -> [(at: Int64, before: Int64, after: Int64)] {
        var moments = changes[firstChange(after: span.lowerBound - 1)...].prefix { $0.at < span.upperBound }.map(\.at)
        if let rule, span.upperBound > (changes.last?.at ?? .min) {
            moments += rule.changes(in: span).filter { $0 > changes.last?.at ?? .min }
        }
        return moments.sorted().compactMap { at in
            let (before, after) = (offset(at: at - 1), offset(at: at))
            return before == after ? nil : (at, before, after)
        }
    }

    /// The moment that the clock on the wall shows so many seconds since 1970 there: the first one of a repeated hour,
    /// the end of the gap for one that is skipped (semantics 7).
    func instant(ofLocal local: Int64) -> Int64 {
        let span = local - 172_800..<local + 172_800
        var (start, before) = (Int64.min, offset(at: span.lowerBound))
        for change in clockChanges(in: span) {
            let candidate = local - before
            if candidate >= start, candidate < change.at { return candidate }
            // Between what the clock showed last before the change and what it showed first after it.
            if local >= change.at + before, local < change.at + change.after { return change.at }
            (start, before) = (change.at, change.after)
        }
        return max(start, local - before)
    }
}

/// What holds after the last change that a file lists: a POSIX TZ string, as `CET-1CEST,M3.5.0,M10.5.0/3`.
struct ZoneRule: Sendable, Hashable {
    var standard: Int64
    var summer: Summer?

    struct Summer: Sendable, Hashable {
        var offset: Int64
        var begins: YearDay
        var ends: YearDay
    }

    /// A day of the year, and the local time on it in seconds; it may lie days away.
    struct YearDay: Sendable, Hashable {
        enum Day: Sendable, Hashable {
            /// 1 … 365, February 29 is never counted.
            case julian(Int64)
            /// 0 … 365.
            case number(Int64)
            /// Of a month, the week (5: the last), the weekday from Sunday.
            case weekday(month: Int64, week: Int64, day: Int64)
        }

        var day: Day
        var seconds: Int64

        /// Seconds since 1970 on the wall.
        func local(in year: Int64) -> Int64 {
            let first = UTCInstant.daysSince1970(year: year, month: 1, day: 1)
            let number: Int64
            switch day {
            case .julian(let day):
                number = first + day - 1 + (day >= 60 && UTCInstant.daysIn(month: 2, year: year) == 29 ? 1 : 0)
            case .number(let day): number = first + day
            case .weekday(let month, let week, let day):
                let start = UTCInstant.daysSince1970(year: year, month: month, day: 1)
                let weekday = (start + 4).quotientAndRemainderFloored(dividingBy: 7).1
                var date = start + (day - weekday + 7) % 7 + (week - 1) * 7
                if date - start >= UTCInstant.daysIn(month: month, year: year) { date -= 7 }
                number = date
            }
            return number * 86_400 + seconds
        }
    }

    func offset(at seconds: Int64) -> Int64 {
        guard let summer else { return standard }
        let days = (seconds + standard).quotientAndRemainderFloored(dividingBy: 86_400).0
        let year = UTCInstant.civil(daysSince1970: days).0
        // A change may lie days outside its year; the last one before the moment decides.
        let latest = (year - 1...year + 1).flatMap { year in
            [
                (summer.begins.local(in: year) - standard, summer.offset),
                (summer.ends.local(in: year) - summer.offset, standard),
            ]
        }.filter { $0.0 <= seconds }.max { $0.0 < $1.0 }
        return latest?.1 ?? standard
    }

    func changes(in span: Range<Int64>) -> [Int64] {
        guard let summer else { return [] }
        let years = [span.lowerBound, span.upperBound].map { seconds in
            UTCInstant.civil(daysSince1970: seconds.quotientAndRemainderFloored(dividingBy: 86_400).0).0
        }
        return (years[0] - 1...years[1] + 1).flatMap { year in
            [summer.begins.local(in: year) - standard, summer.ends.local(in: year) - summer.offset]
        }.filter(span.contains)
    }
}
