import AgentProtocol
import Effects
import ReleaseDefinition
import Testing

@testable import AgentLibrary

@Suite("When a host starts, what it is, and whether it stays as it was installed")
struct HostWatchTests {
    private func window(_ opens: String, _ span: TimeSpan, _ zone: String = "UTC") throws -> MaintenanceWindow {
        MaintenanceWindow(opens: try CalendarExpression(opens), span: span, zone: zone)
    }

    @Test("The windows of agent.json, the inhibit folder and a clock that is known to be wrong hold a start")
    func holds() throws {
        let dir = try TemporaryFolder()
        let folder = AgentFolder(base: dir.directory)
        // 2026-09-21 14:13:20 UTC, a Monday.
        let monday = try window("Mon 14:00", .hours(1))
        func reason(
            _ windows: [MaintenanceWindow], error: TimeSpan = .zero, expected: TimeSpan = .minutes(5),
            isEmergency: Bool = false, schedule: InstallSchedule? = nil, came: UTCInstant = start
        )
            throws -> String?
        {
            try StartHold(
                folder: folder, windows: windows, schedule: schedule, host: TestHost.name, clockError: { _ in error }
            )
            .reason(at: start, came: came, expected: expected, isEmergency: isEmergency)?.words
        }
        #expect(try reason([]) == nil)
        #expect(try reason([monday]) == nil)
        #expect(try reason([window("Tue 14:00", .hours(1))])?.contains("no window is open") == true)
        #expect(try reason([window("Tue 14:00", .hours(1))], isEmergency: true) == nil)
        #expect(try reason([monday], expected: .hours(1))?.contains("shuts") == true)
        #expect(try reason([monday], error: .minutes(3))?.contains("clock") == true)
        #expect(try reason([window("Mon 16:00", .hours(1), "Europe/Berlin")]) == nil)
        let weekly = InstallSchedule(at: try CalendarExpression("Mon 14:00"), zone: "UTC")
        #expect(try reason([], schedule: weekly)?.contains("Mon 14:00") == true)
        #expect(try reason([], schedule: weekly, came: start - .hours(1)) == nil)
        #expect(try reason([], isEmergency: true, schedule: weekly) == nil)
        #expect(try reason([window("Tue 14:00", .hours(1))], schedule: weekly, came: start - .hours(1)) != nil)
        let nowhere = InstallSchedule(at: weekly.at, zone: "Europe/Nowhere")
        #expect(try reason([], schedule: nowhere)?.contains("Nowhere") == true)
        _ = try dir.directory.createDirectory("inhibit")
        #expect(try reason([monday]) == nil)
        try dir.directory.writeDurably("inhibit/nightly-backup", [])
        #expect(try reason([monday], isEmergency: true) == "inhibit/nightly-backup is there")
    }

    @Test(
        "An order waits, staged, while the folder holds a file, and goes on when it is gone; a newer one overtakes it")
    func waits() async throws {
        let repository = try TestRepository()
        let (one, two) = (try await repository.submit("1.0"), try await repository.submit("2.0"))
        let host = try await TestHost(repository)
        _ = try host.dir.directory.createDirectory("inhibit")
        try host.dir.directory.writeDurably("inhibit/nightly-backup", [])
        await host.agent.offer(try repository.assignment(1, .install, one))
        _ = try await poll { await host.agent.heldFor }
        #expect(await host.agent.host.installation?.step == .staged)
        #expect(try host.version() == nil)
        // Nobody knows for how long: the controller hears that it is alive and waits, once.
        let first = try order(1)
        let held = await host.agent.host.reports.compactMap { report -> UTCInstant? in
            guard case .progress(let it) = report.body, it.step == .staged, it.order == first else { return nil }
            return it.heldUntil
        }
        let now = SystemTime().now()
        #expect(held.count == 1 && held.allSatisfy { now + .minutes(30) < $0 && $0 < now + .hours(2) }, "\(held)")
        await host.agent.offer(try repository.assignment(2, .install, two))
        #expect(try await host.finished(order(1)).outcome == .superseded)
        _ = try await poll { await host.agent.heldFor }
        try host.dir.directory.removeFile("inhibit/nightly-backup")
        #expect(try await host.finished(order(2)).outcome == .succeeded)
        #expect(try host.version() == "2.0")
        try await host.end()
    }

    @Test(
        "R34: a host whose clock is wrong or was never set goes by what the controller says: no window opens by its own"
    )
    func toldTime() async throws {
        let repository = try TestRepository()
        let (one, two) = (try await repository.submit("1.0"), try await repository.submit("2.0"))
        // Always open, by any clock.
        let host = try await TestHost(repository, windows: [try window("*:*", .hours(1))])
        let now = SystemTime().now()
        for wrong in [TimeSpan.minutes(-3), .minutes(3), .days(-20_000)] {
            host.agent.toldTime.note(now - wrong)
            let hold = await host.agent.hold
            func reason(isEmergency: Bool = false) throws -> String? {
                try hold.reason(at: now, came: now, expected: .minutes(1), isEmergency: isEmergency)?.words
            }
            #expect(try reason()?.hasPrefix("clock: ") == true, "\(wrong)")
            #expect(try reason(isEmergency: true) == nil)
        }
        await host.agent.offer(try repository.assignment(1, .install, one))
        let reason = try await poll { await host.agent.heldFor }
        #expect(reason.hasPrefix("clock: "), "\(reason)")
        #expect(await host.agent.host.installation?.step == .staged)
        #expect(try host.version() == nil)
        // The clock was set: the next word of the controller agrees with it.
        host.agent.toldTime.note(SystemTime().now())
        #expect(try await host.finished(order(1)).outcome == .succeeded)
        #expect(try host.version() == "1.0")
        try await host.end()

        // Without windows it is no reason to wait.
        let other = try await TestHost(repository)
        other.agent.toldTime.note(now - .days(1))
        #expect(try await other.carryOut(repository.assignment(2, .install, two), order(2)).outcome == .succeeded)
        try await other.end()
    }

    @Test("The time that was told goes on by the steady clock, whatever the own one is set to")
    func steadyTold() throws {
        let time = ManualTime(now: start)
        let told = ToldTime(time)
        #expect(told.error(at: start) == nil)
        told.note(start + .hours(1))
        time.advance(by: .minutes(10))
        #expect(told.error(at: start + .minutes(10)) == .hours(-1))
        time.setNow(start + .hours(3))
        time.advance(by: .minutes(10))
        #expect(told.error(at: time.now()) == time.now().since(start + .hours(1) + .minutes(20)))
    }

    @Test("A changed file is reported, once; files are put back where agent.json says so, trees are not")
    func drift() async throws {
        let repository = try TestRepository()
        let release = try await repository.submit(
            "1.0",
            files: [
                TestRepository.serve, TestRepository.healthy,
                .init("crons/cron.d/web", "job\n", isProgram: false),
            ], units: [UnitTypeTests.plain("crons", .file, installTo: "/etc"), TestRepository.unit()])
        for isRepaired in [false, true] {
            let host = try await TestHost(repository, drift: DriftPolicy(repair: isRepaired))
            try await host.carryOut(repository.assignment(1, .install, release), order(1))
            try await host.agent.checkDrift()
            #expect(await host.agent.drift.isEmpty)
            try host.root.directory.writeDurably("etc/cron.d/web", Array("mine\n".utf8))
            try host.root.directory.writeDurably("opt/web.releases/\(release.folder)/VERSION", Array("6.6".utf8))
            try await host.agent.checkDrift()
            try await host.agent.checkDrift()
            let found = await host.agent.drift
            #expect(found.count == (isRepaired ? 1 : 2), "\(found)")
            #expect(found.contains { $0.contains("VERSION has other bytes") })
            #expect(try host.text("etc/cron.d/web") == (isRepaired ? "job\n" : "mine\n"))
            let told = await host.reports.compactMap { if case .inventory(let it) = $0.body { it.drift } else { nil } }
            #expect(told == [found])
            try await host.end()
        }
    }

    @Test("A release that is not healthy any more is reported, once, and again when it is")
    func health() async throws {
        let (repository, mark) = (try TestRepository(), try TemporaryFolder())
        let check = "#!/bin/sh\ntest ! -e '\(mark.path)/ill' || { echo out of order; exit 1; }\n"
        let release = try await repository.submit("1.0", files: [TestRepository.serve, .init("tree/bin/check", check)])
        let host = try await TestHost(repository)
        func told() async -> [ProductHealth] {
            await host.reports.compactMap { if case .health(let it) = $0.body { it } else { nil } }
        }
        try await host.carryOut(repository.assignment(1, .install, release), order(1))
        try await host.agent.checkHealth()
        #expect(await told().isEmpty)
        try mark.directory.writeDurably("ill", [])
        for _ in 1...2 { try await host.agent.checkHealth() }
        #expect(await told().map(\.running.isHealthy) == [false])
        #expect(await told().first?.detail.contains("out of order") == true)
        #expect(await host.agent.inventory().installed.map(\.isHealthy) == [false])
        try mark.directory.removeFile("ill")
        for _ in 1...2 { try await host.agent.checkHealth() }
        #expect(await told().map(\.running.isHealthy) == [false, true])
        #expect(await told().allSatisfy { $0.running.manifest == release.manifest })
        try await host.end()
    }

    @Test("The inventory says what the host is: os-release, kernel, memory, disk, packages, facts.d")
    func inventory() throws {
        let (dir, root) = (try TemporaryFolder(), try TemporaryFolder())
        for folder in ["etc", "proc", "var/lib/dpkg"] { _ = try root.directory.createDirectory(folder) }
        func write(_ path: String, _ text: String) throws {
            try root.directory.writeDurably(path, Array(text.utf8))
        }
        try write("etc/os-release", "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\nVERSION_ID=\"12\"\n")
        try write("proc/meminfo", "MemTotal:        2048 kB\nMemFree: 1 kB\n")
        try write(
            "var/lib/dpkg/status",
            "Package: b\nStatus: install ok installed\nVersion: 2\n\nPackage: gone\nStatus: deinstall ok config-files\n"
                + "Version: 1\n\nPackage: a\nVersion: 1:1-1\nStatus: install ok installed\n")
        _ = try dir.directory.createDirectory("facts.d")
        try dir.directory.writeDurably("facts.d/rack.json", Array(#"{"row":7}"#.utf8))
        try dir.directory.writeDurably("facts.d/broken.json", Array("{".utf8))
        let system = SystemInventory(folder: dir.directory, root: root.path).read()
        #expect(system.operatingSystem == "Debian GNU/Linux 12 (bookworm)")
        #expect(system.operatingSystemID == "debian" && system.operatingSystemVersion == "12")
        #expect(system.memory == ByteCount(2 << 20))
        #expect(system.packages == 2)
        #expect(system.packagesDigest == SHA256Digest(of: Array("a 1:1-1\nb 2".utf8)))
        #expect(system.facts == ["rack": .object([JSONMember("row", .integer(7))])])
        #expect(!system.kernel.isEmpty && system.disk.map { $0.free <= $0.size } == true)
        let bare = SystemInventory(folder: dir.directory, root: try TemporaryFolder().path + "/none").read()
        #expect(bare.packages == nil && bare.disk == nil)
        #expect(try JSONCoding.decode(HostSystem.self, from: JSONCoding.value(of: system).wireBytes) == system)
    }
}
