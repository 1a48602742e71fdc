import Effects
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

    init(folder: AgentFolder, configuration: AgentConfiguration, doors: AgentDoors) throws {
        let address = RepositoryAddress(baseURL: configuration.repository)
        metadata = MetadataClient(store: try folder.trust(), http: doors.http, time: doors.time, address: address)
        fetcher = PackageFetcher(http: doors.http, time: doors.time, address: address)
        self.configuration = configuration
        time = doors.time
    }

    func verify(_ envelope: JSONValue) async throws -> VerifiedAssignment {
        try await withFreshMetadata {
            try await metadata.verify(
                envelope, for: configuration.host, environment: configuration.environment, at: time.now())
        }
    }

    func revocations(_ envelope: JSONValue) async throws -> VerifiedRevocations {
        try await withFreshMetadata {
            try await metadata.verifyRevocations(envelope, environment: configuration.environment, at: time.now())
        }
    }

    func authorise(_ envelope: JSONValue, revoked: Set<SHA256Digest>) async throws -> AuthorisedRelease {
        try await metadata.authorise(
            envelope, for: configuration.host, environment: configuration.environment, revoked: revoked, at: time.now())
    }

    func manifest(of release: AuthorisedRelease) async throws -> Manifest { try await fetcher.manifest(for: release) }

    func fetch(_ blobs: [BlobReference], into store: BlobStore) async throws {
        try await fetcher.blobs(blobs, into: store)
    }

    func assignment(of channel: ChannelName) async throws -> JSONValue? {
        try await metadata.fetchAssignment(channel: channel)
    }

    /// What is stored is enough to check the director's word, with no network; if it is not (a first contact, a changed
    /// director key), the metadata is refreshed once. The error of the check stands where that fails too.
    private func withFreshMetadata<Value>(_ check: () async throws -> Value) async throws -> Value {
        do { return try await check() } catch let error as TrustError {
            // The signatures were good: no newer metadata changes whom or when it means.
            let isAbout = ["notAddressed", "expired", "environment", "replayed", "early"]
                .contains { error.code == "trust.assignment." + $0 }
            guard !isAbout else { throw error }
            do { try await metadata.refresh(at: time.now()) } catch let refreshError {
                // With nothing stored yet the check could not even begin.
                throw error.code == "trust.order" ? refreshError : error
            }
            return try await check()
        }
    }
}
