import AgentProtocol
import Effects
import ReleaseDefinition
import ReleaseDistribution
import ReleasePackaging
import Testing

@testable import AgentLibrary

/// What docs/agent.md tells a newcomer to type, typed.
@Suite("docs/agent.md, by hand")
struct NewcomerTests {
    /// The commands of the first block under `## By hand`.
    private static func commands() throws -> [String] {
        let parts = #filePath.split(separator: "/").dropLast(3)
        let text = String(
            decoding: try Directory.open("/" + parts.joined(separator: "/")).read(
                "docs/agent.md", sizeMax: ByteCount(1 << 20)),
            as: UTF8.self)
        let section = try #require(text.split(separator: "\n## ").first { $0.hasPrefix("By hand\n") })
        let block = try #require(section.split(separator: "```").dropFirst().first)
        return block.split(separator: "\n").dropFirst().map(String.init).filter { $0.hasPrefix("slipway-agent ") }
    }

    private func write(
        _ release: HostRelease, of repository: TestRepository, to folder: TemporaryFolder, _ name: String
    )
        throws
    {
        let contents = try repository.export(release, valid: .days(30))
        let file = try folder.directory.createFile(name)
        try PackageFile.write(contents.manifestBytes, trust: contents.trust, blobs: repository.blobs, to: file)
    }

    @Test("A newcomer installs a release, updates it, looks, and backs it out, by the document's own commands")
    func wholeWay() async throws {
        let repository = try TestRepository()
        let (dir, root, work) = (try TemporaryFolder(), try TemporaryFolder(), try TemporaryFolder())
        let folder = AgentFolder(base: dir.directory)
        // What `slipway-agent join` leaves.
        try MetadataClient.pin(root: repository.firstRoot, in: folder.trust())
        try RealAgent.configuration(repository: "http://127.0.0.1:1", root: root.path).write(in: dir.directory)
        for version in ["1.4", "1.5"] {
            let release = try await repository.submit(
                version, documents: [("docs/runbook.md", Array("Turn it off and on.\n".utf8))])
            try write(release, of: repository, to: work, "web-\(version).slip")
        }
        let commands = try Self.commands()
        #expect(commands.count >= 7)
        var verbs: Set<String> = []
        var answers: [String: String] = [:]
        for command in commands {
            let words = command.split(separator: " ").map { String($0).replacing("payments", with: "web") }
            verbs.insert(words[1])
            let result = try await LiveProcesses().run(
                ProcessCommand(
                    executable: RealAgent.program, arguments: words.dropFirst() + ["--dir", dir.path],
                    workingDirectory: work.path, timeout: .seconds(60)))
            #expect(result.end == .exited(0), "\(command): \(result.output)")
            answers[command] = result.output
        }
        #expect(verbs.isSuperset(of: ["install", "status", "history", "verify", "why", "back-out"]))
        let link = try root.directory.readLink("opt/web")
        #expect(link.hasPrefix("web.releases/1.4-"), "the document ends on the release before: \(link)")
        let last = try #require(commands.last.flatMap { answers[$0] })
        #expect(last.contains("web@1.4"), "\(last)")
        try await stop(dir)
    }

    @Test("A file that was changed is found by verify, and back-out refuses to go to it; why says so")
    func changed() async throws {
        let repository = try TestRepository()
        let (one, two) = (try await repository.submit("1.4"), try await repository.submit("1.5"))
        let host = try await TestHost(repository)
        try await host.carryOut(repository.assignment(1, .install, one), order(1))
        try await host.carryOut(repository.assignment(2, .install, two), order(2))
        try await host.end()
        await host.agent.close()
        try RealAgent.configuration(repository: "http://127.0.0.1:1", root: host.root.path).write(
            in: host.dir.directory)
        func run(_ words: String...) async throws -> ProcessResult {
            try await LiveProcesses().run(
                ProcessCommand(
                    executable: RealAgent.program, arguments: words + ["--dir", host.dir.path], workingDirectory: "/",
                    timeout: .seconds(60)))
        }
        #expect(try await run("verify").end == .exited(0))
        try host.root.directory.writeDurably("opt/web.releases/\(one.folder)/VERSION", Array("6.6".utf8))
        try host.root.directory.writeDurably("opt/web.releases/\(two.folder)/VERSION", Array("6.6".utf8))
        let verified = try await run("verify", "--output", "json")
        #expect(verified.end == .exited(1))
        #expect(verified.output.contains("VERSION has other bytes"), "\(verified.output)")
        let back = try await run("back-out", "web")
        #expect(back.end == .exited(1), "\(back.output)")
        let why = try await run("why", "web")
        #expect(why.end == .exited(0) && why.output.contains("locked by"), "\(why.output)")
        #expect(why.output.contains("packaging.tree.changed"), "\(why.output)")
        #expect(try await run("back-out", "web").end == .exited(5))
        #expect(try await run("back-out", "other").end == .exited(3))
        try await stop(host.dir)
    }

    @Test("Verify names all that is changed, also behind what it cannot compare because what is kept of it is damaged")
    func damaged() async throws {
        let repository = try TestRepository()
        var second = try TestRepository.unit("second")
        second.source = "other"
        let files = [
            TestRepository.serve, TestRepository.healthy, .init("other/bin/serve", "#!/bin/sh\nexec sleep 300\n"),
            .init("other/bin/check", "#!/bin/sh\nexit 0\n"),
        ]
        let release = try await repository.submit("1.4", files: files, units: [TestRepository.unit(), second])
        let host = try await TestHost(repository)
        let outcome = try await host.carryOut(repository.assignment(1, .install, release), order(1))
        #expect(outcome.outcome == .succeeded, "\(outcome)")
        try await host.end(units: ["web", "second"])
        await host.agent.close()
        try RealAgent.configuration(repository: "http://127.0.0.1:1", root: host.root.path).write(
            in: host.dir.directory)
        // What of the first unit is kept to compare it with.
        let kept = "releases/web/\(release.folder)"
        let store = ReleaseStore(
            directory: try host.dir.directory.directory("releases"), root: host.root.path, units: host.dir.path)
        let first = try #require(try store.stored(release).manifest.units.first)
        for blob in [first.payload.index, first.payload.indexText] {
            try? host.dir.directory.removeFile("\(kept)/\(blob.sha256.hex)")
        }
        let other = first.name.text == "web" ? "second" : "web"
        try host.root.directory.writeDurably("opt/\(other).releases/\(release.folder)/bin/check", Array("exit 0".utf8))
        let verified = try await LiveProcesses().run(
            ProcessCommand(
                executable: RealAgent.program, arguments: ["verify", "--dir", host.dir.path], workingDirectory: "/",
                timeout: .seconds(60)))
        #expect(verified.end == .exited(1))
        #expect(verified.output.contains("bin/check has mode 0644 i"), "\(verified.output)")
        #expect(verified.output.contains("web.\(other) is not as it was signed"), "\(verified.output)")
        #expect(verified.output.contains(first.payload.index.sha256.hex.prefix(8)), "\(verified.output)")
    }

    private func stop(_ dir: TemporaryFolder) async throws {
        for service in servicesRunning(in: dir.path) {
            try await LiveProcesses().stopService(service, grace: .seconds(2))
        }
    }
}
