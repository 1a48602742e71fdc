import Effects
import ReleaseDefinition
import ReleasePackaging
import ReleaseTrust
import Synchronization
import TestSupport
import Testing

@testable import ReleaseDistribution

/// Several web servers, each with a folder and faults of its own, told apart by their names.
private final class Places: HTTPDoor {
    static func base(_ number: Int) -> String { number == 0 ? FolderHTTP.base : "http://mirror-\(number).test/base" }

    private let places: [FolderHTTP]

    init(_ places: [FolderHTTP]) { self.places = places }

    private func place(_ request: HTTPRequest) throws -> (FolderHTTP, HTTPRequest) {
        for (number, place) in places.enumerated() where request.url.hasPrefix(Self.base(number) + "/") {
            var inner = request
            inner.url = FolderHTTP.base + request.url.dropFirst(Self.base(number).utf8.count)
            return (place, inner)
        }
        throw EffectsError(code: "http.unreachable", summary: "\(request.url) is nowhere.", remedy: "")
    }

    func send(_ request: HTTPRequest) async throws -> HTTPResponse {
        let (place, inner) = try place(request)
        return try await place.send(inner)
    }

    func download(
        _ request: HTTPRequest, head: @escaping @Sendable (HTTPHead) async throws -> Void,
        receive: @escaping @Sendable ([UInt8]) async throws -> Void
    ) async throws {
        let (place, inner) = try place(request)
        try await place.download(inner, head: head, receive: receive)
    }

    func events(_ request: HTTPRequest, silenceMax: TimeSpan) -> AsyncThrowingStream<ServerSentEvent, any Error> {
        AsyncThrowingStream { $0.finish() }
    }
}

@Suite("Mirrors of a repository, in order")
struct MirrorTests {
    /// The doors of a host whose repository is in so many places.
    private func host(
        _ places: [FolderHTTP], _ repository: TestRepository, time: any TimeDoor = HurriedTime()
    ) throws -> (client: MetadataClient, fetcher: PackageFetcher) {
        let mirrors = Mirrors(
            Places.base(0), mirrors: (1..<places.count).map(Places.base), time: time)
        let http = MirroredHTTP(Places(places), mirrors)
        let address = RepositoryAddress(baseURL: Places.base(0), mirrors: mirrors)
        return (
            MetadataClient(store: try repository.newStore(), http: http, time: time, address: address),
            PackageFetcher(http: http, time: time, address: address)
        )
    }

    private func fetchAll(_ host: (client: MetadataClient, fetcher: PackageFetcher), _ repository: TestRepository)
        async throws
    {
        let release = try await host.client.authorise(
            repository.envelope(), for: TestRepository.host, environment: TestRepository.environment,
            at: TestRepository.now)
        let manifest = try await host.fetcher.manifest(for: release)
        let store = BlobStore(try repository.folder.directory.createDirectory("downloads"))
        try await host.fetcher.blobs(manifest.blobs, into: store)
        for blob in manifest.blobs { #expect(try store.read(blob) == repository.publisher.blobs.read(blob)) }
    }

    private func isBlob(_ path: String) -> Bool { path.hasPrefix("blobs/") }

    @Test("The first is asked, the others are left alone, while it answers")
    func first() async throws {
        let repository = try await TestRepository()
        let places = [FolderHTTP(repository.root), FolderHTTP(repository.root)]
        try await fetchAll(host(places, repository), repository)
        // Whether there is a newer root, a mirror may know as well.
        #expect(places[1].paths == ["metadata/2.root.json"])
    }

    enum Fault: String, CaseIterable {
        case gone, status503, forbidden, absent, breaks, otherBytes, short, long, noRanges, otherRange
    }

    @Test(
        "Whatever is wrong with the first, each file comes from the next, and no host waits for it",
        arguments: Fault.allCases)
    func failover(fault: Fault) async throws {
        let repository = try await TestRepository()
        let sick = FolderHTTP(repository.root) { path, _, answer in
            switch fault {
            case .gone: throw EffectsError(code: "http.unreachable", summary: "Gone.", remedy: "")
            case .status503: answer = FolderHTTP.Answer(status: 503)
            case .forbidden: answer = FolderHTTP.Answer(status: 403)
            case .absent: answer = FolderHTTP.Answer(status: 404)
            case .breaks where path.hasPrefix("blobs/"): answer.breaksAfter = answer.body.count / 2
            case .otherBytes:
                if !answer.body.isEmpty { answer.body[answer.body.count / 2] ^= 1 }
            case .short where path.hasPrefix("blobs/"): answer.body.removeLast(min(3, answer.body.count))
            case .long where path.hasPrefix("blobs/"): answer.body += [1, 2, 3]
            case .noRanges: answer.headers = []
            case .otherRange:
                answer.headers = answer.headers.map {
                    $0.name == "Content-Range" ? HTTPField("Content-Range", "bytes 0-1/2") : $0
                }
            default: break
            }
        }
        let time = HurriedTime()
        try await fetchAll(host([sick, FolderHTTP(repository.root)], repository, time: time), repository)
        let longest = time.slept.max() ?? .zero
        // No more than the pause before the first try that comes again.
        #expect(longest <= RetryPolicy.patient.delayFirst * 2, "\(time.slept)")
    }

    @Test("A file that one place does not have comes from another; everything else still from the first")
    func perFile() async throws {
        let repository = try await TestRepository()
        let hole = try #require(repository.manifest.blobs.max { $0.length < $1.length })
        let path = RepositoryLayout.blob(hole.sha256)
        let first = FolderHTTP(repository.root) { asked, _, answer in
            if asked == path { answer = FolderHTTP.Answer(status: 404) }
        }
        let second = FolderHTTP(repository.root)
        try await fetchAll(host([first, second], repository), repository)
        #expect(second.paths.filter(isBlob) == [path])
        #expect(first.paths.filter(isBlob).count == Set(repository.manifest.blobs).count)
    }

    @Test("A transfer that breaks goes on in the next place from where it stopped")
    func resumes() async throws {
        let repository = try await TestRepository()
        let blob = try #require(repository.manifest.blobs.max { $0.length < $1.length })
        let first = FolderHTTP(repository.root) { _, _, answer in answer.breaksAfter = 100_000 }
        let second = FolderHTTP(repository.root)
        let (_, fetcher) = try host([first, second], repository)
        let store = BlobStore(try repository.folder.directory.createDirectory("downloads"))
        try await fetcher.blobs([blob], into: store)
        #expect(try store.read(blob) == repository.publisher.blobs.read(blob))
        #expect(first.ranges == [nil] && second.ranges == ["bytes=100000-"])
    }

    @Test("A place that failed is left alone for five minutes, then it is the first again")
    func returns() async throws {
        let repository = try await TestRepository()
        let isDown = Mutex(true)
        let first = FolderHTTP(repository.root) { _, _, answer in
            if isDown.withLock({ $0 }) { answer = FolderHTTP.Answer(status: 502) }
        }
        let second = FolderHTTP(repository.root)
        let time = ManualTime(now: TestRepository.now)
        let (client, _) = try host([first, second], repository, time: time)
        _ = try await client.fetchAssignment(channel: TestRepository.channel)
        _ = try await client.fetchAssignment(channel: TestRepository.channel)
        #expect(first.paths.count == 1 && second.paths.count == 2)
        isDown.withLock { $0 = false }
        time.advance(by: Mirrors.pause)
        _ = try await client.fetchAssignment(channel: TestRepository.channel)
        #expect(first.paths.count == 2 && second.paths.count == 2)
    }

    @Test(
        "A place that lags behind, or plays an old word, does not hold the host back: the next is asked for that file")
    func stale() async throws {
        var repository = try await TestRepository()
        let stale = try repository.root.read("metadata/timestamp.json", sizeMax: ByteCount(1 << 20))
        let change = try RepositoryWriter.renew(
            repository.state, keys: repository.keys, at: TestRepository.now + .minutes(5))
        try repository.publisher.publish(RepositoryPublication(metadata: change.files))
        repository.state = change.state
        let isStale = Mutex(false)
        let first = FolderHTTP(repository.root) { path, _, answer in
            guard isStale.withLock({ $0 }), path == "metadata/timestamp.json" else { return }
            answer = FolderHTTP.Answer(body: stale)
        }
        let second = FolderHTTP(repository.root)
        let (client, _) = try host([first, second], repository)
        let now = TestRepository.now + .minutes(6)
        try await client.refresh(at: now)
        // The host knows a newer one: what the first says now would be refused as a rollback.
        isStale.withLock { $0 = true }
        try await client.refresh(at: now)
        #expect(second.paths.contains("metadata/timestamp.json"))
    }

    @Test("Where all places fail, the error is of the first; where none has a newer root, there is none")
    func allFail() async throws {
        let repository = try await TestRepository()
        let down = FolderHTTP(repository.root) { _, _, answer in answer = FolderHTTP.Answer(status: 503) }
        let empty = FolderHTTP(repository.root) { _, _, answer in answer = FolderHTTP.Answer(status: 404) }
        let (client, fetcher) = try host([down, empty], repository)
        // Absence is news for a channel, not for a package's file.
        #expect(try await client.fetchAssignment(channel: TestRepository.channel) == nil)
        let blob = try #require(repository.manifest.blobs.first)
        let store = BlobStore(try repository.folder.directory.createDirectory("downloads"))
        do {
            try await fetcher.blobs([blob], into: store)
            Issue.record("It cannot have been fetched.")
        } catch let error as DistributionError { #expect(error.code == "distribution.unavailable") }
    }

    @Test("Other servers' addresses are left as they are")
    func others() async throws {
        let mirrors = Mirrors("http://a.test/r", mirrors: ["http://b.test"], time: HurriedTime())
        #expect(mirrors.path(of: "http://a.test/r/blobs/x") == "blobs/x")
        for url in ["http://a.test/rest", "http://a.test/r", "http://b.test/blobs/x", "https://a.test/r/blobs/x"] {
            #expect(mirrors.path(of: url) == nil)
        }
        #expect(!mirrors.doubt("http://a.test/r/never/asked"))
    }
}
