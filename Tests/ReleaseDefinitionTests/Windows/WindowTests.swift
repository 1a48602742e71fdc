import ReleaseDefinition
import Testing

@Suite("Windows and freezes")
struct WindowTests {
    private func at(_ text: String) throws -> UTCInstant { try UTCInstant(text) }

    private func opens(_ text: String, after: String, count: Int = 3) throws -> [String] {
        let window = MaintenanceWindow(opens: try CalendarExpression(text), span: .hours(1), zone: "UTC")
        return window.openings(after: try at(after), in: .utc, count: count).map(\.from.description)
    }

    @Test("A calendar expression names weekdays, dates and times, each as list, range or step")
    func expressions() throws {
        let start = "2026-11-20T12:00:00Z"
        #expect(try opens("22:00", after: start, count: 1) == ["2026-11-20T22:00:00Z"])
        #expect(try opens("Sat,Sun 02:30", after: start, count: 2) == ["2026-11-21T02:30:00Z", "2026-11-22T02:30:00Z"])
        #expect(
            try opens("Fri..Mon 06:00", after: start, count: 2) == ["2026-11-21T06:00:00Z", "2026-11-22T06:00:00Z"])
        #expect(try opens("*-*-01 00:00", after: start, count: 2) == ["2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"])
        #expect(try opens("*-02-29 00:00", after: start, count: 1) == ["2028-02-29T00:00:00Z"])
        #expect(try opens("Sat *-*-1..7 03:00", after: start, count: 1) == ["2026-12-05T03:00:00Z"])
        let sixHours = ["2026-11-20T18:00:00Z", "2026-11-21T00:00:00Z", "2026-11-21T06:00:00Z"]
        #expect(try opens("0/6:00", after: start) == sixHours)
        #expect(try opens("2025-*-* 10:00", after: start).isEmpty)
    }

    @Test(
        "What cannot be read is refused with the part",
        arguments: [
            "", "22", "25:00", "10:60", "Mon", "Moon 10:00", "Mon..Fr 10:00", "*-13-01 10:00", "*-*-0 10:00",
            "Mon Tue 10:00", "10:00:00", "10-10:00", "5..1:00", "*/0:00", "1,:00", "٣:00", "10: 00",
        ])
    func refused(text: String) throws {
        let error = #expect(throws: DefinitionError.self) { try CalendarExpression(text) }
        #expect(error?.code == "definition.calendar")
    }

    @Test("What is no zone file is refused, wherever it is cut")
    func zoneFiles() throws {
        for bytes in [[], Array("TZif2".utf8), [UInt8](repeating: 0xFF, count: 5000)] {
            #expect(throws: DefinitionError.self) { try ZoneRules(name: "x", file: bytes) }
        }
    }

    @Test("Something is begun only if the rest of the window covers it; begun, it finishes")
    func remainder() throws {
        let window = MaintenanceWindow(opens: try CalendarExpression("22:00"), span: .hours(2), zone: "UTC")
        let rules = StartRules(windows: [(window, .utc)])
        func ask(_ now: String, _ expected: TimeSpan) throws -> StartRules.Permission {
            rules.permission(at: try at(now), expected: expected, clockError: .zero)
        }
        #expect(try ask("2026-11-20T22:00:00Z", .hours(2)) == .given)
        #expect(try ask("2026-11-20T23:30:00Z", .minutes(30)) == .given)
        guard case .waits(let until, _) = try ask("2026-11-20T23:30:00Z", .minutes(31)) else {
            Issue.record("it starts too late")
            return
        }
        #expect(until?.description == "2026-11-21T22:00:00Z")
        guard case .waits(nil, _) = try ask("2026-11-20T22:00:00Z", .hours(3)) else {
            Issue.record("no window is long enough")
            return
        }
    }

    @Test("A freeze beats a window; an emergency and an override beat both")
    func freeze() throws {
        let freeze = Freeze(from: try at("2026-12-20T00:00:00Z"), until: try at("2027-01-02T00:00:00Z"), reason: "year")
        let rules = StartRules(freezes: [freeze])
        let now = try at("2026-12-24T10:00:00Z")
        let waits = rules.permission(at: now, expected: .zero, clockError: .zero)
        #expect(waits == .waits(until: freeze.until, reason: "frozen until 2027-01-02T00:00:00Z: year"))
        #expect(rules.permission(at: now, expected: .zero, clockError: .zero, isEmergency: true) == .given)
        #expect(rules.permission(at: now, expected: .zero, clockError: .zero, isOverridden: true) == .given)
        #expect(rules.permission(at: freeze.until, expected: .zero, clockError: .zero) == .given)
    }

    @Test("R34: a host whose clock is off by more than 2 min, or unknown, is skipped for windows only")
    func clocks() throws {
        let window = MaintenanceWindow(opens: try CalendarExpression("*:*"), span: .hours(1), zone: "UTC")
        let rules = StartRules(windows: [(window, .utc)])
        let now = try at("2026-11-20T22:00:00Z")
        #expect(rules.permission(at: now, expected: .zero, clockError: .minutes(2)) == .given)
        for error in [TimeSpan.minutes(3), .milliseconds(-121_000), nil] {
            guard case .skipped = rules.permission(at: now, expected: .zero, clockError: error) else {
                Issue.record("\(String(describing: error)) is let in")
                continue
            }
            #expect(StartRules().permission(at: now, expected: .zero, clockError: error) == .given)
            #expect(rules.permission(at: now, expected: .zero, clockError: error, isEmergency: true) == .given)
        }
    }
}
