import AgentProtocol
import Effects
import Glibc
import ReleaseDefinition
import Synchronization
import Testing
import enum TestSupport.Shim

@testable import AgentLibrary

@Suite("Clocks that are wrong, or step", .serialized)
struct ClockTests {
    /// The wall clock of programs that are started with its environment.
    private final class WallClock: Sendable {
        private let shim: (path: String, folder: Shim.Folder)

        init() async throws {
            shim = try await Shim.compile("clock")
            try set(.zero)
        }

        var environment: [String: String] {
            [
                "LD_PRELOAD": shim.path, "SLIPWAY_TEST_CLOCK": shim.folder.path + "/offset",
                "SWIFT_BACKTRACE": "enable=no",
            ]
        }

        /// In place: the programs have the file in their memory.
        func set(_ off: TimeSpan) throws {
            var seconds = off.milliseconds / 1000
            let file = open(shim.folder.path + "/offset", O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
            defer { close(file) }
            #expect(pwrite(file, &seconds, 8, 0) == 8)
        }
    }

    private func install(_ host: FaultHost, _ clock: WallClock) async throws -> ProcessResult {
        try await LiveProcesses().run(
            ProcessCommand(
                executable: RealAgent.program, arguments: host.scenario.words + ["--dir", host.dir.path],
                environment: clock.environment, workingDirectory: "/", timeout: .seconds(120)))
    }

    @Test(
        "R31: at 1970 and 400 days back a host that knows a later time goes by that; in 2038 and later the error names both times"
    )
    func wrong() async throws {
        let clock = try await WallClock()
        let scenario = try #require(try await FaultScenario.prepare().first { $0.name == "update" })
        for kind in ["1970", "-400d", "+10y", "2038"] { try await check(kind, scenario, clock) }
    }

    private func check(_ kind: String, _ scenario: FaultScenario, _ clock: WallClock) async throws {
        let now = SystemTime().now()
        let host = try await FaultHost(scenario, shim: "")
        let (off, isTaken): (TimeSpan, Bool) =
            switch kind {
            case "1970": (UTCInstant(secondsSince1970: 60).since(now), true)
            case "-400d": (.days(-400), true)
            case "+10y": (.days(3653), false)
            default: (try UTCInstant("2038-01-19T03:14:08Z").since(now), false)
            }
        try clock.set(off)
        let ended = try await install(host, clock)
        if isTaken {
            #expect(ended.end == .exited(0), "\(kind): \(ended.output)")
            try await host.check(
                FaultPoint(scenario: scenario, kind: .kill, number: 0, place: kind), ends: scenario.ends)
        } else {
            #expect(ended.end == .exited(1))
            let year = kind == "2038" ? "2038-01-19" : "\((now + off).wholeSeconds)".prefix(4)
            #expect(ended.output.contains("expired") && ended.output.contains(year), "\(kind): \(ended.output)")
            try clock.set(.zero)
            #expect(try await install(host, clock).end == .exited(0), "with the right time all is well")
        }
        try await host.end()
    }

    @Test(
        "R32: the clock steps by an hour, ten days and a year, back and forth, in every wait: deadlines do not notice")
    func steps() async throws {
        let clock = try await WallClock()
        for scenario in try await FaultScenario.prepare() {
            let host = try await FaultHost(scenario, shim: "")
            let isOver = Mutex(false)
            let stepping = Task {
                let steps: [TimeSpan] = [
                    .hours(1), .hours(-1), .days(10), .days(-10), .days(-365), .zero, .seconds(-59), .seconds(59),
                ]
                var number = 0
                while !isOver.withLock({ $0 }) {
                    try clock.set(steps[number % steps.count])
                    number += 1
                    try await SystemTime().sleep(for: .milliseconds(15))
                }
                return number
            }
            let startedAt = SystemTime().monotonic()
            let ended = try await install(host, clock)
            isOver.withLock { $0 = true }
            #expect(try await stepping.value > 3)
            guard case .exited(let code) = ended.end else {
                Issue.record("\(scenario.name): \(ended.end) \(ended.output)")
                continue
            }
            #expect(scenario.codes.contains(code), "\(scenario.name): \(code) \(ended.output)")
            // The healthy deadline is 20 s, hooks have as long, a back-out waits 2 s.
            #expect(SystemTime().monotonic() < startedAt + .seconds(90))
            try await host.check(
                FaultPoint(scenario: scenario, kind: .kill, number: 0, place: "steps"), ends: scenario.ends)
            try await host.end()
        }
    }

    @Test(
        "R32: the steady clock goes on by the monotonic one whatever the wall clock is set to; windows go by the wall")
    func steady() throws {
        let time = ManualTime(now: start)
        let clock = SteadyClock(time)
        let steps: [TimeSpan] = [.hours(1), .hours(-1), .days(365), .days(-365)]
        for (number, step) in steps.enumerated() {
            time.setNow(start + step)
            time.advance(by: .seconds(1))
            #expect(clock.now() == start + .seconds(Int64(number + 1)))
        }
        let window = MaintenanceWindow(opens: try CalendarExpression("Mon 14:00"), span: .hours(1), zone: "UTC")
        let hold = StartHold(
            folder: AgentFolder(base: try TemporaryFolder().directory), windows: [window], host: TestHost.name,
            clockError: { _ in .zero })
        func isHeld(_ now: UTCInstant) throws -> Bool {
            try hold.reason(at: now, came: now, expected: .minutes(1), isEmergency: false) != nil
        }
        #expect(try !isHeld(start) && isHeld(start + .hours(2)) && isHeld(start - .hours(2)))
    }
}
