import AgentProtocol
import Effects
import ReleaseDefinition
import Testing

@testable import AgentLibrary

@Suite("Before the first stop, and before the commit")
struct ConfirmationTests {
    private let changes: [UnitChange]

    init() throws { changes = [try change("api"), try change("worker")] }

    private func checkingLast(peers: [String]) throws -> Installation {
        var it = Installation(try task(), at: start)
        try it.take(.verified(changes: changes))
        try it.take(.done)
        try it.take(.done)
        try it.take(.prepared(StateBefore(peers: peers, confirmWithin: .seconds(9))))
        while it.state != .checking(unit: 1, deadlineAt: try #require(it.deadlineAt)) { try it.take(.done) }
        return it
    }

    @Test("After the last unit's health comes the confirmation, and only then the commit")
    func inOrder() throws {
        var it = try checkingLast(peers: ["a:1"])
        try it.take(.done)
        #expect(it.state == .confirming(deadlineAt: start + .seconds(9)))
        #expect(it.pendingAction(at: start) == .confirm(peers: ["a:1"]))
        try it.take(.recover)
        #expect(it.pendingAction(at: start) == .confirm(peers: ["a:1"]), "repeated after a crash")
        try it.take(.done)
        #expect(it.step == .committed)
    }

    @Test("Whoever was not reached before does not count; where nobody was, there is nothing to confirm")
    func nobody() throws {
        var it = try checkingLast(peers: [])
        try it.take(.done)
        #expect(it.step == .committed)
    }

    @Test("R16: an unconfirmed installation backs out every unit by itself at its deadline")
    func deadline() throws {
        var it = try checkingLast(peers: ["a:1"])
        try it.take(.done)
        try it.take(.tick, at: start + .seconds(8))
        #expect(it.pendingAction(at: start) == .confirm(peers: ["a:1"]))
        try it.take(.tick, at: start + .seconds(9))
        guard case .backingOut(let backOut) = it.state else { return #expect(Bool(false), "\(it.state)") }
        #expect(backOut.failure?.failureClass == .confirm)
        #expect(backOut.lastUnit == 1 && backOut.lastWasSwitched)
    }

    @Test("R16: a release that cuts the host off is backed out; the host is back on the old one with nobody's help")
    func cutOff() async throws {
        let repository = try TestRepository()
        let one = try await repository.submit("1.0")
        let two = try await repository.submit("2.0")
        let root = try TemporaryFolder()
        // Whoever runs 2.0 reaches nobody.
        let host = try await TestHost(repository, root: root) { address in
            let target = (try? root.directory.readLink("opt/web")) ?? ""
            return target.contains("/2.0-") || address.hasPrefix("repository.test") ? .unreachable("cut off") : .taken
        }
        let first = try await host.carryOut(repository.assignment(1, .install, one), order(1))
        #expect(first.outcome == .succeeded, "\(first)")
        let second = try await host.carryOut(repository.assignment(2, .install, two), order(2))
        #expect(second.outcome == .backedOut(.confirm), "\(second)")
        #expect(try host.version() == "1.0")
        #expect(try host.serving().map { $0.hasSuffix(one.folder) } == [true])
        try await host.end()
    }

    @Test("What is not healthy before is said in the outcome; agent.json may skip such hosts, but not for an emergency")
    func unhealthyBefore() async throws {
        let repository = try TestRepository()
        // Its check passes until somebody breaks the host.
        let breakable = TestRepository.File("tree/bin/check", "#!/bin/sh\ntest ! -e \"$SLIPWAY_FOLDER.broken\"\n")
        let one = try await repository.submit("1.0", files: [TestRepository.serve, breakable])
        let two = try await repository.submit("2.0")
        for policy in [UnhealthyBefore.proceed, .skip] {
            let host = try await TestHost(repository, unhealthyBefore: policy)
            try await host.carryOut(repository.assignment(1, .install, one), order(1))
            try host.root.directory.writeDurably("opt/web.broken", [])
            let ended = try await host.carryOut(repository.assignment(2, .install, two), order(2))
            switch policy {
            case .proceed:
                #expect(ended.outcome == .succeeded, "\(ended)")
                let told = await host.reports.compactMap { if case .outcome(let it) = $0.body { it } else { nil } }
                #expect(told.map { $0.unhealthyBefore == nil } == [true, false])
            case .skip:
                guard case .skipped(let reason) = ended.outcome else { return #expect(Bool(false), "\(ended)") }
                #expect(reason.hasPrefix("unhealthyBefore: web"))
                #expect(try host.version() == "1.0")
            }
            try await host.end()
        }
    }

    @Test("Addresses of controller and repository are taken from their URLs")
    func addresses() {
        #expect(Reachability.address("https://controller.example:8443/x") == "controller.example:8443")
        #expect(Reachability.address("https://controller.example") == "controller.example:443")
        #expect(Reachability.address("http://[::1]/a") == "[::1]:80")
        #expect(Reachability.address("http://[::1]:81") == "[::1]:81")
        #expect(Reachability.address("ftp://x") == nil)
    }
}
