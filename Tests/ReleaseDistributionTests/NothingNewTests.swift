import Effects
import ReleaseDefinition
import ReleaseTrust
import TestSupport
import Testing

@testable import ReleaseDistribution

@Suite("A host with nothing new")
struct NothingNewTests {
    private func client(_ store: Directory, _ http: any HTTPDoor, _ address: String = FolderHTTP.base) -> MetadataClient
    {
        MetadataClient(store: store, http: http, time: HurriedTime(), address: RepositoryAddress(baseURL: address))
    }

    @Test("It makes one request, of less than 1 KB with its answer and both heads, to a real web server")
    func oneSmallRequest() async throws {
        try #require(WebServer.Kind.nginx.isInstalled, "scripts/test installs it")
        let repository = try await TestRepository()
        try await expectOneSmallRequest(repository, [TestRepository.channel], path: "/director/staging.web.json")
    }

    @Test("A host with three products makes one request too, of less than 1 KB, to the same plain web server")
    func oneSmallRequestForThree() async throws {
        try #require(WebServer.Kind.nginx.isInstalled, "scripts/test installs it")
        let repository = try await TestRepository()
        let set = try #require(ChannelSet(ChannelSetTests.channels))
        for channel in set.channels where channel != TestRepository.channel {
            try repository.publisher.publish(
                RepositoryPublication(channels: [PublishedChannel(name: channel, envelope: repository.envelope())]))
        }
        try repository.publisher.publish([set])
        try await expectOneSmallRequest(repository, ChannelSetTests.channels, path: "/\(RepositoryLayout.set(set))")
    }

    private func expectOneSmallRequest(
        _ repository: TestRepository, _ channels: [ChannelName], path: String
    ) async throws {
        let server = try await WebServer(
            .nginx, serving: repository.folder.path + "/repository", in: repository.folder)
        let http = try LiveHTTP(identity: nil, userAgent: "slipway-agent/1.0.0-beta.1")
        try await server.untilAnswers(http)
        let client = client(try repository.newStore(), http, server.address)
        func check() async throws -> [ChannelName: JSONValue?] {
            try await client.fetchAssignments(of: channels).mapValues { try $0.get() }
        }
        let words = try await check()
        let envelope = try #require(words[TestRepository.channel] ?? nil)
        _ = try await client.authorise(
            envelope, for: TestRepository.host, environment: TestRepository.environment, at: TestRepository.now)
        // A tag counts once the second of the last change is over.
        while try await check() == words, try WebServer.asked(repository.folder).last?.status != 304 {
            try await Task.sleep(for: .milliseconds(50))
        }
        let before = try WebServer.asked(repository.folder).count
        for _ in 0..<20 { #expect(try await check() == words) }
        let asked = try await Self.until {
            try WebServer.asked(repository.folder).dropFirst(before)
        } has: {
            20
        }
        #expect(asked.count == 20)
        for line in asked {
            #expect(line.status == 304 && line.path == path)
            #expect(line.sent + line.received <= 1024, "\(line)")
        }
        await http.shutdown()
        try await server.stop()
    }

    private static func until<Line>(
        _ lines: () throws -> ArraySlice<Line>, has count: () -> Int
    ) async throws -> ArraySlice<Line> {
        let deadline = ContinuousClock.now + .seconds(60)
        while try lines().count < count(), ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(20))
        }
        return try lines()
    }

    @Test("A refresh asks for the next root and, by its tag, for the timestamp; both answers are without a body")
    func refresh() async throws {
        let repository = try await TestRepository()
        let statuses = StatusLog()
        let http = FolderHTTP(repository.root) { _, _, answer in statuses.add(answer.status) }
        let client = client(try repository.newStore(), http)
        try await client.refresh(at: TestRepository.now)
        let first = statuses.all.count
        try await client.refresh(at: TestRepository.now)
        #expect(statuses.all.dropFirst(first) == [404, 304])
        // What did not change may still have expired.
        let late = await code { try await client.refresh(at: TestRepository.now + .days(2)) }
        #expect(late == "trust.timestamp.expired")
        // A new one is heard.
        let change = try RepositoryWriter.renew(
            repository.state, keys: repository.keys, at: TestRepository.now + .hours(20))
        try repository.publisher.publish(RepositoryPublication(metadata: change.files))
        let trusted = try await client.refresh(at: TestRepository.now + .days(1) + .hours(1))
        let file = try #require(change.files.first { $0.isMutable })
        #expect(trusted.timestampVersion == (try JSONValue(parsing: file.bytes))["signed"]?["version"]?.integerValue)
    }

    @Test("A server that says not changed to a host that never heard it, or for ever, gets nowhere")
    func liar() async throws {
        let repository = try await TestRepository()
        let liar = FolderHTTP(repository.root) { path, _, answer in
            if path.hasSuffix("timestamp.json") || path.hasPrefix("director/") { answer = .init(status: 304) }
        }
        let client = client(try repository.newStore(), liar)
        #expect(await code { try await client.refresh(at: TestRepository.now) } == "distribution.status")
        #expect(
            await code { _ = try await client.fetchAssignment(channel: TestRepository.channel) }
                == "distribution.status")
    }

    @Test("A tag of the second in which the file was served is not used again")
    func sameSecond() {
        func head(_ modified: String?, _ date: String?) -> HTTPHead {
            HTTPHead(
                status: 200,
                headers: [HTTPField("ETag", "\"x\"")] + (modified.map { [HTTPField("Last-Modified", $0)] } ?? [])
                    + (date.map { [HTTPField("Date", $0)] } ?? []))
        }
        let (one, two) = ("Sat, 21 Nov 2026 15:00:00 GMT", "Sat, 21 Nov 2026 15:00:01 GMT")
        #expect(head(one, one).lastingTag == nil)
        #expect(head(one, two).lastingTag == "\"x\"" && head(nil, two).lastingTag == "\"x\"")
        #expect(HTTPHead(status: 200, headers: []).lastingTag == nil)
    }
}
