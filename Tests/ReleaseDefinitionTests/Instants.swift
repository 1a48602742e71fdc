import ReleaseDefinition
import Testing

@Suite("Moments and lengths of time")
struct Instants {
    @Test(
        "A moment is read and written as RFC 3339 in UTC",
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("1970-01-01T00:00:00.001Z", 1), ("2000-02-29T23:59:59Z", 951_868_799_000),
            ("2024-02-29T00:00:00Z", 1_709_164_800_000), ("2026-11-20T09:12:00.250Z", 1_795_165_920_250),
            ("2038-01-19T03:14:08Z", 2_147_483_648_000), ("2100-03-01T00:00:00Z", 4_107_542_400_000),
            ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
        ] as [(String, Int64)])
    func readAndWritten(text: String, milliseconds: Int64) throws {
        let instant = try UTCInstant(text)
        #expect(instant.millisecondsSince1970 == milliseconds)
        #expect(instant.description == text)
    }

    @Test("Every day from 1970 to 2400 comes back, and leap years are those of the calendar")
    func everyDay() throws {
        var leapDays = 0
        for day in 0..<157_000 {
            let instant = UTCInstant(secondsSince1970: Int64(day) * 86_400)
            #expect(try UTCInstant(instant.description) == instant)
            if instant.description.contains("-02-29T") { leapDays += 1 }
        }
        #expect(leapDays == 104)
    }

    @Test(
        "What is no moment in UTC is refused",
        arguments: [
            "", "2026-11-20", "2026-11-20T09:12:00", "2026-11-20T09:12:00+00:00", "2026-11-20t09:12:00z",
            "2026-11-20 09:12:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-02-29T00:00:00Z",
            "2100-02-29T00:00:00Z", "2026-04-31T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z", "2026-01-01T00:00:60Z", "1969-12-31T23:59:59Z", "2026-01-01T00:00:00.1Z",
            "2026-01-01T00:00:00.1234Z", "2026-01-01T00:00:00,123Z", "+026-01-01T00:00:00Z", "2026-1-01T00:00:000Z",
            "20２6-01-01T00:00:00Z", "2026-01-01T00:00:00.12xZ",
        ])
    func refused(text: String) {
        #expect(throws: DefinitionError.self) { try UTCInstant(text) }
    }

    @Test("Moments order, add and subtract; whole seconds round down")
    func arithmetic() throws {
        let start = try UTCInstant("2026-12-31T23:59:59.900Z")
        #expect((start + .milliseconds(100)).description == "2027-01-01T00:00:00Z")
        #expect((start - .days(366)).description == "2025-12-30T23:59:59.900Z")
        #expect(start < start + .milliseconds(1))
        #expect((start + .hours(1)).since(start) == .hours(1))
        #expect(start.wholeSeconds.description == "2026-12-31T23:59:59Z")
    }

    @Test(
        "A length of time is a number and a unit",
        arguments: [
            ("0s", 0, "0s"), ("500ms", 500, "500ms"), ("30s", 30_000, "30s"), ("90s", 90_000, "90s"),
            ("2m", 120_000, "2m"),
            ("120s", 120_000, "2m"), ("1h", 3_600_000, "1h"), ("7d", 604_800_000, "7d"), ("1000ms", 1000, "1s"),
            ("3650d", 315_360_000_000, "3650d"), ("007s", 7000, "7s"),
        ] as [(String, Int64, String)])
    func span(text: String, milliseconds: Int64, written: String) throws {
        let span = try TimeSpan(text)
        #expect(span.milliseconds == milliseconds)
        #expect(span.description == written)
        #expect(try TimeSpan(span.description) == span)
    }

    @Test(
        "What is no length of time is refused",
        arguments: [
            "", "30", "s", "-1s", "+1s", "1.5s", "1 s", " 1s", "1S", "1min", "1h30m", "1w", "3651d",
            "9223372036854775807ms",
            "9223372036854775808s", "99999999999999999999d", "５s", "1µs",
        ])
    func badSpan(text: String) {
        #expect(throws: DefinitionError.self) { try TimeSpan(text) }
    }
}
