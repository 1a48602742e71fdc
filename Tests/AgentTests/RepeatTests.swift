import AgentProtocol
import Effects
import ReleaseDefinition
import Synchronization
import Testing

@testable import AgentLibrary

@Suite("What comes again, and what is tried again")
struct RepeatTests {
    private static let files = [TestRepository.serve, TestRepository.healthy]

    private static func hook(_ name: String, _ body: String) -> TestRepository.File {
        TestRepository.File("hooks/" + name, "#!/bin/sh\n" + body + "\n")
    }

    /// Orders whose each hook writes a line when it runs.
    private static func counting(_ repository: TestRepository, _ version: String) async throws -> HostRelease {
        let names = Dictionary(uniqueKeysWithValues: HookMoment.allCases.map { ($0, "hooks/" + $0.rawValue) })
        let line = "echo \"$SLIPWAY_HOOK $SLIPWAY_VERSION\" >> \"$SLIPWAY_FOLDER.calls\""
        return try await repository.submit(
            version, files: files + HookMoment.allCases.map { hook($0.rawValue, line) },
            units: [TestRepository.unit(hooks: names)])
    }

    @Test(
        "R22: each order comes three times, at once, late, after newer ones and after a restart: its hooks run once, its word is said once"
    )
    func tripled() async throws {
        let repository = try TestRepository()
        var releases: [HostRelease] = []
        for version in ["1.0", "2.0", "3.0", "4.0"] {
            releases.append(try await Self.counting(repository, version))
        }
        let (one, two, three, four) = (releases[0], releases[1], releases[2], releases[3])
        let orders: [(OrderID, JSONValue)] = [
            (try order(1), try repository.assignment(1, .install, one)),
            (try order(2), try repository.assignment(2, .install, two)),
            (try order(2, .backOut), try repository.assignment(2, .backOut, two)),
            (try order(3), try repository.assignment(3, .install, three)),
        ]
        let overtaken = (try order(4), try repository.assignment(4, .install, four))
        let last = (try order(5), try repository.assignment(5, .install, four))
        var host = try await TestHost(repository)
        func offer(_ envelopes: [JSONValue]) async {
            let agent = host.agent
            await withTaskGroup(of: Void.self) { group in
                for envelope in envelopes.shuffled() { group.addTask { await agent.offer(envelope) } }
            }
        }
        var sent: [JSONValue] = []
        for (order, envelope) in orders {
            // Two at once among what came before, the third while it is being carried out.
            await offer([envelope, envelope] + sent)
            await offer([envelope])
            _ = try await host.finished(order)
            sent += [envelope, envelope]
            await offer(sent)
        }
        // The older of two comes last, and is no order any more.
        await offer([last.1])
        await offer([overtaken.1, last.1, overtaken.1, last.1, overtaken.1])
        let (ended, missed) = (try await host.finished(last.0), try await host.finished(overtaken.0))
        #expect(ended.outcome == .succeeded, "\(ended)")
        #expect(missed.outcome == .superseded, "\(missed)")
        sent += [overtaken.1, last.1]
        for _ in 0..<2 {
            await host.stop()
            await host.agent.close()
            host = try await TestHost(repository, dir: host.dir, root: host.root)
            await offer(sent + sent + sent)
            // What is taken up now would be carried out before this.
            _ = try await poll { await host.agent.isIdle ? true : nil }
        }
        let starting = ["preStart", "start", "postHealthy", "undrain"]
        let stopping = ["drain", "preStop", "stop"]
        var expected = starting.map { "\($0) 1.0" }
        for (from, to) in [("1.0", "2.0"), ("2.0", "1.0"), ("1.0", "3.0"), ("3.0", "4.0")] {
            expected += stopping.map { "\($0) \(from)" } + starting.map { "\($0) \(to)" }
        }
        let calls = try #require(try host.text("opt/web.calls")).split(separator: "\n").map(String.init)
        #expect(calls == expected)
        let told = await host.reports.compactMap { if case .outcome(let it) = $0.body { it.order } else { nil } }
        #expect(told.count == 6 && Set(told).count == 6, "\(told)")
        #expect(try host.version() == "4.0")
        try await host.end()
    }

    @Test("R22: an order that comes after a newer one, which waits for its turn, is none any more")
    func overtakenByOneThatWaits() async throws {
        let repository = try TestRepository()
        let (one, two) = (try await repository.submit("1.0"), try await repository.submit("2.0"))
        let older = (try order(1), try repository.assignment(1, .install, one))
        let newer = (try order(2), try repository.assignment(2, .install, two))
        var host = try await TestHost(repository)
        // Nobody takes up what waits, as where another product is being installed.
        await host.stop()
        for envelope in [newer.1, older.1, newer.1, older.1] { await host.agent.offer(envelope) }
        #expect(await host.agent.queue.map(\.order) == [newer.0])
        #expect(await host.agent.host.finished.map(\.order) == [older.0])
        await host.agent.close()
        host = try await TestHost(repository, dir: host.dir, root: host.root)
        for envelope in [newer.1, older.1] { await host.agent.offer(envelope) }
        #expect(try await host.finished(newer.0).outcome == .succeeded)
        #expect(try await host.finished(older.0).outcome == .superseded)
        #expect(try host.version() == "2.0")
        try await host.end()
    }

    @Test("An older word of a channel, which does not mean this host yet, takes nothing from a newer one that waits")
    func notYetAddressed() async throws {
        let repository = try TestRepository()
        let one = try await repository.submit("1.0")
        let others = HostID(unchecked: "host-2")
        let earlier = try repository.assignment(1, .install, one, to: others)
        let newer = try repository.assignment(1, .install, one)
        let later = try repository.assignment(1, .install, one, to: others)
        let host = try await TestHost(repository)
        await host.stop()
        for envelope in [newer, earlier] { await host.agent.offer(envelope) }
        #expect(await host.agent.queue.map(\.order) == [try order(1)])
        await host.agent.offer(later)
        #expect(await host.agent.queue.isEmpty)
        #expect(await host.agent.host.finished.map(\.outcome) == [.cancelled])
        try await host.end()
    }

    /// Where an installation can be made to fail, and the step that it then stands at.
    private static let places: [(hook: HookMoment?, step: InstallationStep)] = [
        (nil, .verified), (.preStop, .stopping), (.preStart, .starting), (.start, .starting), (.postHealthy, .checking),
    ]

    @Test(
        "R9: failed at any step, the same release is installed again from its first step on, and until then it counts as failed"
    )
    func again() async throws {
        for (moment, _) in Self.places {
            let name = moment?.rawValue ?? "payload"
            let repository = try TestRepository()
            // The old release's stop hooks run, the new one's start hooks.
            let isOld = moment == .preStop
            let failing = Self.hook("fails", "[ ! -e \"$SLIPWAY_FOLDER.fails\" ] || exit 1")
            let units = [try TestRepository.unit(hooks: moment.map { [$0: "hooks/fails"] } ?? [:])]
            let one = try await repository.submit(
                "1.0", files: Self.files + (isOld ? [failing] : []), units: isOld ? units : nil)
            let two = try await repository.submit(
                "2.0", files: Self.files + (isOld ? [] : [failing]), units: isOld ? nil : units)
            let host = try await TestHost(repository)
            try await host.carryOut(repository.assignment(1, .install, one), order(1))
            try host.root.directory.writeDurably("opt/web.fails", [])
            var blob: [UInt8]?
            let payload = try #require(try repository.manifest(of: two).units.first?.payload.compressed)
            if moment == nil {
                blob = try repository.folder.directory.read("blobs/\(payload.sha256.hex)", sizeMax: ByteCount(1 << 24))
                try repository.tamper(with: payload)
            }
            let failed = try await host.carryOut(repository.assignment(2, .install, two), order(2))
            switch failed.outcome {
            case .failed, .backedOut: break
            default: Issue.record("\(name): \(failed)")
            }
            // What is on the disk says so, to whoever reads it.
            let state = try HostState(reading: host.dir.directory)
            let record = state.record(of: TestRepository.product)
            #expect(record.current == one, "\(name)")
            #expect(record.proved == one, "\(name)")
            #expect(record.releases.first { $0.release == two }?.standing != .good, "\(name)")
            if case .backedOut = failed.outcome {
                #expect(record.releases.first { $0.release == two }?.standing == .failed, "\(name)")
            }
            #expect(state.finished.last?.outcome == failed.outcome, "\(name)")

            try host.root.directory.removeFile("opt/web.fails")
            if let blob { try repository.folder.directory.writeDurably("blobs/\(payload.sha256.hex)", blob) }
            let ended = try await host.carryOut(repository.assignment(3, .install, two), order(3))
            #expect(ended.outcome == .succeeded, "\(name): \(ended)")
            #expect(try host.version() == "2.0", "\(name)")
            let third = try order(3)
            let steps = await host.reports.compactMap { report -> InstallationStep? in
                guard case .progress(let it) = report.body, it.order == third else { return nil }
                return it.step
            }
            #expect(
                steps == [
                    .received, .verified, .preflight, .staged, .stopping, .switched, .starting, .checking, .committed,
                ], "\(name): every step is done again")
            try await host.end()
        }
    }

    @Test(
        "R12: past a release that failed a back-out goes to the one before it; with none that was proved good it refuses and says so"
    )
    func knownBad() async throws {
        let repository = try TestRepository()
        let one = try await repository.submit("1.0")
        let bad = try await repository.submit("2.0", files: [TestRepository.serve, TestRepository.broken])
        let three = try await repository.submit("3.0")
        let host = try await TestHost(repository)
        try await host.carryOut(repository.assignment(1, .install, one), order(1))
        #expect(
            try await host.carryOut(repository.assignment(2, .install, bad), order(2)).outcome == .backedOut(.health))
        try await host.carryOut(repository.assignment(3, .install, three), order(3))
        let back = try await host.carryOut(repository.assignment(3, .backOut, three), order(3, .backOut))
        #expect(back.outcome == .backedOut(nil), "\(back)")
        #expect(try host.version() == "1.0")
        #expect(try host.serving().map { $0.hasSuffix(one.folder) } == [true])
        try await host.end()

        let other = try await TestHost(repository)
        let first = try await repository.submit("0.9", files: [TestRepository.serve, TestRepository.broken])
        try await other.carryOut(repository.assignment(4, .install, first), order(4))
        try await other.carryOut(repository.assignment(5, .install, three), order(5))
        await other.stop()
        let error = await #expect(throws: AgentError.self) {
            _ = try await other.agent.backOut(TestRepository.product)
        }
        #expect(error?.code == "agent.backOut.noneGood", "\(String(describing: error))")
        #expect(error?.summary.contains("web@0.9") == true && error?.summary.contains("failed") == true)
        #expect(try other.version() == "3.0")
        #expect(try other.serving().map { $0.hasSuffix(three.folder) } == [true])
        try await other.end()
    }

    @Test(
        "R35: with an expired timestamp nothing new is installed, what runs goes on, after a restart too; signed anew all is well"
    )
    func expiredTimestamp() async throws {
        let repository = try TestRepository()
        let one = try await repository.submit("1.0")
        let before = try await TestHost(repository)
        try await before.carryOut(repository.assignment(1, .install, one), order(1))
        let serving = servicesRunning(in: before.dir.path)
        #expect(serving.count == 1)
        // Signed as three days ago: the timestamp is over, the roles that people hold are not.
        repository.age = .days(3)
        let two = try await repository.submit("2.0")
        repository.age = .zero
        let refused = try await before.carryOut(repository.assignment(2, .install, two), order(2))
        #expect(refused.outcome == .failed(.verify), "\(refused)")
        #expect(refused.failure?.evidence.error.code == "trust.timestamp.expired", "\(refused)")
        await before.stop()
        await before.agent.close()
        let host = try await TestHost(repository, dir: before.dir, root: before.root)
        #expect(try host.version() == "1.0")
        #expect(servicesRunning(in: host.dir.path) == serving, "the same process goes on")
        let three = try await repository.submit("3.0")
        #expect(try await host.carryOut(repository.assignment(3, .install, three), order(3)).outcome == .succeeded)
        #expect(try host.version() == "3.0")
        try await host.end()
    }
}
