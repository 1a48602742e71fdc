import AgentProtocol
import Effects
import Logging
import ReleaseDefinition
import ReleaseDistribution
import ReleaseTrust
import Testing

@testable import AgentLibrary

@Suite("The highest time that was accepted")
struct HighestTimeTests {
    private struct Host {
        let dir: TemporaryFolder
        let time: ManualTime
        let source: RepositorySource

        init(_ repository: TestRepository, dir: TemporaryFolder, time: ManualTime) throws {
            (self.dir, self.time) = (dir, time)
            let folder = AgentFolder(base: dir.directory)
            if try folder.trust().status("root.json") == nil {
                try MetadataClient.pin(root: repository.firstRoot, in: folder.trust())
            }
            let configuration = AgentConfiguration(
                controller: nil, host: TestHost.name, environment: TestRepository.environment, delivery: .pull,
                repository: FolderHTTP.base, channels: [TestRepository.channel])
            let http = FolderHTTP(repository.folder.directory)
            source = try RepositorySource(
                folder: folder, configuration: configuration,
                doors: AgentDoors(
                    http: http, local: http, processes: LiveProcesses(), time: time, random: SystemRandom()),
                log: Logger(label: "test", factory: { _ in AgentLog(logLevel: .critical) }))
        }

        var stored: UTCInstant? {
            get throws {
                try dir.directory.readIfPresent(HighestTime.fileName, sizeMax: ByteCount(100)).map {
                    try UTCInstant(String(decoding: $0.filter { $0 > 0x20 }, as: UTF8.self))
                }
            }
        }
    }

    @Test("A clock that is set back brings no expired metadata and no expired order to life, after a restart neither")
    func setBack() async throws {
        let repository = try TestRepository()
        let one = try await repository.submit("1.0")
        let now = SystemTime().now()
        let time = ManualTime(now: now)
        let dir = try TemporaryFolder()
        let host = try Host(repository, dir: dir, time: time)
        let order = try repository.assignment(1, .install, one)
        _ = try await host.source.authorise(order, revoked: [])
        #expect(try host.stored == now.wholeSeconds)
        // Nearly a day later it looks again; the order has expired, the metadata has not.
        time.setNow(now + .hours(20))
        await #expect(throws: TrustError.self) { _ = try await host.source.authorise(order, revoked: []) }
        #expect(try host.stored == now.wholeSeconds, "what failed accepts no time")
        let late = try repository.assignment(2, .install, one, expiresIn: .hours(48))
        _ = try await host.source.authorise(late, revoked: [])
        #expect(try host.stored == (now + .hours(20)).wholeSeconds)
        time.setNow(now)
        for host in [host, try Host(repository, dir: dir, time: time)] {
            let error = await #expect(throws: TrustError.self) {
                _ = try await host.source.authorise(order, revoked: [])
            }
            #expect(error?.code == "trust.assignment.expired")
        }
    }

    @Test("A clock far ahead is not believed: nothing is accepted with it, and when it is set right all is well")
    func farAhead() async throws {
        let repository = try TestRepository()
        let one = try await repository.submit("1.0")
        let now = SystemTime().now()
        let time = ManualTime(now: now + .days(4000))
        let host = try Host(repository, dir: TemporaryFolder(), time: time)
        let order = try repository.assignment(1, .install, one)
        await #expect(throws: TrustError.self) { _ = try await host.source.authorise(order, revoked: []) }
        #expect(try host.stored == nil)
        time.setNow(now)
        _ = try await host.source.authorise(order, revoked: [])
        #expect(try host.stored == now.wholeSeconds)
    }

    @Test("A stored time that cannot be read counts as none", arguments: ["", "tomorrow", "\u{0}", "9999"])
    func damaged(_ text: String) throws {
        let dir = try TemporaryFolder()
        try dir.directory.writeDurably(HighestTime.fileName, Array(text.utf8))
        let log = Logger(label: "test", factory: { _ in AgentLog(logLevel: .critical) })
        #expect(HighestTime(in: dir.directory, log: log).start(start) == start)
    }

    @Test(
        "R31: a host at 1970 that never heard of a later time goes by the day before which no program of ours was made")
    func firstStart() throws {
        let log = Logger(label: "test", factory: { _ in AgentLog(logLevel: .critical) })
        for text in [nil, "1980-01-01T00:00:00Z"] {
            let dir = try TemporaryFolder()
            if let text { try dir.directory.writeDurably(HighestTime.fileName, Array(text.utf8)) }
            let highest = HighestTime(in: dir.directory, log: log)
            #expect(highest.start(UTCInstant(secondsSince1970: 60)) == SlipwayVersion.notBefore)
            #expect(highest.start(start) == start)
        }
    }
}
