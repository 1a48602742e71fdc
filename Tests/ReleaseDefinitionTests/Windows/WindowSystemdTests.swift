import Foundation
import ReleaseDefinition
import Testing

/// The expressions are a subset of systemd's, so systemd is asked what they mean. It leaves out an opening that the clock
/// skips, which ours moves to the next minute that exists: that one difference is left out here.
@Suite("Calendar expressions beside systemd-analyze calendar")
struct WindowSystemdTests {
    private static let program = "/usr/bin/systemd-analyze"
    static let isInstalled = FileManager.default.isExecutableFile(atPath: program)

    static let expressions = [
        "Mon..Thu 22:00", "Sat *-*-1..7 02:30", "0/6:00", "*-2-29 0:30", "Mon,Wed,Fri *-*-* 1..3:15", "*-*-31 23:59",
        "Sun 2:0/20", "2027,2028-1/3-1 12:00", "Fri..Sat,Mon *-10..12-* 3:00", "*-*-* 2:30", "*-6-1/10 4,5:5,55",
        "Tue *-*-8..14 18:45",
    ]
    private static let zones = [
        "UTC", "Europe/Berlin", "Europe/London", "America/New_York", "America/St_Johns", "Australia/Lord_Howe",
        "Asia/Kolkata", "Africa/Casablanca", "America/Santiago", "Pacific/Apia", "Asia/Tehran", "Antarctica/Troll",
    ]

    @Test("Openings are those that systemd names", .enabled(if: isInstalled), arguments: expressions)
    func openings(expression: String) throws {
        var compared = 0
        for zone in Self.zones {
            let rules =
                zone == "UTC"
                ? ZoneRules.utc
                : try ZoneRules(
                    name: zone, file: Array(Data(contentsOf: URL(fileURLWithPath: "/usr/share/zoneinfo/\(zone)"))))
            let window = MaintenanceWindow(opens: try CalendarExpression(expression), span: .hours(1), zone: zone)
            // Before the changes of spring and of autumn, on both halves of the earth.
            for base in ["2026-03-20T00:00:00Z", "2026-10-01T00:00:00Z", "2028-02-20T00:00:00Z"] {
                let start = try UTCInstant(base)
                let theirs = try Self.ask("\(expression) \(zone)", base)
                let ours = window.openings(after: start, in: rules, count: 40).filter { $0.clockChange != .skipped }
                // A moment that the clock skips may be one of theirs: where another opening lies there as well.
                let common = ours.map(\.from).filter { $0 <= theirs.last ?? start }
                #expect(common == theirs.filter { $0 <= ours.last?.from ?? start }, "\(expression) \(zone) \(base)")
                compared += common.count
            }
        }
        #expect(compared >= Self.zones.count)
    }

    private static func ask(_ expression: String, _ base: String) throws -> [UTCInstant] {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        let moment = base.replacing("T", with: " ").replacing("Z", with: " UTC")
        process.arguments = ["calendar", "--iterations=20", "--base-time=\(moment)", expression]
        process.environment = ["TZ": "UTC", "PATH": "/usr/bin:/bin"]
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        try process.run()
        let bytes = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(expression)")
        return try String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ").map(String.init)
            guard words.last == "UTC", words.count >= 5, line.contains("Next elapse:") || line.contains("Iter. #")
            else {
                return nil
            }
            return try UTCInstant("\(words[words.count - 3])T\(words[words.count - 2])Z")
        }
    }
}
