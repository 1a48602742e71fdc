import Effects
import ReleaseDefinition
import ReleaseDistribution
import ReleasePackaging
import ReleaseTrust

/// Where approved releases come from: verified metadata, manifests and blobs of the repository that this host follows.
/// One path for push, pull and by hand.
protocol ReleaseSource: Sendable {
    /// The director's word, checked; metadata is refreshed where that is needed to check it.
    /// - Throws: `trust.…`; `trust.assignment.audience` where another host is meant.
    func verify(_ envelope: JSONValue) async throws -> VerifiedAssignment

    /// What an assignment revokes, whether or not this host is addressed.
    func revocations(_ envelope: JSONValue) async throws -> VerifiedRevocations

    /// What the director calls this host by, checked as its orders are.
    /// - Throws: `trust.…`.
    func labels(_ envelope: JSONValue) async throws -> VerifiedLabels

    /// Both authorities name the same manifest: refreshes the metadata and looks the release up.
    func authorise(_ envelope: JSONValue, revoked: Set<SHA256Digest>) async throws -> AuthorisedRelease

    /// The manifest that was authorised, compared with its signed digest.
    func manifest(of release: AuthorisedRelease) async throws -> Manifest

    /// Fetches what a unit's tree needs, in the cheapest way from `cheapest` on.
    func fetch(
        _ unit: ManifestUnit, installed: InstalledUnit?, patches: [OfferedPatch], cheapest: FetchWay,
        into store: BlobStore
    ) async throws -> FetchedUnit

    /// Makes every blob present and whole in the store.
    func fetch(_ blobs: [BlobReference], into store: BlobStore) async throws

    /// Brings the metadata up to date, whether or not an order needs it.
    func refresh() async throws

    /// The current assignment of each channel, or why it could not be read; nil where the channel says nothing.
    func assignments(of channels: [ChannelName]) async -> [ChannelName: Result<JSONValue?, any Error>]
}
