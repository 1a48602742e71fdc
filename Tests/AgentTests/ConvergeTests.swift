import AgentProtocol
import Effects
import ReleaseDefinition
import ReleaseDistribution
import Testing

@testable import AgentLibrary

@Suite("converge, as cloud-init calls it")
struct ConvergeTests {
    /// A new pulling host; its channel is served.
    private func with(
        _ prepare: (TestRepository) async throws -> Void,
        _ body: (TestRepository, RealAgent, TemporaryFolder) async throws -> Void
    ) async throws {
        let repository = try TestRepository()
        try await prepare(repository)
        let (dir, root) = (try TemporaryFolder(), try TemporaryFolder())
        let server = try await WebServer(repository)
        var configuration = RealAgent.configuration(repository: server.url, root: root.path)
        configuration.controller = nil
        try MetadataClient.pin(root: repository.firstRoot, in: AgentFolder(base: dir.directory).trust())
        try configuration.write(in: dir.directory)
        let agent = try RealAgent(dir: dir, root: root)
        let result: Result<Void, any Error>
        do { result = .success(try await body(repository, agent, dir)) } catch { result = .failure(error) }
        try await agent.end()
        try await server.end()
        try result.get()
    }

    private func converge(_ dir: TemporaryFolder, timeout: String = "60s") async throws -> ProcessResult {
        try await LiveProcesses().run(
            ProcessCommand(
                executable: RealAgent.program,
                arguments: ["converge", "--wait-healthy", "--timeout", timeout, "--dir", dir.path],
                environment: ["SWIFT_BACKTRACE": "enable=no"], workingDirectory: "/", timeout: .seconds(120)))
    }

    private func publish(_ version: String, _ check: TestRepository.File, in repository: TestRepository) async throws {
        let release = try await repository.submit(version, files: [TestRepository.serve, check])
        try repository.publish(repository.assignment(1, .install, release))
    }

    @Test(
        "It ends with 0 once what is ordered runs and is healthy, and its services go on; said again it is done at once"
    )
    func done() async throws {
        try await with {
            try await publish("1.0", TestRepository.healthy, in: $0)
        } _: { _, agent, dir in
            let first = try await converge(dir)
            #expect(first.end == .exited(0), "\(first.output)")
            #expect(try agent.version() == "1.0")
            #expect(agent.services.count == 1)
            #expect(try await converge(dir).end == .exited(0))
        }
    }

    @Test("It ends with 7 where what was ordered backed out by itself")
    func backedOut() async throws {
        try await with {
            try await publish("1.0", TestRepository.broken, in: $0)
        } _: { _, agent, dir in
            let ended = try await converge(dir)
            #expect(ended.end == .exited(7), "\(ended.output)")
            #expect(try agent.version() == nil)
        }
    }

    @Test("It ends with 8 while something holds the order, and goes on to its end when it is called again")
    func held() async throws {
        try await with {
            try await publish("1.0", TestRepository.healthy, in: $0)
        } _: { _, agent, dir in
            _ = try dir.directory.createDirectory("inhibit")
            try dir.directory.writeDurably("inhibit/first-boot", [])
            let held = try await converge(dir, timeout: "4s")
            #expect(held.end == .exited(8), "\(held.output)")
            try dir.directory.removeFile("inhibit/first-boot")
            #expect(try await converge(dir).end == .exited(0))
            #expect(try agent.version() == "1.0")
        }
    }

    @Test("It ends with 9 where the repository cannot be reached, and with 3 where no host was made")
    func unreached() async throws {
        try await with { _ in
        } _: { _, _, dir in
            var configuration = try AgentConfiguration.read(in: dir.directory)
            configuration.repository = "http://127.0.0.1:1"
            try configuration.write(in: dir.directory)
            #expect(try await converge(dir, timeout: "2s").end == .exited(9))
            #expect(try await converge(TemporaryFolder()).end == .exited(3))
        }
    }

    @Test("Beside an agent that runs it only watches")
    func beside() async throws {
        try await with {
            try await publish("1.0", TestRepository.healthy, in: $0)
        } _: { repository, agent, dir in
            let process = try agent.start()
            _ = try await poll { dir.directory.lockOwner() == process.processID ? true : nil }
            let ended = try await converge(dir)
            #expect(ended.end == .exited(0), "\(ended.output)")
            #expect(agent.isRunning(process))
            #expect(try agent.version() == "1.0")
            try await agent.kill(process)
        }
    }

    @Test("An agent that takes the folder after converge has found it free is watched as well")
    func overtaken() async throws {
        let dir = try TemporaryFolder()
        let (refused, isRefused) = AsyncStream.makeStream(of: Void.self)
        let seen = try await ConvergeCommand.beside(AgentFolder(base: dir.directory)) {
            isRefused.finish()
            throw AgentError(code: "busy", summary: "Another agent runs.", remedy: "None.")
        } watch: {
            for await _ in refused {}
            // As the watch of an installation that the other agent carries out.
            try await SystemTime().sleep(for: .milliseconds(300))
            return "runs"
        }
        #expect(seen == "runs")
    }
}
