import Effects
import ReleaseDefinition
import Testing

@testable import AgentLibrary

@Suite("What the journal is told at once")
struct LazyJournalTests {
    private static func lines(_ host: TestHost) throws -> [JournalLine] {
        JournalReading(try host.dir.directory.read("journal", sizeMax: Journal.sizeMax)).lines
    }

    /// 1.5 runs after 1.4; the agent has ended.
    private func host(_ files: [TestRepository.File], units: [UnitDefinition]) async throws -> TestHost {
        let repository = try TestRepository()
        let host = try await TestHost(repository)
        for (number, version) in ["1.4", "1.5"].enumerated() {
            let release = try await repository.submit(version, files: files, units: units)
            let finished = try await host.carryOut(
                repository.assignment(number + 1, .install, release), order(number + 1))
            #expect(finished.outcome == .succeeded)
        }
        try await host.end()
        await host.agent.close()
        return host
    }

    /// The words in the lines of the second order, line by line.
    private static func steps(_ host: TestHost, among steps: [String]) throws -> [[String]] {
        let lines = try lines(host).map { line in "\(line.entry.changes.filter { !$0.isReport })" }
        guard let start = lines.lastIndex(where: { $0.contains("received") }) else { return [] }
        return lines[start...].map { line in steps.filter(line.contains) }.filter { !$0.isEmpty }
    }

    private static let steps = [
        "verified", "preflight", "staged", "prepared", "stopping", "switched", "starting", "checking", "confirming",
        "committed", "ended",
    ]

    @Test("Files alone: what leads to the switch is one line before it, and what follows one with the outcome")
    func installation() async throws {
        let unit = try UnitTypeTests.plain("crons", .tree, installTo: "/opt/crons")
        let host = try await host([.init("crons/job", "x\n", isProgram: false)], units: [unit])
        let found = try Self.steps(host, among: Self.steps)
        let expected = [
            ["verified"], ["preflight"], ["staged", "prepared", "stopping", "switched"],
            ["starting", "checking", "confirming", "committed", "ended"],
        ]
        #expect(found == expected, "\(found)")
    }

    @Test("A service is stopped, switched, started and asked after a line of its own")
    func serviceInstallation() async throws {
        let host = try await host(
            [TestRepository.serve, TestRepository.healthy], units: [TestRepository.unit()])
        let found = try Self.steps(host, among: Self.steps)
        let expected = [
            ["verified"], ["preflight"], ["staged", "prepared", "stopping"], ["switched"], ["starting"], ["checking"],
            ["confirming"], ["committed", "ended"],
        ]
        #expect(found == expected, "\(found)")
        for service in servicesRunning(in: host.dir.path) {
            try await LiveProcesses().stopService(service, grace: .milliseconds(200))
        }
    }

    private func backOut(_ host: TestHost) async throws {
        let configuration = AgentConfiguration(
            controller: "https://127.0.0.1:1", host: TestHost.name, environment: TestRepository.environment,
            delivery: .pull, repository: FolderHTTP.base, channels: [TestRepository.channel], root: host.root.path)
        let finished = try await LocalAgent.run(
            AgentFolder(base: host.dir.directory), configuration, doors: .byHand(NoNetwork())
        ) { agent in
            let finished = try await agent.backOut(TestRepository.product)
            // What waits for its line is told to nobody.
            let known = await agent.host
            #expect(try HostState(reading: host.dir.directory) == known)
            return finished
        }
        #expect(finished.outcome == .backedOut(nil))
    }

    @Test(
        "A way back of files alone has two lines: one before the switch, one at the end; read again they say the same")
    func files() async throws {
        let unit = try UnitTypeTests.plain("crons", .tree, installTo: "/opt/crons")
        let host = try await host([.init("crons/job", "x\n", isProgram: false)], units: [unit])
        let before = try Self.lines(host).count
        try await backOut(host)
        let new = try Self.lines(host).dropFirst(before)
        #expect(new.count == 2)
        #expect(new.first?.entry.changes.contains { "\($0)".contains("switching") } == true)
        #expect(new.first?.entry.changes.contains { "\($0)".contains("ended") } == false)
    }

    @Test("Where a service is stopped and started each step has its line before it is taken")
    func service() async throws {
        let host = try await host(
            [TestRepository.serve, TestRepository.healthy], units: [TestRepository.unit()])
        let before = try Self.lines(host).count
        try await backOut(host)
        let steps = ["stopping", "switching", "starting", "checking", "ended"]
        let new = try Self.lines(host).dropFirst(before)
        #expect(new.count == steps.count)
        for (line, step) in zip(new, steps) { #expect(line.entry.changes.contains { "\($0)".contains(step) }) }
        for service in servicesRunning(in: host.dir.path) {
            try await LiveProcesses().stopService(service, grace: .milliseconds(200))
        }
    }
}
