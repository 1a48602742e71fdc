import AgentProtocol
import Effects
import ReleaseDefinition
import Testing

@testable import AgentLibrary

@Suite("Orders that are not wanted any more")
struct CancelTests {
    private func hold(_ host: TestHost, _ isHeld: Bool) throws {
        if isHeld {
            try host.dir.directory.createDirectory("inhibit")
            try host.dir.directory.writeDurably("inhibit/backup", [])
        } else {
            try host.dir.directory.removeTree("inhibit")
        }
    }

    private func cancel(_ number: Int, _ release: HostRelease) throws -> OrderCancel {
        OrderCancel(order: try order(number), release: release.name)
    }

    @Test(
        "Before its first stop an order is given up and cleaned up after, and its word is cancelled; the next is carried out"
    )
    func beforeStop() async throws {
        let repository = try TestRepository()
        let (one, two) = (try await repository.submit("1.0"), try await repository.submit("2.0"))
        let host = try await TestHost(repository)
        #expect(try await host.carryOut(repository.assignment(1, .install, one), order(1)).outcome == .succeeded)
        try hold(host, true)
        await host.agent.offer(try repository.assignment(2, .install, two))
        _ = try await poll { await host.agent.host.installation?.step == .staged ? true : nil }
        try await host.agent.cancel(cancel(2, two))
        #expect(try await host.finished(order(2)).outcome == .cancelled)
        #expect(try host.version() == "1.0")
        _ = try await poll { try host.root.directory.status("opt/web.releases/.staging") == nil ? true : nil }
        #expect(try host.dir.directory.list("downloads").isEmpty)
        let outcomes = await host.reports.compactMap { if case .outcome(let it) = $0.body { it.outcome } else { nil } }
        #expect(outcomes == [.succeeded, .cancelled])
        try hold(host, false)
        #expect(try await host.carryOut(repository.assignment(3, .install, two), order(3)).outcome == .succeeded)
        #expect(try host.version() == "2.0")
        try await host.end()
    }

    @Test(
        "A channel that does not mean this host any more, or revokes what it installs, takes the order back before its stop",
        arguments: [true, false])
    func pulled(_ isRevoked: Bool) async throws {
        let repository = try TestRepository()
        let (one, two) = (try await repository.submit("1.0"), try await repository.submit("2.0"))
        let host = try await TestHost(repository)
        try await host.carryOut(repository.assignment(1, .install, one), order(1))
        try hold(host, true)
        await host.agent.offer(try repository.assignment(2, .install, two))
        _ = try await poll { await host.agent.host.installation?.step == .staged ? true : nil }
        let other = HostID(unchecked: "host-2")
        // Taken back from another host alone: not about this one.
        await host.agent.offer(try repository.assignment(2, .backOut, two, to: other))
        #expect(await host.agent.host.installation != nil)
        let word =
            isRevoked
            ? try repository.assignment(2, .backOut, two, revoked: [two], to: other)
            : try repository.assignment(2, .install, two, to: other)
        await host.agent.offer(word)
        #expect(try await host.finished(order(2)).outcome == .cancelled)
        #expect(try host.version() == "1.0")
        try await host.end()
    }

    @Test("After its first stop an order goes on to its end, whatever is cancelled")
    func afterStop() async throws {
        let repository = try TestRepository()
        var unit = try TestRepository.unit()
        unit.minimumHealthy = .seconds(5)
        let (one, two) = (try await repository.submit("1.0"), try await repository.submit("2.0", units: [unit]))
        let host = try await TestHost(repository)
        try await host.carryOut(repository.assignment(1, .install, one), order(1))
        await host.agent.offer(try repository.assignment(2, .install, two))
        _ = try await poll { await host.agent.host.installation?.step == .checking ? true : nil }
        try await host.agent.cancel(cancel(2, two))
        #expect(try await host.finished(order(2)).outcome == .succeeded)
        #expect(try host.version() == "2.0")
        try await host.end()
    }

    @Test(
        "An order that waits in the queue is cancelled; so is one that comes after its cancel, and what ended stays as it was"
    )
    func unheard() async throws {
        let repository = try TestRepository()
        let (one, two) = (try await repository.submit("1.0"), try await repository.submit("2.0"))
        let host = try await TestHost(repository)
        try await host.carryOut(repository.assignment(1, .install, one), order(1))
        try await host.agent.cancel(cancel(1, one))
        #expect(try await host.finished(order(1)).outcome == .succeeded)
        try await host.agent.cancel(cancel(2, two))
        #expect(try await host.finished(order(2)).outcome == .cancelled)
        await host.agent.offer(try repository.assignment(2, .install, two))
        #expect(await host.agent.isIdle)
        #expect(try host.version() == "1.0")
        try await host.end()
    }
}
