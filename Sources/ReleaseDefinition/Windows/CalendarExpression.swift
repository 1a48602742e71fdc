/// When something opens, in local time, to the minute: a subset of systemd's calendar events.
///
///     expression = [ weekdays ] [ date ] time
///     weekdays = DAY [ ".." DAY ] { "," DAY [ ".." DAY ] }      Mon … Sun
///     date = years "-" months "-" days                           each a field; all days if left out
///     time = hours ":" minutes                                   each a field
///     field = "*" | part { "," part } ;  part = NUMBER [ ".." NUMBER ] [ "/" STEP ]
public struct CalendarExpression: Sendable, Hashable, Codable, CustomStringConvertible {
    public let text: String
    /// 1 Monday … 7 Sunday.
    let weekdays: Set<Int>
    /// nil: every year.
    let years: Set<Int>?
    let months: Set<Int>
    let days: Set<Int>
    let hours: [Int]
    let minutes: [Int]

    /// - Throws: `definition.calendar` with the part that cannot be read.
    public init(_ text: String) throws(DefinitionError) {
        let reader = CalendarReader(text: text)
        let parts = try reader.parts()
        self.text = text
        weekdays = try reader.weekdays(parts.weekdays)
        let date = try reader.date(parts.date)
        (years, months, days) = (date.years, date.months, date.days)
        let time = try reader.time(parts.time)
        hours = time.hours.sorted()
        minutes = time.minutes.sorted()
    }

    /// Whether something opens on that day.
    func matches(_ day: CivilDay) -> Bool {
        days.contains(day.day) && months.contains(day.month) && (years?.contains(day.year) ?? true)
            && weekdays.contains(day.weekday)
    }

    public init(from decoder: any Decoder) throws { try self.init(String(from: decoder)) }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }

    public var description: String { text }
}

/// A date without a clock or a zone.
struct CivilDay: Sendable, Hashable {
    /// Since 1970-01-01.
    var number: Int64

    init(number: Int64) { self.number = number }

    private var date: (Int64, Int64, Int64) { UTCInstant.civil(daysSince1970: number) }
    var year: Int { Int(date.0) }
    var month: Int { Int(date.1) }
    var day: Int { Int(date.2) }
    /// 1 Monday … 7 Sunday; 1970-01-01 was a Thursday.
    var weekday: Int { Int((number + 3).quotientAndRemainderFloored(dividingBy: 7).1) + 1 }
}

private struct CalendarReader {
    let text: String
    private static let names = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]

    func parts() throws(DefinitionError) -> (weekdays: Substring?, date: Substring?, time: Substring) {
        guard text.utf8.count <= 200 else { throw refuse("it is longer than 200 bytes") }
        var words = text.split(separator: " ")[...]
        guard let time = words.popLast(), time.contains(":") else { throw refuse("it has no time, as 22:00") }
        var date: Substring?
        if let last = words.last, last.contains("-") { date = words.removeLast() }
        let weekdays = words.popFirst()
        if let word = words.first { throw refuse("\(String(word).debugDescription) is unexpected") }
        return (weekdays, date, time)
    }

    func weekdays(_ word: Substring?) throws(DefinitionError) -> Set<Int> {
        guard let word else { return Set(1...7) }
        var days: Set<Int> = []
        for part in word.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = split(part)
            guard let first = Self.names.firstIndex(of: String(ends.first)),
                let last = Self.names.firstIndex(of: String(ends.last))
            else { throw refuse("\(String(part).debugDescription) is no weekday, as Mon or Mon..Fri") }
            // Sat..Mon goes over the end of the week.
            let span = (last - first + 7) % 7
            for step in 0...span { days.insert((first + step) % 7 + 1) }
        }
        return days
    }

    func date(
        _ word: Substring?
    ) throws(DefinitionError) -> (years: Set<Int>?, months: Set<Int>, days: Set<Int>) {
        guard let word else { return (nil, Set(1...12), Set(1...31)) }
        let fields = word.split(separator: "-", omittingEmptySubsequences: false)
        guard fields.count == 3 else { throw refuse("\(String(word).debugDescription) is no date, as *-*-01") }
        let years = fields[0] == "*" ? nil : try field(fields[0], 1970...9999, "year")
        return (years, try field(fields[1], 1...12, "month"), try field(fields[2], 1...31, "day"))
    }

    func time(_ word: Substring) throws(DefinitionError) -> (hours: Set<Int>, minutes: Set<Int>) {
        let fields = word.split(separator: ":", omittingEmptySubsequences: false)
        guard fields.count == 2 else { throw refuse("\(String(word).debugDescription) is no time, as 22:00") }
        return (try field(fields[0], 0...23, "hour"), try field(fields[1], 0...59, "minute"))
    }

    private func field(
        _ field: Substring, _ bounds: ClosedRange<Int>, _ what: String
    ) throws(DefinitionError) -> Set<Int> {
        var values: Set<Int> = []
        for part in field.split(separator: ",", omittingEmptySubsequences: false) {
            let pieces = part.split(separator: "/", omittingEmptySubsequences: false)
            guard let range = pieces.first, pieces.count <= 2 else { throw refuse(part, what, bounds) }
            var step = 1
            if pieces.count == 2 {
                guard let number = number(pieces[1]), number >= 1 else { throw refuse(part, what, bounds) }
                step = number
            }
            var (first, last) = (bounds.lowerBound, bounds.upperBound)
            if range != "*" {
                let ends = split(range)
                guard let low = number(ends.first), let high = number(ends.last), low <= high, bounds.contains(low),
                    bounds.contains(high)
                else { throw refuse(part, what, bounds) }
                // `10/15` goes on to the end, `10` is 10 alone.
                (first, last) = (low, pieces.count == 2 && !range.contains("..") ? bounds.upperBound : high)
            }
            values.formUnion(stride(from: first, through: last, by: step))
        }
        return values
    }

    private func split(_ part: Substring) -> (first: Substring, last: Substring) {
        guard let dots = part.firstRange(of: "..") else { return (part, part) }
        return (part[..<dots.lowerBound], part[dots.upperBound...])
    }

    private func number(_ word: Substring) -> Int? {
        word.count <= 4 && word.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(word) : nil
    }

    private func refuse(_ part: Substring, _ what: String, _ bounds: ClosedRange<Int>) -> DefinitionError {
        refuse(
            "\(String(part).debugDescription) is no \(what) of \(bounds.lowerBound) to \(bounds.upperBound), list, range "
                + "or step")
    }

    private func refuse(_ what: String) -> DefinitionError {
        DefinitionError(
            code: "calendar", summary: "The calendar expression \(text.debugDescription) cannot be read: \(what).",
            remedy: "Write it as Mon..Fri 22:00, Sat *-*-1..7 02:30 or *-*-* 0/6:00.", cause: what)
    }
}
