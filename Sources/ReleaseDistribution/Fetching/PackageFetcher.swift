import Effects
import ReleaseDefinition
import ReleasePackaging
import ReleaseTrust
import Synchronization

/// Fetches an authorised release: every transfer bounded by a signed length, every byte checked against a signed hash
/// before it has a name in the store.
public struct PackageFetcher: Sendable {
    let http: any HTTPDoor
    let time: any TimeDoor
    let address: RepositoryAddress
    let retry: RetryPolicy

    public init(
        http: any HTTPDoor, time: any TimeDoor, address: RepositoryAddress, retry: RetryPolicy = .patient
    ) {
        self.http = http
        self.time = time
        self.address = address
        self.retry = retry
    }

    /// - Throws: `trust.target.…`, `packaging.manifest.…`, `distribution.manifest.otherRelease`, errors of transport.
    public func manifest(for release: AuthorisedRelease) async throws -> Manifest {
        let path = RepositoryLayout.manifest(of: release)
        guard release.target.length <= Manifest.bytesMax else {
            throw DistributionError(
                code: "manifest.tooLarge",
                summary: "The manifest of \(release.assignment.release) has \(release.target.length), at most "
                    + "\(Manifest.bytesMax) are allowed.", remedy: "Split the release.")
        }
        let request = address.request(path, sizeMax: release.target.length)
        let bytes = try await retry.run(time) {
            while true {
                let response = try await http.send(request)
                guard response.status == 200 else { throw address.error(response.status, path) }
                do { try release.target.requireMatch(response.body) } catch {
                    guard address.doubt(path) else { throw error }
                    continue
                }
                return response.body
            }
        }
        let manifest = try Manifest(parsing: bytes)
        guard manifest.name == release.assignment.release else {
            throw DistributionError(
                code: "manifest.otherRelease",
                summary: "The manifest at \(release.target.path) is of \(manifest.name), not of "
                    + "\(release.assignment.release).",
                remedy: "Nothing was installed. See who approved it under that name.")
        }
        return manifest
    }

    /// Fetches what the store does not have. A transfer that broke goes on where it stopped, also after a restart, if
    /// the server knows ranges; otherwise from the start.
    /// - Parameter progress: called after each piece.
    /// - Throws: `packaging.blob.digest` when the server has wrong bytes, twice; `distribution.…`, `effects.…`.
    public func blobs(
        _ references: [BlobReference], into store: BlobStore,
        progress: @escaping @Sendable (FetchProgress) -> Void = { _ in }
    ) async throws {
        try await blobs(references, into: store, FetchCounter(references, progress), ByteTally())
    }

    func blobs(_ references: [BlobReference], into store: BlobStore, _ tally: ByteTally) async throws {
        try await blobs(references, into: store, FetchCounter(references) { _ in }, tally)
    }

    /// A few at once: small ones do not wait for large ones, and a server is not asked for everything together.
    private func blobs(
        _ references: [BlobReference], into store: BlobStore, _ counter: FetchCounter, _ tally: ByteTally
    ) async throws {
        var seen: Set<BlobReference> = []
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (number, reference) in references.filter({ seen.insert($0).inserted }).enumerated() {
                if number >= MemberFetch.requestsMax { try await group.next() }
                group.addTask {
                    if try !store.has(reference) { try await fetch(reference, into: store, counter, tally) }
                    counter.finished(reference)
                }
            }
            try await group.waitForAll()
        }
    }

    private func fetch(
        _ blob: BlobReference, into store: BlobStore, _ counter: FetchCounter, _ tally: ByteTally
    ) async throws {
        var hasFailed = false
        while true {
            // The furthest byte so far: a server without ranges that breaks at the same place each time gets no further.
            let furthest = Mutex<Int64>(0)
            var before: Int64 = 0
            try await retry.run(
                time,
                hasProgressed: {
                    let now = furthest.withLock { $0 }
                    guard now >= before + RetryPolicy.progressLeast else { return false }
                    before = now
                    return true
                }
            ) {
                try await transfer(blob, into: store, counter, tally) { length in
                    furthest.withLock { $0 = max($0, length) }
                }
            }
            do { return try store.adoptPartial(blob) } catch let error as PackagingError
                where error.code == "packaging.blob.digest"
            {
                // Joined from pieces of two different answers, or damaged on the way: once more from the start, and once
                // from each other place.
                guard address.doubt(RepositoryLayout.blob(blob.sha256)) || !hasFailed else { throw error }
                hasFailed = true
                try store.discardPartial(blob)
            }
        }
    }

    /// Appends what is missing. Passing failures keep what came; the next try goes on from there.
    private func transfer(
        _ blob: BlobReference, into store: BlobStore, _ counter: FetchCounter, _ tally: ByteTally,
        reached: @escaping @Sendable (Int64) -> Void
    ) async throws {
        let path = RepositoryLayout.blob(blob.sha256)
        let file = try store.partial(blob)
        let start = try file.size().value
        counter.current(start, of: blob)
        if start == blob.length.value { return }
        let range = start > 0 ? [HTTPField("Range", "bytes=\(start)-")] : []
        let address = address
        do {
            try await http.download(
                address.request(
                    path, headers: range, sizeMax: blob.length, timeout: Self.timeout(for: blob.length)),
                head: { head in
                    switch head.status {
                    case 200: try file.truncate(to: ByteCount(0))
                    case 206 where start > 0 && Self.continues(head, at: start, of: blob.length): return
                    case 206, 416:
                        // A range that we did not ask for, or none where we know there is one.
                        try file.truncate(to: ByteCount(0))
                        throw DistributionError(
                            code: "unavailable",
                            summary:
                                "\(RepositoryLayout.url(address.baseURL, path)) does not go on at byte \(start) of "
                                + "\(blob.length.value).",
                            remedy: "It is fetched from the start.")
                    default: throw address.error(head.status, path)
                    }
                },
                receive: { piece in
                    tally.add(piece.count)
                    guard try file.size().value + Int64(piece.count) <= blob.length.value else {
                        throw Self.tooLong(RepositoryLayout.url(address.baseURL, path), blob)
                    }
                    try file.write(piece)
                    let length = try file.size().value
                    reached(length)
                    counter.current(length, of: blob)
                })
        } catch let error as EffectsError where error.code == "effects.file.noSpace" {
            // What could not be finished must not keep the disk full.
            try store.discardPartial(blob)
            throw error
        } catch  where Self.isTooLong(error) && address.doubt(path) {
            try file.truncate(to: ByteCount(0))
            throw DistributionError(
                code: "unavailable",
                summary: "One place of \(path) sends more than the signed \(blob.length.value) bytes.",
                remedy: "It is fetched from another place.")
        }
        guard try file.size() == blob.length else {
            _ = address.doubt(path)
            throw DistributionError(
                code: "unavailable",
                summary: "\(RepositoryLayout.url(address.baseURL, path)) sent \(try file.size().value) bytes of "
                    + "\(blob.length.value).", remedy: "It is tried again; if it stays so, publish the release again.")
        }
    }

    /// `Content-Range: bytes 5-9/10`. RFC 9110 14.4.
    private static func continues(_ head: HTTPHead, at start: Int64, of length: ByteCount) -> Bool {
        head["Content-Range"] == "bytes \(start)-\(length.value - 1)/\(length.value)"
    }

    private static func isTooLong(_ error: any Error) -> Bool {
        ["distribution.blob.tooLong", "effects.http.bodyTooLarge"].contains(ReportedError(error).code)
    }

    private static func tooLong(_ url: String, _ blob: BlobReference) -> DistributionError {
        DistributionError(
            code: "blob.tooLong", summary: "\(url) sends more than the signed \(blob.length.value) bytes.",
            remedy: "Nothing was installed. The server's copy is wrong: publish the release again.")
    }

    /// A minute, and 64 KiB/s at least.
    static func timeout(for length: ByteCount) -> TimeSpan { .seconds(60 + length.value >> 16) }
}
