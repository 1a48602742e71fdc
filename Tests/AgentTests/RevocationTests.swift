import AgentProtocol
import Effects
import ReleaseDefinition
import ReleaseTrust
import Testing

@testable import AgentLibrary

@Suite("A release that was revoked")
struct RevocationTests {
    private let elsewhere = HostID(unchecked: "another")

    @Test("It is not installed; where it runs it goes on until an order takes it back")
    func goesOn() async throws {
        let repository = try TestRepository()
        let (host, one, two) = try await TestHost.updated(repository)
        // Addressed to another host: what it revokes holds here all the same.
        await host.agent.offer(try repository.assignment(3, .install, one, revoked: [two], to: elsewhere))
        // And to this one, by the order that it knows.
        await host.agent.offer(try repository.assignment(2, .install, two, revoked: [two]))
        #expect(await host.record.isRevoked)
        #expect(await host.agent.isIdle)
        #expect(try host.version() == "2.0")
        try RealAgent.configuration(repository: "http://127.0.0.1:1", root: host.root.path)
            .write(in: host.dir.directory)
        #expect(try StatusView.read(AgentFolder(base: host.dir.directory)).0.products.first?.isRevoked == true)

        let back = try await host.carryOut(
            repository.assignment(2, .backOut, two, revoked: [two]), order(2, .backOut))
        #expect(back.outcome == .backedOut(nil), "\(back)")
        #expect(try host.version() == "1.0")
        let again = try await host.carryOut(repository.assignment(4, .install, two, revoked: [two]), order(4))
        #expect(again.outcome == .failed(.verify))
        #expect(try host.version() == "1.0")
        try await host.end()
    }

    @Test("A host that was out of reach until a back-out had ended goes back when it hears its channel, once")
    func takenBack() async throws {
        let repository = try TestRepository()
        let (host, one, two) = try await TestHost.updated(repository)
        func back(_ hosts: [HostID]) throws -> TakenBackRelease {
            TakenBackRelease(order: try order(2, .backOut), release: two.name, manifest: two.manifest, hosts: hosts)
        }
        // The channel names the release before to all by now; this host carried that order out long ago.
        await host.agent.offer(
            try repository.assignment(1, .install, one, revoked: [two], takenBack: [back([elsewhere])]))
        #expect(await host.agent.isIdle)
        #expect(try host.version() == "2.0")
        let word = try repository.assignment(1, .install, one, revoked: [two], takenBack: [back([TestHost.name])])
        await host.agent.offer(word)
        #expect(try await host.finished(order(2, .backOut)).outcome == .backedOut(nil))
        #expect(try host.version() == "1.0")
        // Heard again: it was carried out, and nothing of it runs.
        await host.agent.offer(word)
        #expect(await host.agent.isIdle)
        // A word that takes back what it does not revoke is none.
        let three = try await repository.submit("3.0")
        try await host.carryOut(repository.assignment(3, .install, three, revoked: [two]), order(3))
        let crooked = TakenBackRelease(
            order: try order(3, .backOut), release: three.name, manifest: three.manifest, hosts: [TestHost.name])
        #expect(
            await host.agent.offer(try repository.assignment(4, .install, one, revoked: [two], takenBack: [crooked]))
                == false)
        #expect(try host.version() == "3.0")
        try await host.end()
    }

    @Test("A way back that the same word tops with another release is taken after all when that release fails here")
    func owed() async throws {
        let repository = try TestRepository()
        let one = try await repository.submit("1.0")
        let two = try await repository.submit("2.0")
        let three = try await repository.submit("3.0", files: [TestRepository.serve, TestRepository.broken])
        let four = try await repository.submit("4.0")
        let host = try await TestHost(repository)
        try await host.carryOut(repository.assignment(1, .install, one), order(1))
        try await host.carryOut(repository.assignment(2, .install, two), order(2))
        func back(_ number: Int, _ release: HostRelease) throws -> TakenBackRelease {
            TakenBackRelease(
                order: try order(number, .backOut), release: release.name, manifest: release.manifest,
                hosts: [TestHost.name])
        }
        // 2.0 was taken back while this host was away; the channel is at 3.0 by now, which does not start here.
        let word = try repository.assignment(3, .install, three, revoked: [two], takenBack: [back(2, two)])
        #expect(try await host.carryOut(word, order(3)).outcome == .backedOut(.health))
        #expect(try await host.finished(order(2, .backOut)).outcome == .backedOut(nil))
        #expect(try host.version() == "1.0")
        #expect(await host.record.isRevoked == false)

        // Where the release that came along stays, there is nothing left to go back from.
        try await host.carryOut(repository.assignment(4, .install, four), order(4))
        let five = try await repository.submit("5.0")
        let next = try repository.assignment(5, .install, five, revoked: [two, four], takenBack: [back(4, four)])
        #expect(try await host.carryOut(next, order(5)).outcome == .succeeded)
        #expect(try await host.finished(order(4, .backOut)).outcome == .superseded)
        #expect(try host.version() == "5.0")
        try await host.end()
    }

    @Test(
        "Counters that a thief of the director's key drove up end with the key: the next one's orders are carried out")
    func drivenUp() async throws {
        let repository = try TestRepository()
        let one = try await repository.submit("1.0")
        let two = try await repository.submit("2.0")
        let three = try await repository.submit("3.0")
        let host = try await TestHost(repository)
        try await host.carryOut(repository.assignment(1, .install, one, counter: 10), order(1))
        // He has no release to install, so he repeats one, and closes the way to the others.
        let highest: Int64 = (1 << 53) - 1
        try await host.carryOut(
            repository.assignment(2, .install, one, revoked: [two, three], counter: highest), order(2))
        try repository.rotateDirector(keepingOld: true)
        // A key that was only added leaves the protection against replay in place.
        let fenced = try await host.carryOut(repository.assignment(3, .install, two, counter: 11), order(3))
        #expect(fenced.outcome == .superseded)
        #expect(await host.record.revoked.count == 2)
        try repository.rotateDirector()
        let free = try await host.carryOut(repository.assignment(4, .install, two, counter: 12), order(4))
        #expect(free.outcome == .succeeded, "\(free)")
        #expect(try host.version() == "2.0")
        let replay = try await host.carryOut(repository.assignment(5, .install, three, counter: 11), order(5))
        #expect(replay.outcome == .superseded)
        // The journal says it again after a restart.
        await host.stop()
        await host.agent.close()
        let again = try await TestHost(repository, dir: host.dir, root: host.root)
        #expect(await again.record.counter == 12)
        try await again.end()
    }

    @Test("One that comes in the middle of an order leaves what the order returns to")
    func meanwhile() async throws {
        let repository = try TestRepository()
        let one = try await repository.submit("1.0")
        let slow = TestRepository.File("hooks/slow", "#!/bin/sh\nsleep 1\nexit 1\n")
        let two = try await repository.submit(
            "2.0", files: [TestRepository.serve, TestRepository.healthy, slow],
            units: [try TestRepository.unit(hooks: [.preStart: "hooks/slow"])])
        let host = try await TestHost(repository)
        try await host.carryOut(repository.assignment(1, .install, one), order(1))
        await host.agent.offer(try repository.assignment(2, .install, two))
        _ = try await poll { await host.agent.host.installation?.step == .starting ? true : nil }
        await host.agent.offer(try repository.assignment(3, .install, two, revoked: [one], to: elsewhere))
        #expect(try await host.finished(order(2)).outcome == .backedOut(.hook))
        #expect(await host.agent.isIdle)
        #expect(try host.version() == "1.0")
        #expect(try host.serving().count == 1)
        try await host.end()
    }

    @Test("No host is left with nothing by it: neither with no way back nor by an order whose way back it closes")
    func neverNothing() async throws {
        let repository = try TestRepository()
        let (host, one, two) = try await TestHost.updated(repository)
        #expect(try await host.agent.backOut(TestRepository.product).outcome == .backedOut(nil))
        // 2.0 failed here, so 1.0 has nothing to return to.
        #expect(await host.record.lastGood(before: one) == nil)
        await host.agent.offer(try repository.assignment(3, .install, two, revoked: [one], to: elsewhere))
        #expect(await host.record.isRevoked)
        #expect(await host.agent.isIdle)
        #expect(try host.version() == "1.0")

        let three = try await repository.submit("3.0")
        try await host.carryOut(repository.assignment(4, .install, three, revoked: [one]), order(4))
        #expect(try host.version() == "3.0")
        let back = try await host.carryOut(
            repository.assignment(4, .backOut, three, revoked: [one, three]), order(4, .backOut))
        guard case .skipped(let reason) = back.outcome else {
            Issue.record("\(back)")
            return
        }
        #expect(reason.contains("web@1.0"), "\(reason)")
        #expect(try host.version() == "3.0")
        #expect(try host.serving().count == 1)
        try await host.end()
    }
}
