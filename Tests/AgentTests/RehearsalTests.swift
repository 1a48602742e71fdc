import AgentProtocol
import Effects
import ReleaseDefinition
import ReleaseDistribution
import ReleaseTrust
import Testing

@testable import AgentLibrary

@Suite("A rehearsal on a host")
struct RehearsalTests {
    /// 1.4 runs on a host that has a key; what is rehearsed comes by file.
    struct Stage {
        let repository: TestRepository
        let host: TestHost
        let old: HostRelease
        let work: TemporaryFolder

        init(files: [TestRepository.File] = [], units: [UnitDefinition]? = nil, runsBefore: Bool = true) async throws {
            repository = try TestRepository()
            work = try TemporaryFolder()
            old = try await repository.submit(
                "1.4", files: [TestRepository.serve, TestRepository.healthy] + files, units: units)
            host = try await TestHost(repository)
            if runsBefore { try await host.carryOut(repository.assignment(1, .install, old), order(1)) }
            try await host.end()
            await host.agent.close()
            try RealAgent.configuration(repository: "http://127.0.0.1:1", root: host.root.path)
                .write(in: host.dir.directory)
            try await Self.giveKey(to: host, work)
        }

        static func giveKey(to host: TestHost, _ work: TemporaryFolder) async throws {
            let command = ProcessCommand(
                executable: "/usr/bin/openssl",
                arguments: [
                    "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=insecure-test-host", "-keyout", "key.pem", "-out", "cert.pem",
                ], environment: ["PATH": "/usr/bin:/bin"], workingDirectory: work.path, timeout: .seconds(60))
            #expect(try await LiveProcesses().run(command).end == .exited(0))
            func text(_ name: String) throws -> String {
                String(decoding: try work.directory.read(name, sizeMax: ByteCount(1 << 20)), as: UTF8.self)
            }
            try StoredIdentity(keyPEM: text("key.pem"), chain: text("cert.pem"), authorities: text("cert.pem"))
                .write(in: AgentFolder(base: host.dir.directory).tls())
        }

        func text(_ name: String) throws -> String {
            String(decoding: try work.directory.read(name, sizeMax: ByteCount(1 << 20)), as: UTF8.self)
        }

        @discardableResult
        func openssl(_ words: String...) async throws -> ProcessResult {
            try await LiveProcesses().run(
                ProcessCommand(
                    executable: "/usr/bin/openssl", arguments: words, environment: ["PATH": "/usr/bin:/bin"],
                    workingDirectory: work.path, timeout: .seconds(60)))
        }

        func rehearse(_ release: HostRelease) async throws -> ProcessResult {
            let file = try repository.exportFile(release, valid: .days(30), into: work)
            return try await LiveProcesses().run(
                ProcessCommand(
                    executable: RealAgent.program,
                    arguments: [
                        "rehearse", file, "--evidence", work.path + "/evidence.json", "--dir", host.dir.path,
                    ], workingDirectory: "/", timeout: .seconds(120)))
        }

        /// The statement, its signature checked by openssl.
        func statement() async throws -> JSONValue {
            let file = try JSONCoding.decode(
                HostReceiptFile.self, from: JSONValue(parsing: Array(text("evidence.json").utf8)))
            let envelope = try DSSEEnvelope(json: file.envelope)
            #expect(envelope.payloadType == "application/vnd.in-toto+json")
            try work.directory.writeDurably("signed", envelope.preAuthenticationEncoding)
            try work.directory.writeDurably("signature", try #require(envelope.signatures.first).bytes)
            try work.directory.writeDurably("leaf.pem", Array(file.certificate.utf8))
            #expect(
                try await openssl("x509", "-in", "leaf.pem", "-pubkey", "-noout", "-out", "public.pem").end
                    == .exited(0))
            let verified = try await openssl(
                "dgst", "-sha256", "-verify", "public.pem", "-signature", "signature", "signed")
            #expect(verified.end == .exited(0), "\(verified.output)")
            return try JSONValue(parsing: envelope.payload)
        }

        func end() async throws {
            for service in servicesRunning(in: host.dir.path) {
                try await LiveProcesses().stopService(service, grace: .milliseconds(200))
            }
        }
    }

    @Test("Install, back out, equal to the byte, install: the signed statement says so, and the new release runs")
    func proved() async throws {
        let units = [
            try UnitTypeTests.plain("crons", .file, installTo: "/etc"),
            try TestRepository.unit(persistent: ["uploads"]),
        ]
        func files(_ version: String) -> [TestRepository.File] {
            [.init("crons/motd", "welcome \(version)\n", isProgram: false)]
        }
        let stage = try await Stage(files: files("1.4"), units: units)
        let new = try await stage.repository.submit(
            "1.5",
            files: [TestRepository.serve, TestRepository.healthy, .init("crons/cron.d/web", "job\n", isProgram: false)]
                + files("1.5"), units: units)
        let ended = try await stage.rehearse(new)
        #expect(ended.end == .exited(0), "\(ended.output)")
        let statement = try await stage.statement()
        #expect(statement["_type"]?.stringValue == "https://in-toto.io/Statement/v1")
        let subject = try #require(statement["subject"]?.arrayValue?.first)
        #expect(subject["digest"]?["sha256"]?.stringValue == new.manifest.hex)
        let record = try JSONCoding.decode(RehearsalRecord.self, from: try #require(statement["predicate"]))
        #expect(record.isProved && record.differences.isEmpty && record.from == stage.old)
        #expect(record.steps.map(\.what) == ["install", "back-out", "compare", "install again"])
        #expect(record.after == record.before)
        #expect(record.before.paths["/etc/motd"]?.hasPrefix("file 0644") == true)
        #expect(record.before.paths["/etc/cron.d/web"] == nil)
        #expect(record.before.paths["/opt/web"] == "link web.releases/\(stage.old.folder)")
        #expect(record.before.paths["/opt/web/bin/serve"] != nil)
        let state = try HostState(reading: stage.host.dir.directory)
        #expect(state.record(of: TestRepository.product).current == new)
        #expect(try stage.host.text("etc/motd") == "welcome 1.5\n")
        try await stage.end()
    }

    @Test("A first install is rehearsed back to nothing")
    func first() async throws {
        let stage = try await Stage(runsBefore: false)
        let ended = try await stage.rehearse(stage.old)
        #expect(ended.end == .exited(0), "\(ended.output)")
        let record = try JSONCoding.decode(
            RehearsalRecord.self, from: try #require(try await stage.statement()["predicate"]))
        #expect(record.isProved && record.from == nil && record.before.paths.isEmpty && record.before.running == nil)
        try await stage.end()
    }

    @Test(
        "A way back that leaves something behind is not proved: the statement names it, and nothing is installed again")
    func different() async throws {
        let stage = try await Stage()
        let hooks: [HookMoment: String] = [.postHealthy: "hooks/leave"]
        let new = try await stage.repository.submit(
            "1.5",
            files: [
                TestRepository.serve, TestRepository.healthy,
                .init(
                    "hooks/leave", "#!/bin/sh\necho left > \"$SLIPWAY_FOLDER.releases/\(stage.old.folder)/bin/more\"\n"),
            ], units: [TestRepository.unit(hooks: hooks)])
        let ended = try await stage.rehearse(new)
        #expect(ended.end == .exited(1), "\(ended.output)")
        let record = try JSONCoding.decode(
            RehearsalRecord.self, from: try #require(try await stage.statement()["predicate"]))
        #expect(!record.isProved)
        #expect(record.differences.count == 1 && record.differences[0].hasPrefix("/opt/web/bin/more: was nothing"))
        #expect(record.steps.map(\.what) == ["install", "back-out", "compare"])
        let state = try HostState(reading: stage.host.dir.directory)
        #expect(state.record(of: TestRepository.product).current == stage.old)
        try await stage.end()
    }

    @Test("A release that is not healthy backs out by itself, which ends with 7 and a statement of it")
    func broken() async throws {
        let stage = try await Stage()
        let new = try await stage.repository.submit("1.5", files: [TestRepository.serve, TestRepository.broken])
        let ended = try await stage.rehearse(new)
        #expect(ended.end == .exited(7), "\(ended.output)")
        let record = try JSONCoding.decode(
            RehearsalRecord.self, from: try #require(try await stage.statement()["predicate"]))
        #expect(!record.isProved && record.steps.count == 1 && record.after == nil)
        try await stage.end()
    }

    @Test("A host without a key makes no evidence")
    func keyless() async throws {
        let stage = try await Stage()
        try stage.host.dir.directory.removeTree("tls")
        let ended = try await stage.rehearse(stage.old)
        #expect(ended.end == .exited(1) && ended.output.contains("no key"), "\(ended.output)")
    }
}

@Suite("A release in the image of a host")
struct ImageTests {
    private struct Image {
        let repository: TestRepository
        let tree: TemporaryFolder
        let work: TemporaryFolder
        var folder: String { tree.path + "/var/lib/slipway-agent" }

        init(_ repository: TestRepository) throws {
            self.repository = repository
            (tree, work) = (try TemporaryFolder(), try TemporaryFolder())
            let base = try tree.directory.createDirectory("var/lib/slipway-agent", mode: 0o700)
            try MetadataClient.pin(root: repository.firstRoot, in: AgentFolder(base: base).trust())
            var configuration = RealAgent.configuration(repository: "http://127.0.0.1:1", root: "/")
            (configuration.controller, configuration.channels) = (nil, [])
            try configuration.write(in: base)
        }

        func bake(_ release: HostRelease) async throws -> ProcessResult {
            try work.directory.removeFile("web.slip")
            let file = try repository.exportFile(release, valid: .days(30), into: work)
            return try await LiveProcesses().run(
                ProcessCommand(
                    executable: RealAgent.program, arguments: ["install", "--root", tree.path, file],
                    workingDirectory: "/", timeout: .seconds(60)))
        }

        /// The image's root is `/` now, as far as the agent can tell.
        func boot() throws -> RealAgent {
            let base = try tree.directory.directory("var/lib/slipway-agent")
            var configuration = try AgentConfiguration.read(in: base)
            configuration.root = tree.path
            try configuration.write(in: base)
            return try RealAgent(dir: TemporaryFolder(adopting: folder), root: tree)
        }
    }

    @Test("Files are in place and nothing has run; the first boot starts the release, proves it and commits")
    func bake() async throws {
        let repository = try TestRepository()
        let notes = try TemporaryFolder()
        let hook = TestRepository.File("hooks/note", "#!/bin/sh\necho \"$SLIPWAY_HOOK\" >> \(notes.path)/notes\n")
        let release = try await repository.submit(
            "1.0",
            files: [
                TestRepository.serve, TestRepository.healthy, hook, .init("crons/motd", "hello\n", isProgram: false),
            ],
            units: [
                UnitTypeTests.plain("crons", .file, installTo: "/etc"),
                TestRepository.unit(hooks: [.preStart: "hooks/note", .postHealthy: "hooks/note"]),
            ])
        let image = try Image(repository)
        let baked = try await image.bake(release)
        #expect(baked.end == .exited(0), "\(baked.output)")
        #expect(try notes.directory.status("notes") == nil)
        #expect(servicesRunning(in: image.folder).isEmpty)
        #expect(try image.tree.directory.readLink("opt/web") == "web.releases/\(release.folder)")
        #expect(try image.tree.directory.read("etc/motd", sizeMax: ByteCount(100)) == Array("hello\n".utf8))
        let again = try await image.bake(release)
        #expect(again.end == .exited(5), "\(again.output)")

        let agent = try image.boot()
        let process = try agent.start()
        let finished = try await poll { try agent.state.finished.last }
        #expect(finished.outcome == .succeeded, "\(finished)")
        #expect(try UnitTypeTests.lines(notes) == ["preStart", "postHealthy"])
        #expect(servicesRunning(in: image.folder).count == 1)
        try await agent.kill(process)
        try await agent.end()
    }

    @Test("A baked release that is not healthy is backed out to nothing at its first boot")
    func broken() async throws {
        let repository = try TestRepository()
        let release = try await repository.submit("1.0", files: [TestRepository.serve, TestRepository.broken])
        let image = try Image(repository)
        #expect(try await image.bake(release).end == .exited(0))
        let agent = try image.boot()
        let process = try agent.start()
        let finished = try await poll { try agent.state.finished.last }
        #expect(finished.outcome == .backedOut(.health), "\(finished)")
        #expect(try image.tree.directory.status("opt/web") == nil)
        #expect(servicesRunning(in: image.folder).isEmpty)
        try await agent.kill(process)
        try await agent.end()
    }

    @Test("A package that is not approved for the image's environment is refused, and the image has nothing of it")
    func refused() async throws {
        let (repository, other) = (try TestRepository(), try TestRepository())
        let release = try await other.submit("1.0")
        let image = try Image(repository)
        let file = try other.exportFile(release, valid: .days(30), into: image.work)
        let result = try await LiveProcesses().run(
            ProcessCommand(
                executable: RealAgent.program, arguments: ["install", "--root", image.tree.path, file],
                workingDirectory: "/", timeout: .seconds(60)))
        #expect(result.end == .exited(1), "\(result.output)")
        #expect(try image.tree.directory.status("opt") == nil)
    }
}
