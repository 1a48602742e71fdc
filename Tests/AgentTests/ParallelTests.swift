import AgentProtocol
import Effects
import ReleaseDefinition
import TestSupport
import Testing

@testable import AgentLibrary

@Suite("Two slots on one host")
struct ParallelTests {
    typealias Fixture = ParallelFixture

    @Test("A new release takes over through the link, and the old one comes back at once: no request fails")
    func link() async throws {
        let repository = try TestRepository()
        let units = [try Fixture.unit(Fixture.linked())]
        let one = try await repository.submit("1.0", files: [Fixture.serve, Fixture.check(true)], units: units)
        let two = try await repository.submit("2.0", files: [Fixture.serve, Fixture.check(true)], units: units)
        let (root, variables) = try Fixture.world()
        let host = try await TestHost(repository, root: root, variables: variables)
        let first = try await host.carryOut(repository.assignment(1, .install, one), order(1))
        #expect(first.outcome == .succeeded, "\(first)")
        #expect(try root.directory.readLink("run/active") == root.path + "/run/a.sock")

        let clients = try Fixture.Clients(root, way: "link")
        try await clients.haveAsked()
        let second = try await host.carryOut(repository.assignment(2, .install, two), order(2))
        #expect(second.outcome == .succeeded, "\(second)")
        #expect(try root.directory.readLink("run/active") == root.path + "/run/b.sock")
        #expect(try host.version() == "2.0")
        try await clients.haveAsked()
        let warm = Fixture.running(host.dir, .a)
        #expect(warm.count == 1, "the old one is kept running")

        let back = try await host.carryOut(repository.assignment(2, .backOut, two), order(2, .backOut))
        #expect(back.outcome == .backedOut(nil), "\(back)")
        #expect(try root.directory.readLink("run/active") == root.path + "/run/a.sock")
        #expect(try host.version() == "1.0")
        #expect(Fixture.running(host.dir, .a) == warm, "nothing was started")
        #expect(Fixture.running(host.dir, .b).isEmpty, "what was left is ended")
        try await clients.haveAsked()
        let answers = try await clients.end()
        #expect(answers.failed == 0, "\(answers)")
        #expect(answers.seen == ["1.0", "2.0"])
        await host.stop()
        try await Fixture.end(host.dir)
    }

    @Test(
        "A new release takes over by the switch hook, which a proxy heeds: no request fails; an unhealthy one never serves"
    )
    func hook() async throws {
        let repository = try TestRepository()
        let (root, _) = try Fixture.world()
        let hook = TestRepository.File(
            "hooks/switch",
            """
            #!/bin/sh
            echo "$SLIPWAY_HOOK $SLIPWAY_VERSION $SLIPWAY_SLOT" >> \(root.path)/notes
            printf %s "$PORT" > \(root.path)/run/next && mv \(root.path)/run/next \(root.path)/run/active

            """)
        let settings = ParallelSettings(
            slots: ["${A}", "${B}"], drain: .milliseconds(400), warm: .hours(1))
        func submit(_ version: String, isSound: Bool) async throws -> HostRelease {
            let units = [try Fixture.unit(settings, hooks: [.switch: "hooks/switch"], isSound: isSound)]
            return try await repository.submit(
                version, files: [Fixture.serve, Fixture.check(isSound), hook], units: units)
        }
        let (one, bad) = (try await submit("1.0", isSound: true), try await submit("2.0", isSound: false))
        let good = try await submit("3.0", isSound: true)
        let ports = ("\(try Ports.free())", "\(try Ports.free())")
        let host = try await TestHost(repository, root: root, variables: ["A": ports.0, "B": ports.1])
        try await host.carryOut(repository.assignment(1, .install, one), order(1))
        let clients = try Fixture.Clients(root, way: "hook")
        try await clients.haveAsked()
        let failed = try await host.carryOut(repository.assignment(2, .install, bad), order(2))
        #expect(failed.outcome == .backedOut(.health), "\(failed)")
        #expect(try UnitTypeTests.lines(root) == ["switch 1.0 a"], "the failing one took nothing over")
        let second = try await host.carryOut(repository.assignment(3, .install, good), order(3))
        #expect(second.outcome == .succeeded, "\(second)")
        try await clients.haveAsked()
        let answers = try await clients.end()
        #expect(answers.failed == 0, "\(answers)")
        #expect(answers.seen == ["1.0", "3.0"])
        #expect(try UnitTypeTests.lines(root) == ["switch 1.0 a", "switch 3.0 b"])
        // 1.0 is kept warm in the slot that the next one is tried in: it ends for good, and nobody says otherwise.
        #expect(await host.record.warm?["web"]?.slot == .a)
        let again = try await host.carryOut(
            repository.assignment(4, .install, try await submit("4.0", isSound: false)), order(4))
        #expect(again.outcome == .backedOut(.health), "\(again)")
        #expect(Fixture.running(host.dir, .a).isEmpty)
        #expect(await host.record.warm == nil)
        #expect(await host.record.slots == ["web": .b])
        await host.stop()
        try await Fixture.end(host.dir)
    }

    @Test("What is kept warm ends when its time is over, and an agent that starts again knows which slot serves")
    func cooling() async throws {
        let repository = try TestRepository()
        let units = [try Fixture.unit(Fixture.linked(drain: .zero, warm: .milliseconds(300)))]
        let (root, variables) = try Fixture.world()
        var host = try await TestHost(repository, root: root, variables: variables)
        for number in 1...3 {
            let release = try await repository.submit(
                "\(number).0", files: [Fixture.serve, Fixture.check(true)], units: units)
            let ended = try await host.carryOut(repository.assignment(number, .install, release), order(number))
            #expect(ended.outcome == .succeeded, "\(ended)")
            let serving: SlotName = number % 2 == 1 ? .a : .b
            let dir = host.dir
            _ = try await poll { Fixture.running(dir, serving.other).isEmpty ? true : nil }
            #expect(Fixture.running(host.dir, serving).count == 1)
            #expect(await host.record.slots == ["web": serving])
            _ = try await poll { await host.record.warm == nil ? true : nil }
            await host.stop()
            await host.agent.close()
            let before = Fixture.running(dir, serving)
            host = try await TestHost(repository, dir: host.dir, root: root, variables: variables)
            #expect(Fixture.running(host.dir, serving) == before, "found again, not started again")
        }
        // From cold: it is started again before it takes over.
        let current = try #require(await host.record.current)
        let back = try await host.carryOut(repository.assignment(3, .backOut, current), order(3, .backOut))
        #expect(back.outcome == .backedOut(nil), "\(back)")
        #expect(try root.directory.readLink("run/active") == root.path + "/run/b.sock")
        await host.stop()
        try await Fixture.end(host.dir)
    }

    @Test("From one place to two slots and back: the link comes with the slots and goes with them")
    func change() async throws {
        let repository = try TestRepository()
        let (root, variables) = try Fixture.world()
        let plain = try await repository.submit("1.0")
        let slotted = try await repository.submit(
            "2.0", files: [Fixture.serve, Fixture.check(true)], units: [Fixture.unit(Fixture.linked())])
        let host = try await TestHost(repository, root: root, variables: variables)
        try await host.carryOut(repository.assignment(1, .install, plain), order(1))
        let second = try await host.carryOut(repository.assignment(2, .install, slotted), order(2))
        #expect(second.outcome == .succeeded, "\(second)")
        #expect(try root.directory.readLink("run/active") == root.path + "/run/a.sock")
        #expect(try host.serving().isEmpty)
        let back = try await host.carryOut(repository.assignment(2, .backOut, slotted), order(2, .backOut))
        #expect(back.outcome == .backedOut(nil), "\(back)")
        #expect(try root.directory.status("run/active") == nil)
        #expect(try host.version() == "1.0")
        #expect(try host.serving().count == 1)
        #expect(Fixture.running(host.dir, .a).isEmpty)
        try await host.end()
    }
}
