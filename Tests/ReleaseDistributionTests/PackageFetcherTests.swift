import Effects
import ReleaseDefinition
import ReleasePackaging
import ReleaseTrust
import Synchronization
import Testing
import TestSupport

@testable import ReleaseDistribution

@Suite("Fetching a package")
struct PackageFetcherTests {
    private func fetcher(
        _ http: any HTTPDoor, _ time: any TimeDoor = HurriedTime(), retry: RetryPolicy = .patient
    ) -> PackageFetcher {
        PackageFetcher(http: http, time: time, address: RepositoryAddress(baseURL: FolderHTTP.base), retry: retry)
    }

    private func authorised(_ repository: TestRepository) async throws -> AuthorisedRelease {
        let client = MetadataClient(
            store: try repository.newStore(), http: FolderHTTP(repository.root), time: HurriedTime(),
            address: RepositoryAddress(baseURL: FolderHTTP.base))
        return try await client.authorise(
            repository.envelope(), for: TestRepository.host, environment: TestRepository.environment,
            at: TestRepository.now)
    }

    private func downloads(_ repository: TestRepository) throws -> BlobStore {
        BlobStore(try repository.folder.directory.createDirectory("downloads"))
    }

    @Test("The manifest and every blob arrive, checked, and progress ends at the whole")
    func whole() async throws {
        let repository = try await TestRepository()
        let release = try await authorised(repository)
        let store = try downloads(repository)
        let fetcher = fetcher(FolderHTTP(repository.root))
        let manifest = try await fetcher.manifest(for: release)
        #expect(manifest == repository.manifest)
        let seen = Mutex<[FetchProgress]>([])
        try await fetcher.blobs(manifest.blobs, into: store) { now in seen.withLock { $0.append(now) } }
        for blob in manifest.blobs { #expect(try store.read(blob) == repository.publisher.blobs.read(blob)) }
        let last = try #require(seen.withLock { $0.last })
        #expect(last.bytesDone == last.bytesTotal && last.blobsDone == last.blobsTotal)
        #expect(last.bytesTotal.value == manifest.blobs.map(\.length.value).reduce(0, +))
        let bytes = seen.withLock { $0.map(\.bytesDone) }
        #expect(bytes == bytes.sorted() && bytes.count > manifest.blobs.count)
    }

    @Test("What the store has is not fetched")
    func known() async throws {
        let repository = try await TestRepository()
        let store = try downloads(repository)
        let http = FolderHTTP(repository.root)
        try await fetcher(http).blobs(repository.manifest.blobs, into: store)
        http.forget()
        try await fetcher(http).blobs(repository.manifest.blobs, into: store)
        #expect(http.paths.isEmpty)
    }

    @Test(
        "R46: a transfer cut at each 64 KiB goes on where it stopped and ends with the right bytes",
        arguments: [true, false])
    func cut(knowsRanges: Bool) async throws {
        let repository = try await TestRepository()
        let blob = try #require(repository.manifest.blobs.max { $0.length < $1.length })
        let store = try downloads(repository)
        let http = FolderHTTP(repository.root) { [root = repository.root] path, number, answer in
            if knowsRanges {
                if answer.body.count > 64 << 10 { answer.breaksAfter = 64 << 10 }
            } else {
                answer = FolderHTTP.Answer(body: try root.read(path, sizeMax: ByteCount(1 << 30)))
                if number < 5 { answer.breaksAfter = (number + 1) * (32 << 10) }
            }
        }
        try await fetcher(http).blobs([blob], into: store)
        #expect(try store.read(blob) == repository.publisher.blobs.read(blob))
        #expect(http.paths.count > 4)
        if knowsRanges { #expect(http.ranges == (0..<http.paths.count).map { $0 == 0 ? nil : "bytes=\($0 << 16)-" }) }
    }

    @Test("A fetch that was killed goes on after the restart")
    func restart() async throws {
        let repository = try await TestRepository()
        let blob = try #require(repository.manifest.blobs.max { $0.length < $1.length })
        let store = try downloads(repository)
        let broken = FolderHTTP(repository.root) { _, _, answer in answer.breaksAfter = 100_000 }
        #expect(
            await code { try await fetcher(broken, retry: .none).blobs([blob], into: store) } == "effects.http.closed")
        #expect(try !store.has(blob))
        let http = FolderHTTP(repository.root)
        try await fetcher(http).blobs([blob], into: BlobStore(store.directory))
        #expect(http.ranges == ["bytes=100000-"])
        #expect(try store.read(blob) == repository.publisher.blobs.read(blob))
    }

    @Test("R46: flipped bytes are fetched once more, then refused; nothing of it has a name")
    func flipped() async throws {
        let repository = try await TestRepository()
        let blob = try #require(repository.manifest.blobs.max { $0.length < $1.length })
        let store = try downloads(repository)
        let once = FolderHTTP(repository.root) { _, number, answer in if number == 0 { answer.body[70_000] ^= 1 } }
        try await fetcher(once).blobs([blob], into: store)
        #expect(try store.read(blob) == repository.publisher.blobs.read(blob))
        try store.remove(blob)
        let always = FolderHTTP(repository.root) { _, _, answer in answer.body[70_000] ^= 1 }
        #expect(await code { try await fetcher(always).blobs([blob], into: store) } == "packaging.blob.digest")
        #expect(always.paths.count == 2)
        #expect(try store.directory.list().isEmpty)
    }

    @Test("R46: an endless or too short body, another range than asked for, and an unknown one never harm")
    func wrongLengths() async throws {
        let repository = try await TestRepository()
        let blob = try #require(repository.manifest.blobs.max { $0.length < $1.length })
        let store = try downloads(repository)
        let endless = FolderHTTP(repository.root) { _, _, answer in answer.body += Array(repeating: 0, count: 1 << 20) }
        let found = await code { try await fetcher(endless).blobs([blob], into: store) }
        #expect(found == "effects.http.bodyTooLarge" || found == "distribution.blob.tooLong")
        try store.discardPartial(blob)
        // Too short without a word, then a range of something else, then 416, then right.
        let odd = FolderHTTP(repository.root) { _, number, answer in
            switch number {
            case 0: answer.body.removeLast(1000)
            case 1: answer.headers = [HTTPField("Content-Range", "bytes 0-9/10")]
            case 2: answer.breaksAfter = 5000
            case 3: answer = FolderHTTP.Answer(status: 416)
            default: break
            }
        }
        try await fetcher(odd).blobs([blob], into: store)
        #expect(try store.read(blob) == repository.publisher.blobs.read(blob))
        #expect(odd.paths.count == 5)
    }

    @Test("R44: failures that pass are retried ten times in vain, 1 s to 60 s apart; others are final at once")
    func retries() async throws {
        let repository = try await TestRepository()
        let store = try downloads(repository)
        // Several are fetched at once; one shows how one is tried.
        let blobs = Array(repository.manifest.blobs.prefix(1))
        let time = HurriedTime()
        let down = FolderHTTP(repository.root) { _, _, answer in answer = FolderHTTP.Answer(status: 503) }
        #expect(
            await code { try await fetcher(down, time).blobs(blobs, into: store) }
                == "distribution.unavailable")
        #expect(down.paths.count == 10)
        let means = [1, 2, 4, 8, 16, 32, 60, 60, 60].map { TimeSpan.seconds($0) }
        #expect(time.slept.count == means.count)
        #expect(zip(time.slept, means).allSatisfy { $0 <= $1 * 2 })
        // Of two that lost the server together, each comes back at moments of its own.
        let other = HurriedTime()
        #expect(
            await code { try await fetcher(down, other).blobs(blobs, into: store) } == "distribution.unavailable")
        #expect(other.slept != time.slept)
        for (status, expected) in [
            (404, "distribution.absent"), (403, "distribution.forbidden"), (302, "distribution.status"),
        ] {
            let http = FolderHTTP(repository.root) { _, _, answer in answer = FolderHTTP.Answer(status: status) }
            #expect(
                await code { try await fetcher(http).blobs(blobs, into: store) } == expected)
            #expect(http.paths.count == 1)
        }
    }

    @Test("A server that gives a few bytes at each try is given up as one that gives nothing")
    func crumbs() async throws {
        let repository = try await TestRepository()
        let blob = try #require(repository.manifest.blobs.max { $0.length < $1.length })
        let store = try downloads(repository)
        let http = FolderHTTP(repository.root) { _, _, answer in answer.breaksAfter = 100 }
        #expect(await code { try await fetcher(http).blobs([blob], into: store) } == "effects.http.closed")
        #expect(http.paths.count == RetryPolicy.patient.triesMax)
        // What came stays, and an honest server goes on from there.
        try await fetcher(FolderHTTP(repository.root)).blobs([blob], into: store)
        #expect(try store.read(blob) == repository.publisher.blobs.read(blob))
    }

    @Test("A server without ranges that breaks at the same place each time is given up")
    func breaksForEver() async throws {
        let repository = try await TestRepository()
        let blob = try #require(repository.manifest.blobs.max { $0.length < $1.length })
        let http = FolderHTTP(repository.root) { [root = repository.root] path, _, answer in
            answer = FolderHTTP.Answer(body: try root.read(path, sizeMax: ByteCount(1 << 30)), breaksAfter: 50_000)
        }
        let found = await code { try await fetcher(http).blobs([blob], into: downloads(repository)) }
        #expect(found == "effects.http.closed")
        #expect(http.paths.count == 10)
    }

    @Test(
        "A disk that fills up ends the fetch with a clear error and is not kept full",
        .enabled(if: SmallDisk.isPossible, "mounts a file system"))
    func fullDisk() async throws {
        let repository = try await TestRepository(payloadSize: 600_000)
        try await SmallDisk.with { disk in
            let store = BlobStore(disk)
            let http = FolderHTTP(repository.root)
            let found = await code { try await fetcher(http).blobs(repository.manifest.blobs, into: store) }
            #expect(found == "effects.file.noSpace")
            let left = try disk.list()
            #expect(left.allSatisfy { !$0.name.hasPrefix(".partial") })
            // A process that another test is starting may hold a copy of the descriptor for a moment.
            let deadline = ContinuousClock.now + .seconds(60)
            while try disk.freeSpace() < ByteCount(200_000), ContinuousClock.now < deadline {
                try await Task.sleep(for: .milliseconds(5))
            }
            let free = try disk.freeSpace()
            #expect(free > ByteCount(200_000))
        }
    }

    @Test("A manifest with other bytes or of another length is refused")
    func tamperedManifest() async throws {
        let repository = try await TestRepository()
        let release = try await authorised(repository)
        let flipped = FolderHTTP(repository.root) { _, _, answer in answer.body[10] ^= 1 }
        #expect(await code { _ = try await fetcher(flipped).manifest(for: release) } == "trust.target.hash")
        let short = FolderHTTP(repository.root) { _, _, answer in answer.body.removeLast() }
        #expect(await code { _ = try await fetcher(short).manifest(for: release) } == "trust.target.length")
        let long = FolderHTTP(repository.root) { _, _, answer in answer.body.append(0x0A) }
        #expect(await code { _ = try await fetcher(long).manifest(for: release) } == "effects.http.bodyTooLarge")
    }
}
