import ArgumentParser
import Effects
import ReleaseDefinition

struct WindowTestCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test", abstract: "Print the next openings of a window, with clock changes marked.",
        discussion: """
            The expression is [WEEKDAYS] [DATE] TIME, as "Mon..Fri 22:00", "Sat *-*-1..7 02:30" or "0/6:00". An opening \
            at a time that the clock skips moves to the next minute that exists; a time that comes twice opens it once.
            """)

    @OptionGroup var output: OutputOptions

    @Argument(help: "When it opens, in local time.", transform: { try CalendarExpression($0) })
    var opens: CalendarExpression

    @Option(name: .customLong("for"), help: "How long it stays open, as 2h.", transform: { try TimeSpan($0) })
    var span: TimeSpan = .hours(1)

    @Option(help: "The IANA name, as Europe/Berlin.")
    var zone: String = "UTC"

    @Option(help: "From which moment on, as 2026-11-20T09:12:00Z; now, if left out.", transform: { try UTCInstant($0) })
    var from: UTCInstant?

    @Option(help: "How many openings.")
    var count: Int = 10

    func validate() throws {
        if !(1...10_000).contains(count) { throw ValidationError("--count must be 1 to 10000, not \(count).") }
        if span <= .zero { throw ValidationError("--for must be longer than 0s, not \(span).") }
        guard MaintenanceWindow.isZoneName(zone) else {
            throw ValidationError("--zone must be an IANA name as Europe/Berlin, not \(zone.debugDescription).")
        }
    }

    func run() async throws {
        let rules = try ZoneFolder.rules(zone)
        let window = MaintenanceWindow(opens: opens, span: span, zone: zone)
        let openings = window.openings(after: from ?? SystemTime().now(), in: rules, count: count)
        guard !openings.isEmpty else {
            throw CommandError(
                code: "window.never", summary: "\(opens.text.debugDescription) never comes after that moment.",
                remedy: "Correct the date.")
        }
        try output.print(openings.map { OpeningView($0, rules) })
    }
}

struct OpeningView: Presentable, Decodable {
    var from: UTCInstant
    var until: UTCInstant
    /// On the wall of the zone.
    var localFrom: String
    var localUntil: String
    var clockChange: String?

    init(_ opening: MaintenanceWindow.Opening, _ zone: ZoneRules) {
        from = opening.from
        until = opening.until
        localFrom = LocalTime.of(zone).text(opening.from)
        localUntil = LocalTime.of(zone).text(opening.until)
        clockChange = opening.clockChange.map(LocalTime.words)
    }

    static let columns = ["OPENS", "SHUTS", "OPENS (UTC)", "CLOCK CHANGE"]
    var cells: [String] { [localFrom, localUntil, from.description, clockChange ?? ""] }
    var name: String { from.description }
}
