import Effects
import ReleaseDefinition
import ReleaseDistribution
import ReleasePackaging
import ReleaseTrust

/// An exported package on this host's disk: the same verification and the same installation as from a repository, with
/// no network.
struct ExportedSource: ReleaseSource {
    /// The director's word in the package.
    let envelope: JSONValue
    private let exported: ExportedPackage
    private let contents: PackageFile.Contents
    /// The package's blobs, each checked against the manifest.
    private let blobs: BlobStore
    private let fetcher: PackageFetcher
    private let configuration: AgentConfiguration
    private let time: any TimeDoor
    private let highest: HighestTime

    init(
        _ contents: PackageFile.Contents, blobs: BlobStore, folder: AgentFolder, configuration: AgentConfiguration,
        doors: AgentDoors
    ) throws {
        let files = Dictionary(contents.trust.map { ($0.name, $0.bytes) }, uniquingKeysWith: { first, _ in first })
        let trust = try ExportedTrust(files: files)
        exported = ExportedPackage(store: try folder.trust(), trust: trust)
        envelope = trust.assignment
        self.contents = contents
        self.blobs = blobs
        self.configuration = configuration
        fetcher = PackageFetcher(
            http: doors.http, time: doors.time, address: RepositoryAddress(baseURL: configuration.repository))
        time = doors.time
        highest = HighestTime(in: folder.base, log: AgentLog.make(.error))
    }

    /// Before anything is done: what the package authorises here.
    func authorise(revoked: Set<SHA256Digest>) throws -> AuthorisedRelease {
        try exported.authorise(
            for: configuration.host, environment: configuration.environment, revoked: revoked,
            at: highest.start(time.now()))
    }

    /// The envelope is the one in the package, whatever the journal remembers of it.
    func authorise(_ envelope: JSONValue, revoked: Set<SHA256Digest>) async throws -> AuthorisedRelease {
        try authorise(revoked: revoked)
    }

    /// Where the release's units have their places on this host.
    func places(into places: inout HostPlaces) throws {
        try places.add(contents.manifest.chosen(for: .current(), in: configuration.environment)) { unit in
            try PayloadIndex(of: unit.payload, in: blobs)
        }
    }

    /// What is kept of a release beside its trees.
    func keep(in store: ReleaseStore) throws {
        _ = try store.keep(
            contents.manifest.chosen(for: .current(), in: configuration.environment), bytes: contents.manifestBytes,
            blobs: blobs)
    }

    func manifest(of release: AuthorisedRelease) async throws -> Manifest {
        try release.target.requireMatch(contents.manifestBytes)
        return contents.manifest
    }

    func fetch(
        _ unit: ManifestUnit, installed: InstalledUnit?, patches: [OfferedPatch], cheapest: FetchWay,
        into store: BlobStore
    ) async throws -> FetchedUnit {
        try await fetch([unit.payload.index, unit.payload.compressed], into: store)
        // Everything lies there: nothing is asked of the network.
        return try await fetcher.unit(unit, installed: installed, patches: [], cheapest: .whole, into: store)
    }

    func fetch(_ references: [BlobReference], into store: BlobStore) async throws {
        for blob in references where try !store.has(blob) {
            let file = try blobs.open(blob)
            let writer = try store.newBlob()
            while true {
                let piece = try file.read(upTo: 1 << 20)
                if piece.isEmpty { break }
                try writer.write(piece)
            }
            guard try writer.finish(expecting: blob) else {
                throw AgentError(
                    code: "package.damaged", summary: "The package's blob \(blob.sha256) changed on the disk.",
                    remedy: "Check the disk, and copy the package again.")
            }
        }
    }

    // Orders come from a person here, not from a stream.

    func verify(_ envelope: JSONValue) async throws -> VerifiedAssignment { throw Self.noOrders }
    func revocations(_ envelope: JSONValue) async throws -> VerifiedRevocations { throw Self.noOrders }
    func labels(_ envelope: JSONValue) async throws -> VerifiedLabels { throw Self.noOrders }
    func refresh() async throws { throw Self.noOrders }
    func assignments(of channels: [ChannelName]) async -> [ChannelName: Result<JSONValue?, any Error>] { [:] }

    private static let noOrders = AgentError(
        code: "install.orders", summary: "No orders are taken while a package is installed by hand.",
        remedy: "This is a defect of Slipway: please report it.")
}
