import AgentProtocol
import Effects
import Logging
import ReleaseDefinition
import ReleaseDistribution
import ReleasePackaging
import ReleaseTrust
import Testing

@testable import AgentLibrary

/// The present, some days later; sleeps are as long as ever.
private struct LaterTime: TimeDoor {
    let days: Int64
    private let system = SystemTime()

    init(days: Int64) { self.days = days }

    func now() -> UTCInstant { system.now() + .days(days) }
    func monotonic() -> TimeSpan { system.monotonic() }
    func sleep(for span: TimeSpan) async throws { try await system.sleep(for: span) }
}

@Suite("Installation by hand")
struct ByHandTests {
    private let dir: TemporaryFolder
    private let root: TemporaryFolder

    init() throws {
        dir = try TemporaryFolder()
        root = try TemporaryFolder()
    }

    private var configuration: AgentConfiguration {
        AgentConfiguration(
            controller: "https://127.0.0.1:1", host: TestHost.name, environment: TestRepository.environment,
            delivery: .push, repository: FolderHTTP.base, root: root.path)
    }

    /// As `slipway-agent install`, on a host that reaches nothing.
    private func install(
        _ contents: PackageFile.Contents, from repository: TestRepository, afterDays days: Int64 = 0
    ) async throws -> HostReceipt {
        let folder = AgentFolder(base: dir.directory)
        if try folder.trust().status("root.json") == nil {
            try MetadataClient.pin(root: repository.firstRoot, in: folder.trust())
        }
        let doors = AgentDoors(
            http: NoNetwork(), local: NoNetwork(), processes: LiveProcesses(), time: LaterTime(days: days),
            random: SystemRandom())
        let source = try ExportedSource(
            contents, blobs: repository.blobs, folder: folder, configuration: configuration, doors: doors)
        let log = Logger(label: "test", factory: { _ in AgentLog(logLevel: .critical) })
        let agent = try Agent(folder: folder, configuration: configuration, source: source, doors: doors, log: log)
        let result: Result<HostReceipt, any Error>
        do { result = .success(try await agent.install(source)) } catch { result = .failure(error) }
        try await agent.operations.services.stop(
            ServiceKey(product: TestRepository.product, unit: try UnitName("web")))
        await agent.operations.services.detach()
        await agent.close()
        return try result.get()
    }

    private func version() throws -> String? {
        guard let target = try? root.directory.readLink("opt/web") else { return nil }
        return String(
            decoding: try root.directory.read("opt/\(target)/VERSION", sizeMax: ByteCount(100)), as: UTF8.self)
    }

    @Test("A package exported four months ago is installed: its stated validity stands in for the role's expiry")
    func fourMonths() async throws {
        let repository = try TestRepository()
        let release = try await repository.submit("1.0")
        let package = try repository.export(release, valid: .days(200))
        let receipt = try await install(package, from: repository, afterDays: 120)
        #expect(receipt.outcome == .succeeded && receipt.release == release.name)
        #expect(receipt.reports.contains { if case .outcome = $0.body { true } else { false } })
        #expect(try version() == "1.0")
        // The same again is a new act of the same director, and finds nothing to do.
        let again = try await install(package, from: repository, afterDays: 120)
        #expect(again.outcome == .alreadyCurrent)
    }

    @Test("What an export does not prove is refused, and nothing is touched")
    func refused() async throws {
        let repository = try TestRepository()
        let release = try await repository.submit("1.0")
        func refuse(_ code: String, days: Int64 = 0, _ package: PackageFile.Contents) async throws {
            let error = await #expect(throws: TrustError.self) {
                try await install(package, from: repository, afterDays: days)
            }
            #expect(error?.code == code)
            #expect(try version() == nil)
        }
        func flip(_ name: String) -> (inout [String: [UInt8]]) throws -> Void {
            { files in
                var text = String(decoding: try #require(files[name]), as: UTF8.self)
                text = text.replacing("\"version\":", with: "\"version\":1")
                files[name] = Array(text.utf8)
            }
        }
        try await refuse("trust.assignment.expired", days: 201, try repository.export(release, valid: .days(200)))
        // Neither root nor targets may have expired, whatever the director states.
        try await refuse("trust.root.expired", days: 366, try repository.export(release, valid: .days(400)))
        let other = HostID(unchecked: "host-2")
        try await refuse("trust.assignment.notAddressed", try repository.export(release, valid: .days(1), to: other))
        for (name, code) in [("role.json", "trust.role.signatures"), ("targets.json", "trust.targets.signatures")] {
            try await refuse(code, try repository.export(release, valid: .days(1), edit: flip(name)))
        }
        for name in ["role.json", "targets.json", "assignment.json"] {
            try await refuse(
                "trust.export.missing", try repository.export(release, valid: .days(1)) { $0[name] = nil })
        }
        let stranger = try TestRepository()
        let foreign = try await stranger.submit("1.0")
        try await refuse("trust.export.otherController", try stranger.export(foreign, valid: .days(1)))
    }

    @Test("An older export does not bring back what approvers have withdrawn since, once the host knows")
    func withdrawnSince() async throws {
        let repository = try TestRepository()
        let first = try await repository.submit("1.0")
        let old = try repository.export(first, valid: .days(200))
        try repository.withdraw(first)
        let second = try await repository.submit("1.1")
        let receipt = try await install(try repository.export(second, valid: .days(200)), from: repository)
        #expect(receipt.outcome == .succeeded)
        let error = await #expect(throws: TrustError.self) { try await install(old, from: repository) }
        #expect(error?.code == "trust.release.withdrawn")
        #expect(try version() == "1.1")
    }
}
