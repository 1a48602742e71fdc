import AgentProtocol
import ReleaseDefinition
import Testing

@testable import AgentLibrary

@Suite("A controller that forgot what it had confirmed")
struct RetellingTests {
    private func words(_ reports: [HostReport]) -> [String] {
        reports.map { report in
            switch report.body {
            case .outcome(let word):
                "\(word.order) \(word.outcome.words), runs \(word.running?.release.version.text ?? "nothing")"
            case .inventory(let inventory): "runs \(inventory.installed.map(\.release.version.text))"
            case .progress(let progress): "\(progress.order) \(progress.step)"
            case .health: "health"
            }
        }
    }

    @Test("It is told once more, as news: the word on each order that it lost, then what runs now")
    func retold() async throws {
        let repository = try TestRepository()
        let (one, two) = (try await repository.submit("1.0"), try await repository.submit("2.0"))
        let host = try await TestHost(repository)
        try await host.carryOut(repository.assignment(1, .install, one), order(1))
        let backup = try #require(await host.reports.last).sequence
        try await host.agent.acknowledge(backup)
        try await host.carryOut(repository.assignment(2, .install, two), order(2))
        try await host.carryOut(repository.assignment(3, .install, two), order(3))
        let confirmed = try #require(await host.reports.last).sequence
        try await host.agent.acknowledge(confirmed)
        // It has everything; or it was asked before it had confirmed the rest.
        try await host.agent.controllerHeard(through: confirmed, of: confirmed)
        try await host.agent.controllerHeard(through: backup, of: backup)
        #expect(await host.reports.isEmpty)

        try await host.agent.controllerHeard(through: backup, of: confirmed)
        let told = await host.reports
        #expect(told.first?.sequence == confirmed + 1)
        #expect(
            words(told) == [
                "\(try order(2)) succeeded, runs 2.0", "\(try order(3)) already current, runs 2.0", #"runs ["2.0"]"#,
            ])
        // The stream and a receipt say the same, each on its way.
        try await host.agent.controllerHeard(through: backup, of: confirmed)
        #expect(await host.reports.count == 3)
        // The next loss goes further back, and begins when this one is made good.
        let end = try #require(told.last).sequence
        try await host.agent.acknowledge(end)
        try await host.agent.controllerHeard(through: 0, of: end)
        #expect(words(await host.reports).first == "\(try order(1)) succeeded, runs 2.0")
        #expect(await host.reports.count == 4)
        try await host.end()
    }

    @Test("What was dropped because it waited for too long was never confirmed, and no controller forgot it")
    func dropped() throws {
        var host = HostState()
        func apply(_ change: HostChange) { host.apply(JournalEntry(at: start, changes: [change])) }
        func report(_ sequence: Int64) throws {
            let progress = OrderProgress(order: try order(1), release: try release("1.0").name, step: .received)
            apply(.report(report: HostReport(sequence: sequence, at: start, body: .progress(progress))))
        }
        try report(1)
        apply(.acknowledged(sequence: 1))
        let end = Int64(HostState.reportsMax) + 11
        for sequence in 2...end { try report(sequence) }
        #expect(host.reports.first?.sequence == 12)
        #expect(host.confirmedSequence == 1 && host.droppedFrom == 2)
        let checkpoint = try JSONCoding.value(of: try #require(host.checkpoint))
        #expect(HostState(try JSONCoding.decode(HostCheckpoint.self, from: checkpoint)) == host)
        apply(.acknowledged(sequence: end))
        #expect(host.confirmedSequence == end)
        // A later gap is one of its own.
        for sequence in end + 1...end + Int64(HostState.reportsMax) + 1 { try report(sequence) }
        #expect(host.confirmedSequence == end && host.droppedFrom == end + 1)
        // As agents of before kept it.
        var old = try #require(host.checkpoint)
        old.confirmedSequence = nil
        #expect(HostState(old).confirmedSequence == end + 1)
    }

    @Test("A controller that leaves at once, or before, is asked again after half a second at the earliest")
    func leaving() throws {
        for (said, meant) in [(0, 500), (-9_000, 500), (2_000, 2_000), (900_000, 60_000)] as [(Int64, Int64)] {
            #expect(PushLoop.bounded(Leaving(within: .milliseconds(said))).within == .milliseconds(meant))
        }
        #expect(try JSONCoding.decode(HeardReports.self, from: Array(#"{"through":3}"#.utf8)).takesReports)
        #expect(
            try !JSONCoding.decode(HeardReports.self, from: Array(#"{"through":3,"isReady":false}"#.utf8)).takesReports)
    }

    @Test("Which report had the word on an order is known after a restart, and in a journal that became one line")
    func remembered() throws {
        let order = try order(1)
        let release = try release("1.0")
        let finished = FinishedOrder(order: order, release: release.name, outcome: .succeeded, at: start, failure: nil)
        let word = HostReportBody.outcome(
            OrderOutcome(order: order, release: release.name, outcome: .succeeded, running: nil))
        var host = HostState()
        host.apply(
            JournalEntry(
                at: start,
                changes: [
                    .refused(order: finished, counter: nil),
                    .report(report: HostReport(sequence: 7, at: start, body: word)),
                ]))
        #expect(host.finished.first?.reported == 7)
        host.apply(JournalEntry(at: start, changes: [.renumbered(first: 901)]))
        #expect(host.finished.first?.reported == 901)
        let checkpoint = try JSONCoding.value(of: try #require(host.checkpoint))
        #expect(HostState(try JSONCoding.decode(HostCheckpoint.self, from: checkpoint)) == host)
    }
}
