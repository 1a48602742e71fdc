import Effects
import ReleaseDefinition
import ReleaseDistribution
import TestSupport
import Testing

@testable import AgentLibrary

@Suite("An exported package and the real command")
struct ExportedPackageTests {
    /// `slipway-agent install`, in a folder that was joined when the repository was made.
    private func install(valid: TimeSpan) async throws -> (run: ProcessResult, version: String?) {
        let repository = try TestRepository(madeDaysAgo: 120)
        let (dir, root, stick) = (try TemporaryFolder(), try TemporaryFolder(), try TemporaryFolder())
        let release = try await repository.submit("1.0")
        let package = try repository.exportFile(release, valid: valid, into: stick)
        try RealAgent.configuration(repository: "http://127.0.0.1:1", root: root.path).write(in: dir.directory)
        try MetadataClient.pin(root: repository.firstRoot, in: AgentFolder(base: dir.directory).trust())
        let result = try await LiveProcesses().run(
            ProcessCommand(
                executable: RealAgent.program, arguments: ["install", package, "--dir", dir.path],
                environment: ["SWIFT_BACKTRACE": "enable=no"], workingDirectory: "/", timeout: .seconds(60)))
        for service in servicesRunning(in: dir.path) {
            try await LiveProcesses().stopService(service, grace: .seconds(2))
        }
        let target = try? root.directory.readLink("opt/web")
        return (
            result,
            try target.map {
                String(decoding: try root.directory.read("opt/\($0)/VERSION", sizeMax: ByteCount(100)), as: UTF8.self)
            }
        )
    }

    @Test("A package exported four months ago installs, on a host that heard nothing since")
    func fourMonths() async throws {
        let (run, version) = try await install(valid: .days(200))
        #expect(run.end == .exited(0), "\(run)")
        #expect(version == "1.0")
    }

    @Test(
        "With what is kept of the running release damaged, the same package makes it whole again",
        arguments: ["manifest.json", "index"])
    func repair(_ damaged: String) async throws {
        let repository = try TestRepository()
        let (dir, root, stick) = (try TemporaryFolder(), try TemporaryFolder(), try TemporaryFolder())
        let release = try await repository.submit("1.0")
        let package = try repository.exportFile(release, valid: .days(200), into: stick)
        try RealAgent.configuration(repository: "http://127.0.0.1:1", root: root.path).write(in: dir.directory)
        try MetadataClient.pin(root: repository.firstRoot, in: AgentFolder(base: dir.directory).trust())
        func agent(_ words: String...) async throws -> ProcessResult {
            try await LiveProcesses().run(
                ProcessCommand(
                    executable: RealAgent.program, arguments: words + ["--dir", dir.path],
                    environment: ["SWIFT_BACKTRACE": "enable=no"], workingDirectory: "/", timeout: .seconds(60)))
        }
        let first = try await agent("install", package)
        #expect(first.end == .exited(0), "\(first)")
        let folder = "releases/web/\(release.folder)"
        let names = try dir.directory.list(folder).map(\.name)
        let victim = try #require(names.first { ($0 == "manifest.json") == (damaged == "manifest.json") })
        try dir.directory.writeDurably(folder + "/" + victim, Array("x".utf8))
        #expect(try await agent("verify").end == .exited(1))
        let again = try await agent("install", package)
        #expect(again.end == .exited(0), "\(again)")
        let whole = try await agent("verify")
        #expect(whole.end == .exited(0), "\(whole)")
        for service in servicesRunning(in: dir.path) {
            try await LiveProcesses().stopService(service, grace: .seconds(2))
        }
    }

    @Test("One whose stated validity ended yesterday does not")
    func tooOld() async throws {
        let (run, version) = try await install(valid: .days(119))
        #expect(run.end == .exited(1), "\(run)")
        #expect("\(run)".contains("trust.assignment.expired"), "\(run)")
        #expect(version == nil)
    }
}
