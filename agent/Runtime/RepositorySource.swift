import Effects
import Logging
import ReleaseDefinition
import ReleaseDistribution
import ReleasePackaging
import ReleaseTrust

/// The repository that this host follows, over HTTP, through its own trusted store.
struct RepositorySource: ReleaseSource {
    private let metadata: MetadataClient
    private let fetcher: PackageFetcher
    private let configuration: AgentConfiguration
    private let time: any TimeDoor
    private let cacheAge: TimeSpan
    private let highest: HighestTime
    private let downloads: LimitedHTTP
    private let folder: Directory
    private let log: Logger

    init(
        folder: AgentFolder, configuration: AgentConfiguration, doors: AgentDoors,
        log: Logger = Logger(label: "slipway-agent")
    ) throws {
        downloads = LimitedHTTP(doors.repository ?? doors.http, limit: configuration.bandwidth, time: doors.time)
        let mirrors = Mirrors(configuration.repository, mirrors: configuration.mirrors ?? [], time: doors.time)
        let http = MirroredHTTP(downloads, mirrors)
        let address = RepositoryAddress(baseURL: configuration.repository, mirrors: mirrors)
        metadata = MetadataClient(store: try folder.trust(), http: http, time: doors.time, address: address)
        fetcher = PackageFetcher(http: http, time: doors.time, address: address)
        self.configuration = configuration
        time = doors.time
        cacheAge = doors.cacheAge
        highest = HighestTime(in: folder.base, log: log)
        self.folder = folder.base
        self.log = log
    }

    /// An update that began at this time went well.
    private func accept(_ start: UTCInstant) async {
        highest.accept(start)
        LogWitness.see(await metadata.logCheckpoint, in: folder, log: log)
    }

    func verify(_ envelope: JSONValue) async throws -> VerifiedAssignment {
        try await withFreshMetadata { now in
            try await metadata.verify(
                envelope, for: configuration.host, environment: configuration.environment, at: now)
        }
    }

    func revocations(_ envelope: JSONValue) async throws -> VerifiedRevocations {
        try await withFreshMetadata { now in
            try await metadata.verifyRevocations(envelope, environment: configuration.environment, at: now)
        }
    }

    func labels(_ envelope: JSONValue) async throws -> VerifiedLabels {
        try await withFreshMetadata { now in
            try await metadata.verifyLabels(
                envelope, for: configuration.host, environment: configuration.environment, at: now)
        }
    }

    func authorise(_ envelope: JSONValue, revoked: Set<SHA256Digest>) async throws -> AuthorisedRelease {
        let now = highest.start(time.now())
        let begun = time.monotonic()
        let release = try await RetryPolicy.order.run(
            time, mayPass: { Self.mayBeLate($0) && time.monotonic() < begun + cacheAge }
        ) {
            try await metadata.authorise(
                envelope, for: configuration.host, environment: configuration.environment, revoked: revoked, at: now)
        }
        await accept(now)
        downloads.limit(order: release.assignment.bandwidth)
        return release
    }

    /// Caches on the way may hold a newer word of the director's beside an older timestamp: what is not listed yet may be in a
    /// moment, and an order that has ended never comes again.
    private static func mayBeLate(_ error: any Error) -> Bool {
        (error as? TrustError)?.code == "trust.release.notApproved"
    }

    func manifest(of release: AuthorisedRelease) async throws -> Manifest { try await fetcher.manifest(for: release) }

    func fetch(
        _ unit: ManifestUnit, installed: InstalledUnit?, patches: [OfferedPatch], cheapest: FetchWay,
        into store: BlobStore
    ) async throws -> FetchedUnit {
        try await fetcher.unit(unit, installed: installed, patches: patches, cheapest: cheapest, into: store)
    }

    func fetch(_ blobs: [BlobReference], into store: BlobStore) async throws {
        try await fetcher.blobs(blobs, into: store)
    }

    func refresh() async throws {
        let now = highest.start(time.now())
        try await metadata.refresh(at: now)
        await accept(now)
    }

    func assignments(of channels: [ChannelName]) async -> [ChannelName: Result<JSONValue?, any Error>] {
        await metadata.fetchAssignments(of: channels)
    }

    /// What is stored is enough to check the director's word, with no network; if it is not (a first contact, a changed
    /// director key), the metadata is refreshed once. The error of the check stands where that fails too.
    /// One start time for all of it.
    private func withFreshMetadata<Value>(_ check: (UTCInstant) async throws -> Value) async throws -> Value {
        let now = highest.start(time.now())
        do { return try await check(now) } catch let error as TrustError {
            // The signatures were good: no newer metadata changes whom or when it means.
            let isAbout = ["notAddressed", "expired", "environment", "replayed", "early"]
                .contains { error.code == "trust.assignment." + $0 }
            guard !isAbout else { throw error }
            do {
                try await metadata.refresh(at: now)
                await accept(now)
            } catch let refreshError {
                // With nothing stored yet the check could not even begin.
                throw error.code == "trust.order" ? refreshError : error
            }
            return try await check(now)
        }
    }
}
