import Effects
import ReleaseDefinition
import ReleaseTrust

/// A host's store and the proof in an exported package: no network.
public struct ExportedPackage: Sendable {
    private let store: MetadataStore
    private let trust: ExportedTrust

    public init(store: Directory, trust: ExportedTrust) {
        self.store = MetadataStore(directory: store)
        self.trust = trust
    }

    /// Judges the export by what this host trusts, and keeps what is newer in it.
    /// - Throws: `trust.…`; the store is then as it was.
    public func authorise(
        for host: HostID, environment: EnvironmentName, revoked: Set<SHA256Digest>, at now: UTCInstant
    ) throws -> AuthorisedRelease {
        let authorised = try trust.authorise(
            stored: try store.load().files, host: host, environment: environment, revoked: revoked, at: now)
        for change in authorised.changes { try store.apply(change) }
        return authorised.release
    }
}
