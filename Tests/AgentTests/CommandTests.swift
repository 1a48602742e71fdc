import AgentProtocol
import Effects
import ReleaseDefinition
import Testing

@testable import AgentLibrary

@Suite("The agent's own commands")
struct AgentCommandTests {
    private func run(_ words: String..., dir: TemporaryFolder) async throws -> (end: ProcessResult.End, output: String)
    { try await run(words, dir: dir) }

    private func run(_ words: [String], dir: TemporaryFolder) async throws -> (end: ProcessResult.End, output: String) {
        let result = try await LiveProcesses().run(
            ProcessCommand(
                executable: RealAgent.program, arguments: words + ["--dir", dir.path], workingDirectory: "/",
                timeout: .seconds(60)))
        return (result.end, result.output)
    }

    @Test(
        "A join string or a folder that is empty is said to be so, where it was given, and is a mistake of what was typed"
    )
    func empty() async throws {
        let folder = try TemporaryFolder()
        try folder.directory.writeDurably("token", Array(" \n".utf8))
        for (words, place) in [
            ([""], "The argument"), ([" "], "The argument"), (["-"], "Standard input"),
            (["--token-file", "\(folder.path)/token"], "The file \(folder.path)/token"),
        ] {
            let (end, output) = try await run(["join"] + words, dir: folder)
            #expect(end == .exited(2))
            #expect(output.contains("\(place) holds no join string: it is empty."))
        }
        for command in ["join", "run", "status", "history"] {
            let error = #expect(throws: (any Error).self) { try AgentCommand.parseAsRoot([command, "--dir", ""]) }
            #expect(error.map { AgentCommand.fullMessage(for: $0) }?.contains("names no folder.") == true)
        }
    }

    @Test("A relative --root is stored as the absolute path that it meant when the host joined")
    func relativeRoot() {
        #expect(JoinCommand.absolute("/") == "/")
        #expect(JoinCommand.absolute("/srv/tree/") == "/srv/tree")
        #expect(JoinCommand.absolute("a/../tree").hasPrefix("/"))
        #expect(JoinCommand.absolute("a/../tree").hasSuffix("/tree"))
    }

    @Test("status and history say what the journal says, for people and programs; exit codes are the contract's")
    func status() async throws {
        let repository = try TestRepository()
        let one = try await repository.submit("1.0")
        let host = try await TestHost(repository)
        try await host.carryOut(repository.assignment(1, .install, one), order(1))
        try await host.end()
        #expect(try await run("unlock", "web", dir: host.dir).end == .exited(5), "an agent holds the folder")
        await host.agent.close()
        try RealAgent.configuration(repository: "http://127.0.0.1:1", root: host.root.path).write(
            in: host.dir.directory)
        let table = try await run("status", dir: host.dir)
        #expect(table.end == .exited(0))
        #expect(table.output.contains("web@1.0"), "\(table.output)")
        let json = try await run("status", "--output", "json", dir: host.dir)
        let value = try JSONValue(parsing: Array(json.output.utf8))
        #expect(value["products"]?.arrayValue?.first?["running"]?["name"]?.stringValue == "web@1.0")
        let history = try await run("history", "--output", "json", dir: host.dir)
        #expect(try JSONValue(parsing: Array(history.output.utf8)).arrayValue?.count == 1)

        #expect(try await run("unlock", "web", dir: host.dir).end == .exited(3))
        #expect(try await run("status", dir: TemporaryFolder()).end == .exited(3))
        #expect(try await run("status", "--output", "xml", dir: host.dir).end == .exited(2))
        #expect(try await run("join", "slipway1.x", dir: TemporaryFolder()).end == .exited(2))
    }

    @Test("What is written goes to a file in one step; a device, a link or a pipe is written to and stays what it is")
    func output() throws {
        let folder = try TemporaryFolder()
        try Output.write([1, 2], to: folder.path + "/new")
        try Output.write([3], to: folder.path + "/new")
        #expect(try folder.directory.read("new", sizeMax: ByteCount(9)) == [3])
        // As /dev/stdout is.
        try folder.directory.createSymlink("null", to: "/dev/null")
        try Output.write([4], to: folder.path + "/null")
        #expect(try folder.directory.status("null")?.kind == .symlink)
        try Output.write([5], to: "/dev/null")
        #expect(try Directory.open("/dev").status("null")?.kind == .other)
        _ = try folder.directory.createDirectory("there")
        #expect(throws: AgentError.self) { try Output.write([6], to: folder.path + "/there") }
    }

    @Test(
        "A join string comes as the argument, on standard input or from a file; one that is none ends with 2 and a cure"
    )
    func joinString() async throws {
        let folder = try TemporaryFolder()
        try folder.directory.writeDurably("token", Array("  slipway1.nonsense\n".utf8))
        let agent = RealAgent.program
        for command in [
            "\(agent) join slipway1.nonsense", "echo slipway1.nonsense | \(agent) join -",
            "\(agent) join --token-file \(folder.path)/token", "\(agent) join - </dev/null",
        ] {
            let result = try await LiveProcesses().run(
                ProcessCommand(
                    executable: "/bin/sh", arguments: ["-c", "\(command) --dir \(folder.path)/agent"],
                    workingDirectory: "/", timeout: .seconds(60)))
            // `</dev/null --dir` is read as the shell reads it: a redirection in the middle.
            #expect(result.end == .exited(2), "\(command): \(result.output)")
            #expect(result.output.contains("slipway hosts invite"), "\(result.output)")
        }
        let none = try await run("join", dir: folder)
        #expect(none.end == .exited(2) && none.output.contains("--token-file"))
    }

    @Test("A locked product takes orders again once a person has unlocked it")
    func unlock() async throws {
        let folder = try TemporaryFolder()
        let (journal, _) = try Journal.open(in: folder.directory)
        try journal.append(JournalEntry(at: start, changes: [.received(task: try task(), counter: 1)]))
        try journal.append(
            JournalEntry(
                at: start, changes: [.installation(event: .ended(outcome: .backOutFailed, failure: failure()))]))
        let product = try ProductName("payments")
        #expect(try HostState(reading: folder.directory).record(of: product).lockedBy == (try order(1)))
        #expect(try await run("unlock", "payments", dir: folder).end == .exited(0))
        #expect(try HostState(reading: folder.directory).record(of: product).lockedBy == nil)
    }
}

@Suite("Enrolment")
struct EnrolmentTests {
    /// A controller that answers what it is told to.
    private struct Scripted: HTTPDoor {
        var answers: [String: String]

        func send(_ request: HTTPRequest) async throws -> HTTPResponse {
            let path = request.url.dropFirst("https://controller.test:8443".count)
            guard let text = answers[String(path)] else {
                return HTTPResponse(head: HTTPHead(status: 404, headers: []), body: [])
            }
            return HTTPResponse(head: HTTPHead(status: 200, headers: []), body: Array(text.utf8))
        }

        func download(
            _ request: HTTPRequest, head: @Sendable (HTTPHead) async throws -> Void,
            receive: @Sendable ([UInt8]) async throws -> Void
        ) async throws {}

        func events(_ request: HTTPRequest, silenceMax: TimeSpan) -> AsyncThrowingStream<ServerSentEvent, any Error> {
            AsyncThrowingStream { $0.finish() }
        }
    }

    private static let certificate: [UInt8] = Array(repeating: 7, count: 300)
    private static let root = "{\"signed\":{}}"

    private func string(authority: SHA256Digest? = nil, root: SHA256Digest? = nil) throws -> JoinString {
        // As a person would carry it over.
        try JoinString(
            JoinString(
                controller: "https://controller.test:8443", token: "00ff",
                authority: authority ?? SHA256Digest(of: Self.certificate),
                root: root ?? SHA256Digest(of: Array(Self.root.utf8))
            ).text)
    }

    private func controller() throws -> Scripted {
        let response = JoinResponse(
            host: HostID(unchecked: "h-1"), environment: TestRepository.environment, labels: ["zone": "b"],
            certificate: "leaf", authorities: "bundle", root: Self.root)
        let body = String(decoding: try JSONCoding.value(of: response).wireBytes, as: UTF8.self)
        return Scripted(answers: [
            "/v1/authority": PEM.text(of: "CERTIFICATE", Self.certificate), "/v1/agent/join": body,
        ])
    }

    @Test("A host is what the controller's record says; key and pinned files are its own")
    func joins() async throws {
        let folder = try TemporaryFolder()
        let enrolment = Enrolment(join: try string(), machineID: "machine")
        let pem = try await enrolment.authority(over: controller())
        #expect(PEM.first(of: "CERTIFICATE", in: pem) == Self.certificate)
        let made = try await enrolment.run(over: controller(), into: folder.directory, settings: .init())
        #expect(made == (try AgentConfiguration.read(in: folder.directory)))
        #expect(made.host.text == "h-1" && made.labels == ["zone": "b"] && made.delivery == .push)
        #expect(try folder.directory.status("tls/identity.pem")?.mode == 0o600)
        #expect(try folder.directory.read("trust/root.json", sizeMax: ByteCount(100)) == Array(Self.root.utf8))
        await #expect(throws: AgentError.self) {
            try await enrolment.run(over: self.controller(), into: folder.directory, settings: .init())
        }
    }

    @Test("An authority or a first root with another digest is not believed, and nothing is kept")
    func imposters() async throws {
        let other = SHA256Digest(of: [1])
        let folder = try TemporaryFolder()
        await #expect(throws: AgentError.self) {
            _ = try await Enrolment(join: self.string(authority: other), machineID: "m").authority(
                over: self.controller())
        }
        await #expect(throws: AgentError.self) {
            _ = try await Enrolment(join: self.string(root: other), machineID: "m")
                .run(over: self.controller(), into: folder.directory, settings: .init())
        }
        #expect(try folder.directory.list().isEmpty)
    }

    @Test("A check interval below 30 s is for loopback only; an unknown key is refused")
    func configuration() throws {
        let folder = try TemporaryFolder()
        for (url, isAllowed) in [
            ("http://127.0.0.1:8080", true), ("https://localhost/repository", true),
            ("http://127.0.0.1.evil.test", false),
            ("https://repository.test", false),
        ] {
            var one = RealAgent.configuration(repository: url, root: "/")
            one.checkInterval = .seconds(1)
            #expect(((try? one.check()) != nil) == isAllowed, "\(url)")
        }
        try folder.directory.writeDurably("agent.json", Array("{\"hots\":1}".utf8))
        #expect(throws: AgentError.self) { try AgentConfiguration.read(in: folder.directory) }
    }

    @Test("R43: back-off doubles to its cap with full jitter; an interval spreads by a fifth")
    func jitter() {
        let random = SeededRandom(seed: 5)
        var backoff = Backoff(least: .seconds(1), most: .seconds(8))
        for ceiling in [1, 2, 4, 8, 8, 8] {
            let span = backoff.next(random)
            #expect(span >= .zero && span <= .seconds(Int64(ceiling)))
        }
        for _ in 0..<1000 {
            let span = random.spread(.seconds(10))
            #expect(span >= .seconds(8) && span <= .seconds(12))
        }
    }
}
