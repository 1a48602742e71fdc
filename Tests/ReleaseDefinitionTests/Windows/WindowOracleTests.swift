import Foundation
import ReleaseDefinition
import Testing

/// Needs the system's tzdata and Python 3.9 or later, which scripts/test installs.
@Suite("Windows beside Python's zoneinfo")
struct WindowOracleTests {
    private static let folder = "/usr/share/zoneinfo"
    /// Every kind of change: whole hours, half hours, both ways, at midnight, with Ramadan, none at all.
    private static let sample = [
        "Europe/Berlin", "Europe/London", "Europe/Dublin", "America/New_York", "America/St_Johns", "America/Santiago",
        "America/Havana", "America/Asuncion", "America/Sao_Paulo", "America/Nuuk", "Australia/Lord_Howe",
        "Australia/Adelaide", "Pacific/Auckland", "Pacific/Chatham", "Pacific/Apia", "Africa/Casablanca",
        "Africa/Cairo",
        "Asia/Tehran", "Asia/Beirut", "Asia/Gaza", "Asia/Kolkata", "Asia/Amman", "Antarctica/Troll", "UTC",
    ]

    @Test("R33: 24 daily windows open around each clock change when Python says, in each zone, each once")
    func oracle() throws {
        // All zones with SLIPWAY_ALL_ZONES=1, as in scripts/simulate.
        let everything = ProcessInfo.processInfo.environment["SLIPWAY_ALL_ZONES"] != nil
        let zones = everything ? try Self.allZones() : Self.sample
        let lines = try Self.ask([everything ? "2020-2040" : "2024-2039"] + zones)
        #expect(lines.count >= zones.count * 3)
        var checked = 0
        var rules: [String: ZoneRules] = [:]
        let windows = try (0..<24).map { hour in
            MaintenanceWindow(
                opens: try CalendarExpression("\(hour):\(hour % 2 == 0 ? "30" : "0")"), span: .hours(1), zone: "")
        }
        for line in lines {
            let words = line.split(separator: " ").map(String.init)
            let name = words[0]
            let zone = try rules[name] ?? ZoneRules(name: name, file: Self.file(name))
            rules[name] = zone
            for (window, word) in zip(windows, words[2...]) {
                let expected = UTCInstant(secondsSince1970: try #require(Int64(word)))
                let before = expected - .minutes(1)
                let found = window.openings(after: before, in: zone, count: 2).map(\.from)
                #expect(found.first == expected, "\(name) \(words[1]) \(window.opens): Python says \(expected)")
                // Each opening fires once: the next one is the next day's.
                let next = try #require(found.last)
                #expect(next.since(expected) > .hours(12), "\(name) \(words[1]) \(window.opens) opens twice")
                checked += 1
            }
        }
        #expect(checked >= zones.count * 72)
    }

    private static func file(_ zone: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(zone)")))
    }

    private static func ask(_ arguments: [String]) throws -> [String] {
        let root = "/" + #filePath.split(separator: "/").dropLast(4).joined(separator: "/")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        process.arguments = ["-B", "\(root)/Tests/Interop/windows_oracle.py"] + arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let bytes = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    private static func allZones() throws -> [String] {
        let text = try String(contentsOfFile: "\(folder)/tzdata.zi", encoding: .utf8)
        return text.split(separator: "\n").compactMap { line -> String? in
            let words = line.split(separator: " ").map(String.init)
            switch words.first {
            case "Z": return words[1]
            case "L": return words[2]
            default: return nil
            }
        }
        .filter { FileManager.default.fileExists(atPath: "\(folder)/\($0)") }.sorted()
    }
}
