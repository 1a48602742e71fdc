import Effects
import ReleaseDefinition
import Synchronization
import TestSupport
import Testing

@testable import ReleaseDistribution

/// A host that follows three channels asks for one file that says which of them have a new word.
@Suite("The file of a host's channels")
struct ChannelSetTests {
    static let channels = ["staging.web", "staging.shop", "staging.db"].map { ChannelName(unchecked: $0) }

    /// What a host and its repository are, with a fault that can be planted in the answers.
    struct Scene {
        typealias Fault = @Sendable (_ path: String, inout FolderHTTP.Answer) -> Void

        let repository: TestRepository
        let time = ManualTime(now: TestRepository.now)
        let http: FolderHTTP
        let client: MetadataClient
        let set: ChannelSet
        private let fault: Box

        final class Box: Sendable {
            let state = Mutex<Fault?>(nil)
            let said = Mutex(0)
        }

        init(publishing: Bool = true) async throws {
            repository = try await TestRepository()
            let fault = Box()
            self.fault = fault
            http = FolderHTTP(repository.root) { path, _, answer in fault.state.withLock { $0 }?(path, &answer) }
            client = MetadataClient(
                store: try repository.newStore(), http: http, time: time,
                address: RepositoryAddress(baseURL: FolderHTTP.base))
            set = try #require(ChannelSet(ChannelSetTests.channels))
            for channel in ChannelSetTests.channels { _ = try say(on: channel, publishing: false) }
            if publishing { try repository.publisher.publish([set]) }
        }

        func plant(_ fault: Fault?) { self.fault.state.withLock { $0 = fault } }

        /// - Returns: what the channel says from now on.
        func say(on channel: ChannelName, publishing: Bool = true) throws -> JSONValue {
            let number = fault.said.withLock { said in
                said += 1
                return said
            }
            let word = try repository.envelope(for: HostID(unchecked: "host-\(number)"))
            try repository.publisher.publish(
                RepositoryPublication(channels: [PublishedChannel(name: channel, envelope: word)]))
            if publishing { try repository.publisher.publish([set]) }
            return word
        }

        /// One check: what each channel says, and what was asked for.
        func check() async throws -> (words: [ChannelName: JSONValue?], asked: [String]) {
            http.forget()
            let words = try await client.fetchAssignments(of: ChannelSetTests.channels).mapValues { try $0.get() }
            return (words, http.paths)
        }
    }

    private static func path(_ channel: ChannelName) -> String { RepositoryLayout.channel(channel) }

    @Test("Where nothing is new, one file is asked for; where one channel has a new word, that one as well")
    func oneRequest() async throws {
        let scene = try await Scene()
        let file = RepositoryLayout.set(scene.set)
        let first = try await scene.check()
        #expect(first.asked == Self.channels.map(Self.path))
        for _ in 0..<3 {
            let next = try await scene.check()
            #expect(next.asked == [file] && next.words == first.words)
        }
        let word = try scene.say(on: Self.channels[1])
        let told = try await scene.check()
        #expect(told.asked == [file, Self.path(Self.channels[1])])
        #expect(told.words[Self.channels[1]] == word && told.words[Self.channels[0]] == first.words[Self.channels[0]])
        #expect(try await scene.check().asked == [file])
    }

    @Test("A channel that says nothing any more, or says something for the first time, is heard")
    func absence() async throws {
        let scene = try await Scene()
        _ = try await scene.check()
        let gone = Self.channels[2]
        try scene.repository.publisher.withdraw(channel: gone)
        try scene.repository.publisher.publish([scene.set])
        #expect(try await scene.check().words[gone] == .some(nil))
        #expect(try await scene.check().asked.count == 1)
        let word = try scene.say(on: gone)
        #expect(try await scene.check().words[gone] == word)
    }

    @Test(
        "A file that lies, is frozen or was forgotten holds a word back for six hours at most, of the week it is good for"
    )
    func frozen() async throws {
        let scene = try await Scene()
        let old = try await scene.check().words
        _ = try await scene.check()
        let frozen = try scene.repository.root.read(RepositoryLayout.set(scene.set), sizeMax: ByteCount(10_000))
        let word = try scene.say(on: Self.channels[0])
        scene.plant { path, answer in
            guard path.hasPrefix("director/sets/") else { return }
            answer = FolderHTTP.Answer(status: 200, headers: [HTTPField("ETag", "\"x\"")], body: frozen)
        }
        var held = TimeSpan.zero
        while try await scene.check().words == old, held < .days(7) {
            scene.time.advance(by: .minutes(5))
            held = held + .minutes(5)
        }
        #expect(held > .hours(5) && held <= ChannelSet.askAnywayAfter)
        #expect(try await scene.check().words[Self.channels[0]] == word)
    }

    @Test("Who once gave the file a false tag holds a host for ten minutes, however often it asks")
    func falseTag() async throws {
        let scene = try await Scene()
        let old = try await scene.check().words
        let before = try scene.repository.root.read(RepositoryLayout.set(scene.set), sizeMax: ByteCount(10_000))
        let word = try scene.say(on: Self.channels[0])
        // The bytes of before under the tag of what is there now.
        scene.plant { path, answer in if path.hasPrefix("director/sets/") { answer.body = before } }
        #expect(try await scene.check().words == old)
        scene.plant(nil)
        for _ in 0..<9 {
            scene.time.advance(by: .minutes(1))
            #expect(try await scene.check().words == old)
        }
        scene.time.advance(by: .minutes(1))
        #expect(try await scene.check().words[Self.channels[0]] == word)
    }

    @Test(
        "Where the file is absent, broken, too large, of another form or says not changed unasked, every channel is asked",
        arguments: 0..<6)
    func withoutFile(number: Int) async throws {
        let scene = try await Scene()
        _ = try await scene.check()
        let word = try scene.say(on: Self.channels[0])
        scene.plant { path, answer in
            guard path.hasPrefix("director/sets/") else { return }
            answer.headers = []
            switch number {
            case 0: answer = FolderHTTP.Answer(status: 404)
            case 1: answer = FolderHTTP.Answer(status: 403)
            case 2: answer.body = Array(#"{"channels":{"staging.web":"x"}}"#.utf8)
            case 3: answer.body = Array("{".utf8)
            case 4: answer.body = Array(repeating: UInt8(ascii: " "), count: 1 << 20)
            default: answer = FolderHTTP.Answer(status: 304)
            }
        }
        let told = try await scene.check()
        #expect(told.words[Self.channels[0]] == word)
        #expect(told.asked.filter { $0.hasSuffix("json") && !$0.contains("sets/") } == Self.channels.map(Self.path))
    }

    @Test("A repository without the file is asked for it again after ten minutes, and used as soon as it is there")
    func laterFile() async throws {
        let scene = try await Scene(publishing: false)
        _ = try await scene.check()
        #expect(try await scene.check().asked.count == 4)
        #expect(try await scene.check().asked == Self.channels.map(Self.path))
        try scene.repository.publisher.publish([scene.set])
        scene.time.advance(by: .minutes(10))
        #expect(try await scene.check().asked == [RepositoryLayout.set(scene.set)])
    }

    @Test("A set has one name however the channels are listed; one channel alone, and very many, have none")
    func names() throws {
        let backwards = try #require(ChannelSet(Self.channels.reversed() + Self.channels))
        #expect(backwards == ChannelSet(Self.channels))
        #expect(RepositoryLayout.set(backwards) == "director/sets/158f07b63ca1233d6c0e045a42eff57f.json")
        #expect(ChannelSet(Self.channels.prefix(2)).map(RepositoryLayout.set) != RepositoryLayout.set(backwards))
        #expect(ChannelSet(Self.channels.prefix(1)) == nil)
        #expect(ChannelSet((0...ChannelSet.channelsMax).map { ChannelName(unchecked: "staging.p\($0)") }) == nil)
        #expect(RepositoryLayout.isMutable(RepositoryLayout.set(backwards)))
    }
}
