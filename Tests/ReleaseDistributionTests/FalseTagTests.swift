import Effects
import ReleaseDefinition
import ReleaseTrust
import Synchronization
import TestSupport
import Testing

@testable import ReleaseDistribution

/// Whoever once answered with a false tag is gone; the server that answers now keeps to RFC 9110.
@Suite("A false tag")
struct FalseTagTests {
    private static let channelPath = RepositoryLayout.channel(TestRepository.channel)
    private static let timestampPath = "metadata/timestamp.json"

    /// A host whose repository has said something new, of which a liar keeps it for a while.
    private struct Scene {
        let repository: TestRepository
        let time = ManualTime(now: TestRepository.now)
        let client: MetadataClient
        /// What answers to one path instead of the server; nil: the server does.
        private let lie: Box
        let statuses = StatusLog()

        final class Box: Sendable {
            let state = Mutex<(path: String, tag: String?, body: [UInt8])?>(nil)
        }

        init() async throws {
            repository = try await TestRepository()
            let (lie, statuses) = (Box(), statuses)
            self.lie = lie
            let http = FolderHTTP(repository.root) { path, _, answer in
                if let lie = lie.state.withLock({ $0 }), lie.path == path {
                    if let tag = lie.tag { answer.headers = [HTTPField("ETag", tag)] }
                    (answer.status, answer.body) = (200, lie.body)
                }
                statuses.add(answer.status)
            }
            client = MetadataClient(
                store: try repository.newStore(), http: http, time: time,
                address: RepositoryAddress(baseURL: FolderHTTP.base))
        }

        /// - Parameter tag: nil: the tag of what the honest server has, guessed.
        func begin(_ path: String, tag: String?, body: [UInt8]) {
            lie.state.withLock { $0 = (path, tag, body) }
        }

        func end() { lie.state.withLock { $0 = nil } }

        func bytes(_ path: String) throws -> [UInt8] {
            try repository.root.read(path, sizeMax: ByteCount(1 << 20))
        }

        /// - Returns: the word that the channel has from now on.
        func sayAnew() throws -> JSONValue {
            let word = try repository.envelope()
            try repository.publisher.publish(
                RepositoryPublication(channels: [PublishedChannel(name: TestRepository.channel, envelope: word)]))
            return word
        }

        /// - Returns: the version that the timestamp has from now on.
        func renew(at now: UTCInstant = TestRepository.now) throws -> Int64? {
            let change = try RepositoryWriter.renew(repository.state, keys: repository.keys, at: now)
            try repository.publisher.publish(RepositoryPublication(metadata: change.files))
            return try JSONValue(parsing: bytes(FalseTagTests.timestampPath))["signed"]?["version"]?.integerValue
        }

        func heard() async throws -> JSONValue? {
            try await client.fetchAssignment(channel: TestRepository.channel)
        }

        /// The timestamp's version as the host sees it, at the time of its clock.
        func refreshed() async throws -> Int64? { try await client.refresh(at: time.now()).timestampVersion }
    }

    @Test(
        "Only one tag in the form of RFC 9110 is kept",
        arguments: [
            ("\"x\"", true), ("W/\"x\"", true), ("\"\"", true), ("\"a,b\"", true),
            ("\"" + String(repeating: "x", count: 126) + "\"", true),
            ("*", false), ("", false), ("x", false), ("\"", false), ("\"x", false), ("w/\"x\"", false), ("W/", false),
            ("W/*", false), ("\"x\", *", false), ("\"a\", \"b\"", false), ("*, \"x\"", false), ("\"a b\"", false),
            ("\"\u{7f}\"", false), ("\"é\"", false), ("\"x\"\r\nA: b", false),
            ("\"" + String(repeating: "x", count: 127) + "\"", false),
        ])
    func form(tag: String, isKept: Bool) {
        #expect(HTTPHead(status: 200, headers: [HTTPField("ETag", tag)]).lastingTag == (isKept ? tag : nil))
        #expect(
            HTTPHead(status: 200, headers: [HTTPField("ETag", "\"x\""), HTTPField("etag", tag)]).lastingTag == nil)
    }

    @Test("Who once gave a star for a tag holds nobody: the next check hears the honest server")
    func star() async throws {
        let scene = try await Scene()
        scene.begin(Self.channelPath, tag: "*", body: try scene.bytes(Self.channelPath))
        let old = try await scene.heard()
        scene.end()
        let new = try scene.sayAnew()
        #expect(old != new)
        #expect(try await scene.heard() == new)

        scene.begin(Self.timestampPath, tag: "*", body: try scene.bytes(Self.timestampPath))
        let before = try await scene.refreshed()
        scene.end()
        let version = try scene.renew()
        #expect(before != version)
        #expect(try await scene.refreshed() == version)
    }

    @Test("Who guessed the tag of a channel's next word holds a host for ten minutes, however often it asks")
    func guessedChannel() async throws {
        let scene = try await Scene()
        let bytes = try scene.bytes(Self.channelPath)
        let new = try scene.sayAnew()
        scene.begin(Self.channelPath, tag: nil, body: bytes)
        let old = try await scene.heard()
        #expect(old != new)
        scene.end()
        for _ in 0..<9 {
            scene.time.advance(by: .minutes(1))
            #expect(try await scene.heard() == old)
            #expect(scene.statuses.all.last == 304)
        }
        scene.time.advance(by: .minutes(1))
        #expect(try await scene.heard() == new)
    }

    @Test("Who guessed the next timestamp's tag holds a host for an hour, however often it asks")
    func guessedTimestamp() async throws {
        let scene = try await Scene()
        let bytes = try scene.bytes(Self.timestampPath)
        let version = try scene.renew()
        scene.begin(Self.timestampPath, tag: nil, body: bytes)
        let old = try await scene.refreshed()
        #expect(old != version)
        scene.end()
        for _ in 0..<5 {
            scene.time.advance(by: .minutes(10))
            #expect(try await scene.refreshed() == old)
            #expect(scene.statuses.all.last == 304)
        }
        scene.time.advance(by: .minutes(10))
        #expect(try await scene.refreshed() == version)
    }

    @Test("A timestamp's tag is used for half of what it has left to live")
    func age() {
        let now = TestRepository.now
        for (left, age) in [
            (TimeSpan.days(1), TimeSpan.hours(1)), (.hours(1), .minutes(30)), (.minutes(1), .seconds(30)),
            (.zero, .zero),
        ] {
            #expect(EntityTag.age(ofTimestampUntil: now + left, at: now) == age)
        }
    }

    @Test("What is refused takes its tag along: expired bytes are asked for again at once, without a condition")
    func expired() async throws {
        let scene = try await Scene()
        let bytes = try scene.bytes(Self.timestampPath)
        let version = try scene.renew(at: TestRepository.now + .hours(20))
        scene.begin(Self.timestampPath, tag: nil, body: bytes)
        _ = try await scene.client.refresh(at: TestRepository.now)
        scene.end()
        // The wall clock alone went on, as after a sleep: by age the tag would still be good.
        let asked = scene.statuses.all.count
        let trusted = try await scene.client.refresh(at: TestRepository.now + .hours(25))
        #expect(trusted.timestampVersion == version)
        #expect(scene.statuses.all.dropFirst(asked).prefix(3) == [404, 304, 200])
    }

    @Test("A word that was refused takes its tag along: the next check hears the honest server")
    func refusedWord() async throws {
        let scene = try await Scene()
        let stranger = try TestRepository.newKeys()
        let word = try scene.repository.envelope(signedBy: stranger.director)
        scene.begin(Self.channelPath, tag: nil, body: word.canonicalBytes)
        try await scene.client.refresh(at: TestRepository.now)
        let honest = try JSONValue(parsing: scene.bytes(Self.channelPath))
        for refuse in [
            { try await $0.verifyRevocations($1, environment: TestRepository.environment, at: TestRepository.now) },
            {
                try await $0.verify(
                    $1, for: TestRepository.host, environment: TestRepository.environment, at: TestRepository.now)
            },
            {
                try await $0.authorise(
                    $1, for: TestRepository.host, environment: TestRepository.environment, at: TestRepository.now)
            },
        ] as [(MetadataClient, JSONValue) async throws -> Any] {
            scene.begin(Self.channelPath, tag: nil, body: word.canonicalBytes)
            #expect(try await scene.heard() == word)
            await #expect(throws: (any Error).self) { _ = try await refuse(scene.client, word) }
            scene.end()
            #expect(try await scene.heard() == honest)
        }
    }
}
