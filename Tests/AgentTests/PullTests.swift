import AgentProtocol
import Effects
import Glibc
import ReleaseDefinition
import Testing

@testable import AgentLibrary

@Suite("Pull: how often a host asks, and when it begins what it heard")
struct PullTests {
    private func schedule(_ at: String, _ zone: String = "UTC", spread: TimeSpan? = nil) throws -> InstallSchedule {
        InstallSchedule(at: try CalendarExpression(at), zone: zone, spread: spread)
    }

    private func instant(_ text: String) throws -> UTCInstant { try UTCInstant(text) }

    @Test("An order begins at the first moment of the schedule after it came, in the schedule's zone")
    func moments() throws {
        let weekly = try schedule("Sun 03:00", "Europe/Berlin")
        let berlin = try ZoneFolder.rules("Europe/Berlin")
        func start(_ came: String) throws -> UTCInstant? {
            weekly.start(after: try instant(came), for: TestHost.name, in: berlin)
        }
        // Summer time until 2026-10-25 03:00, winter time after.
        #expect(try start("2026-10-12T12:00:00Z") == instant("2026-10-18T01:00:00Z"))
        #expect(try start("2026-10-20T12:00:00Z") == instant("2026-10-25T02:00:00Z"))
        #expect(try start("2026-10-25T02:00:00Z") == instant("2026-11-01T02:00:00Z"))
        let never = try schedule("2020-*-* 03:00")
        #expect(never.start(after: try instant("2026-01-01T00:00:00Z"), for: TestHost.name, in: .utc) == nil)
    }

    @Test("Hosts that share a schedule begin spread over its span, each always at the same moment")
    func spread() throws {
        let nightly = try schedule("03:00", spread: .hours(2))
        let came = try instant("2026-10-12T12:00:00Z")
        let base = try instant("2026-10-13T03:00:00Z")
        var seen: Set<UTCInstant> = []
        for number in 0..<400 {
            let host = try HostID("host-\(number)")
            let start = try #require(nightly.start(after: came, for: host, in: .utc))
            #expect(start >= base && start < base + .hours(2))
            #expect(nightly.start(after: came, for: host, in: .utc) == start)
            // What comes just before its own moment begins at it, not a day later.
            #expect(nightly.start(after: start - .milliseconds(1), for: host, in: .utc) == start)
            #expect(nightly.start(after: start, for: host, in: .utc) == start + .days(1))
            seen.insert(start)
        }
        #expect(seen.count > 350)
    }

    @Test("Emergencies and revocations reach a host that installs once a week within one check")
    func weekly() async throws {
        let repository = try TestRepository()
        let (one, two) = (try await repository.submit("1.0"), try await repository.submit("2.0"))
        let fix = try await repository.submit("1.0.1", in: .emergency)
        let first = try await TestHost(repository)
        try await first.carryOut(repository.assignment(1, .install, one), order(1))
        await first.stop()
        await first.agent.close()
        // A day of the year that is half a year away.
        let away = try await TestHost(
            repository, dir: first.dir, root: first.root, schedule: schedule("*-\(Self.farMonth)-01 03:00"))
        try await away.pulling(every: .milliseconds(200)) {
            try repository.publish(repository.assignment(2, .install, two))
            _ = try await poll { await away.agent.heldFor }
            #expect(await away.agent.host.installation?.step == .staged)
            // Revoked while it waits: it will not begin when its day comes.
            try repository.publish(repository.assignment(3, .install, one, revoked: [two]))
            #expect(try await away.finished(order(2)).outcome == .superseded)
            #expect(await away.record.isRevoked == false)
            #expect(await away.record.revoked == [two.manifest])
            try repository.publish(repository.assignment(4, .install, fix, in: .emergency))
            #expect(try await away.finished(order(4)).outcome == .succeeded)
        }
        #expect(try away.version() == "1.0.1")
        try await away.end()
    }

    private static var farMonth: String {
        let month = Int("\(SystemTime().now())".split(separator: "-")[1]) ?? 1
        let far = (month + 5) % 12 + 1
        return far < 10 ? "0\(far)" : "\(far)"
    }

    @Test("A schedule that passed while no agent ran begins what waits when the agent is there again")
    func missed() async throws {
        let repository = try TestRepository()
        let one = try await repository.submit("1.0")
        let schedule = try schedule("*-\(Self.farMonth)-01 03:00")
        let waiting = try await TestHost(repository, schedule: schedule)
        await waiting.agent.offer(try repository.assignment(1, .install, one))
        _ = try await poll { await waiting.agent.heldFor }
        let came = try #require(await waiting.agent.host.installation?.receivedAt)
        await waiting.stop()
        await waiting.agent.close()
        let next = try await TestHost(repository, dir: waiting.dir, root: waiting.root, schedule: schedule)
        _ = try await poll { await next.agent.heldFor }
        #expect(await next.agent.host.installation?.receivedAt == came)
        let hold = await next.agent.hold
        func reason(_ now: UTCInstant) throws -> String? {
            try hold.reason(at: now, came: came, expected: .zero, isEmergency: false)?.words
        }
        #expect(try reason(came + .days(1)) != nil)
        #expect(try reason(came + .days(250)) == nil)
        try await next.end()
    }

    @Test("The check interval is 5 min ± 20 % by itself; 30 s to 24 h may be set, from 1 s on loopback")
    func interval() throws {
        var configuration = AgentConfiguration(
            controller: nil, host: TestHost.name, environment: TestRepository.environment, delivery: .pull,
            repository: "https://releases.example")
        #expect(configuration.checkInterval == .minutes(5))
        let random = SystemRandom()
        for _ in 0..<1000 {
            #expect((TimeSpan.minutes(4)...TimeSpan.minutes(6)).contains(random.spread(configuration.checkInterval)))
        }
        for (repository, interval, isTaken) in [
            ("https://releases.example", TimeSpan.seconds(29), false), ("https://releases.example", .seconds(30), true),
            ("https://releases.example", .hours(24), true), ("https://releases.example", .hours(25), false),
            ("http://127.0.0.1:8080", .seconds(1), true), ("http://127.0.0.1:8080", .milliseconds(999), false),
            ("http://127.0.0.1.example", .seconds(1), false),
        ] {
            (configuration.repository, configuration.checkInterval) = (repository, interval)
            #expect((try? configuration.check()) != nil || !isTaken)
            #expect(((try? configuration.check()) != nil) == isTaken, "\(repository) \(interval)")
        }
    }

    @Test("What agent.json says of transfers is checked before the agent starts")
    func transfers() throws {
        let sound = AgentConfiguration(
            controller: nil, host: TestHost.name, environment: TestRepository.environment, delivery: .pull,
            repository: "https://releases.example", schedule: try schedule("Sun 03:00", spread: .hours(1)),
            mirrors: ["http://mirror.example/slipway"], authorities: "/etc/ssl/mirrors.pem",
            proxy: ProxySettings(url: "http://proxy.example:3128", credentials: "/etc/p", except: [".internal"]),
            bandwidth: ByteCount(1 << 20))
        try sound.check()
        #expect(try JSONCoding.decode(AgentConfiguration.self, from: JSONCoding.value(of: sound)) == sound)
        let changes: [(inout AgentConfiguration) -> Void] = [
            { $0.mirrors = ["ftp://mirror.example"] }, { $0.mirrors = ["http://mirror.example/"] },
            { $0.mirrors = Array(repeating: "http://m.example", count: 17) },
            { $0.authorities = "mirrors.pem" }, { $0.proxy?.url = "proxy.example:3128" },
            { $0.bandwidth = ByteCount(10) }, { $0.schedule?.spread = .hours(25) },
        ]
        for change in changes {
            var wrong = sound
            change(&wrong)
            #expect(throws: AgentError.self) { try wrong.check() }
        }
    }

    @Test("The proxy's credential is read from a file that nobody else may read")
    func credential() throws {
        let folder = try TemporaryFolder()
        try folder.directory.writeDurably("proxy", Array("user:secret\n".utf8), mode: 0o600)
        let settings = ProxySettings(url: "http://proxy.example:3128", credentials: folder.path + "/proxy")
        #expect(try settings.proxy().credential?.user == "user")
        #expect(chmod(folder.path + "/proxy", 0o644) == 0)
        #expect(throws: AgentError.self) { try settings.proxy() }
        #expect(throws: (any Error).self) {
            try ProxySettings(url: settings.url, credentials: folder.path + "/none").proxy()
        }
    }

    @Test("Behind a proxy it is the proxy that must be reached again, and what is asked without it")
    func reach() throws {
        var configuration = AgentConfiguration(
            controller: "https://controller.example:8443", host: TestHost.name,
            environment: TestRepository.environment, delivery: .push,
            repository: "https://controller.example:8443/repository", mirrors: ["http://mirror.internal/slipway"],
            proxy: ProxySettings(url: "http://proxy.example:3128", except: [".internal"]))
        func addresses() -> [String] {
            Reachability(configuration: configuration, time: SystemTime(), ask: { _, _ in .refused }).addresses
        }
        #expect(addresses() == ["proxy.example:3128", "mirror.internal:80"])
        configuration.proxy = nil
        #expect(addresses() == ["controller.example:8443", "mirror.internal:80"])
    }
}

@Suite("A host that follows a repository with no controller at all")
struct FollowTests {
    @Test("follow, then run: the channel's release is installed, from a mirror where the first place is gone")
    func follow() async throws {
        let repository = try TestRepository()
        let one = try await repository.submit("1.0")
        try repository.publish(repository.assignment(1, .install, one))
        let (dir, root) = (try TemporaryFolder(), try TemporaryFolder())
        let server = try await WebServer(repository)
        let processes = LiveProcesses()
        func follow(_ more: String...) async throws -> ProcessResult {
            try await processes.run(
                ProcessCommand(
                    executable: RealAgent.program,
                    arguments: [
                        "follow", "http://127.0.0.1:1/", "--mirror", server.url, "--root",
                        repository.folder.path + "/metadata/1.root.json", "--environment", "staging", "--channel",
                        "staging.web", "--dir", dir.path, "--install-root", root.path, "--check-interval", "1s",
                    ] + more, workingDirectory: "/", timeout: .seconds(60)))
        }
        #expect(try await follow("--environment", "no-such!").end == .exited(1))
        let made = try await follow("--host", TestHost.name.text)
        #expect(made.end == .exited(0), "\(made.output)")
        #expect(try await follow().end == .exited(5), "the folder belongs to a host")
        let agent = try RealAgent(dir: dir, root: root)
        let process = try agent.start()
        let finished = try await poll { try agent.state.finished.first { $0.order == (try order(1)) } }
        #expect(finished.outcome == .succeeded)
        #expect(try agent.version() == "1.0")
        #expect(try agent.state.reports.isEmpty)
        try await agent.kill(process)
        try await agent.end()
        try await server.end()
    }
}
