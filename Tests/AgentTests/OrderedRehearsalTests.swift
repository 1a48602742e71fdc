import AgentProtocol
import Effects
import ReleaseDefinition
import ReleaseTrust
import Testing

@testable import AgentLibrary

@Suite("A rehearsal that the controller orders")
struct OrderedRehearsalTests {
    /// 1.4 runs on a host that has a key.
    private struct Stage {
        let repository: TestRepository
        let host: TestHost
        let old: HostRelease

        init() async throws {
            repository = try TestRepository()
            old = try await repository.submit("1.4", files: [TestRepository.serve, TestRepository.healthy])
            host = try await TestHost(repository)
            try await RehearsalTests.Stage.giveKey(to: host, TemporaryFolder())
            try await host.carryOut(repository.assignment(1, .install, old), order(1))
        }

        func rehearse(_ release: HostRelease, _ number: Int = 2) throws -> JSONValue {
            try repository.assignment(number, .install, release, to: TestHost.name, rehearses: true)
        }

        /// The last words on the order: there must be one.
        func word(_ order: OrderID) async throws -> OrderOutcome {
            let words = await host.reports.compactMap { report -> OrderOutcome? in
                guard case .outcome(let outcome) = report.body, outcome.order == order else { return nil }
                return outcome
            }
            #expect(words.count == 1)
            return try #require(words.first)
        }

        func record(_ word: OrderOutcome) throws -> RehearsalRecord {
            let envelope = try DSSEEnvelope(json: try #require(word.rehearsal).envelope)
            let statement = try JSONValue(parsing: envelope.payload)
            return try JSONCoding.decode(RehearsalRecord.self, from: try #require(statement["predicate"]))
        }
    }

    @Test("Installed, backed out, compared, installed: the last word carries what the host saw, under its own key")
    func proved() async throws {
        let stage = try await Stage()
        let new = try await stage.repository.submit("1.5", files: [TestRepository.serve, TestRepository.healthy])
        let finished = try await stage.host.carryOut(stage.rehearse(new), order(2))
        #expect(finished.outcome == .succeeded)
        let word = try await stage.word(order(2))
        #expect(word.running?.manifest == new.manifest)
        let record = try stage.record(word)
        let ordered = try order(2)
        #expect(record.isProved && record.order == ordered && record.from == stage.old)
        #expect(record.steps.map(\.what) == ["install", "back-out", "compare", "install again"])
        #expect(record.after == record.before)
        // Each step is an order by itself, and said as one.
        let rollout = try order(2).rollout
        let steps = await stage.host.agent.host.finished.filter { $0.order.rollout == rollout }.map(\.order.description)
        #expect(
            steps == ["\(rollout)/install/2", "\(rollout)/backOut/1", "\(rollout)/install/3", "\(rollout)/install/1"])
        // Heard again, it is done already.
        await stage.host.agent.offer(try stage.rehearse(new))
        #expect(try stage.host.version() == "1.5")
        try await stage.host.end()
    }

    @Test("A release that is not healthy ends the rehearsal as it ends an installation, with a statement of it")
    func broken() async throws {
        let stage = try await Stage()
        let new = try await stage.repository.submit("1.5", files: [TestRepository.serve, TestRepository.broken])
        let finished = try await stage.host.carryOut(stage.rehearse(new), order(2))
        #expect(finished.outcome == .backedOut(.health))
        let record = try stage.record(try await stage.word(order(2)))
        #expect(!record.isProved && record.steps.count == 1 && record.after == nil)
        #expect(await stage.host.record.current == stage.old)
        try await stage.host.end()
    }

    @Test("What the approvers did not sign is not rehearsed, and nothing is signed about it")
    func notApproved() async throws {
        let stage = try await Stage()
        let stranger = HostRelease(name: try ReleaseName("web@1.5"), manifest: SHA256Digest(of: [1]))
        let finished = try await stage.host.carryOut(stage.rehearse(stranger), order(2))
        #expect(finished.outcome == .failed(.verify), "\(finished)")
        #expect(try await stage.word(order(2)).rehearsal == nil)
        #expect(await stage.host.record.current == stage.old)
        try await stage.host.end()
    }

    @Test("An order to rehearse means one host by name: a channel's is refused, whoever follows it")
    func channel() async throws {
        let stage = try await Stage()
        let new = try await stage.repository.submit("1.5", files: [TestRepository.serve, TestRepository.healthy])
        let envelope = try stage.repository.assignment(2, .install, new, rehearses: true)
        #expect(await stage.host.agent.offer(envelope) == false)
        #expect(try stage.host.version() == "1.4")
        try await stage.host.end()
    }

    @Test(
        "Cut short by the agent's end, it is heard again: what the journal began is ended, and only what was seen is signed"
    )
    func cutShort() async throws {
        let stage = try await Stage()
        let new = try await stage.repository.submit("1.5", files: [TestRepository.serve, TestRepository.healthy])
        let envelope = try stage.rehearse(new)
        await stage.host.agent.offer(envelope)
        let rollout = try order(2).rollout
        _ = try await poll {
            let finished = await stage.host.agent.host.finished
            return finished.contains { $0.order.rollout == rollout && $0.order.action == .install } ? true : nil
        }
        await stage.host.stop()
        await stage.host.agent.close()
        let again = try await TestHost(stage.repository, dir: stage.host.dir, root: stage.host.root)
        let finished = try await again.carryOut(envelope, order(2))
        // It depends on the moment: the new release runs already, or the rehearsal begins anew.
        #expect([.alreadyCurrent, .succeeded].contains(finished.outcome), "\(finished)")
        #expect(try again.version() == "1.5")
        let words = await again.reports.compactMap { report -> OrderOutcome? in
            guard case .outcome(let outcome) = report.body, outcome.order == finished.order else { return nil }
            return outcome
        }
        #expect(words.count == 1 && (words[0].rehearsal != nil) == (finished.outcome == .succeeded))
        try await again.end()
    }
}
