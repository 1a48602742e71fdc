import ReleaseDefinition

/// Writes the TUF repository: state and keys in, files and new state out. Plain TUF 1.0.34 with consistent snapshots.
public enum RepositoryWriter {
    /// The first version of root, targets, snapshot and timestamp, all keys with threshold 1 (profile solo).
    public static func create(keys: RepositoryKeys, at now: UTCInstant) throws(TrustError) -> RepositoryChange {
        throw TrustError(code: "unfinished", summary: "", remedy: "")
    }

    /// Delegates a product: one role for each environment that has none yet, and the emergency role. Nothing changes
    /// (`files` is empty) when all are there. Needs targets, approvers, emergency, snapshot and timestamp keys.
    public static func addProduct(
        _ product: ProductName, environments: [EnvironmentName], to state: RepositoryState, keys: RepositoryKeys,
        at now: UTCInstant
    ) throws(TrustError) -> RepositoryChange {
        throw TrustError(code: "unfinished", summary: "", remedy: "")
    }

    /// Lists a manifest in the role of an environment (approval; for a second environment, promotion) or in the
    /// emergency role.
    /// - Parameter notAfter: of a hot fix: no host installs it later than this.
    public static func approve(
        _ release: ReleaseName, manifest: SHA256Digest, length: ByteCount, in place: ApprovalPlace,
        notAfter: UTCInstant? = nil, to state: RepositoryState, keys: RepositoryKeys, at now: UTCInstant
    ) throws(TrustError) -> RepositoryChange {
        throw TrustError(code: "unfinished", summary: "", remedy: "")
    }

    /// Takes a manifest out of its role for good: no host installs it again, whatever the director says.
    public static func withdraw(
        _ release: ReleaseName, manifest: SHA256Digest, in place: ApprovalPlace, from state: RepositoryState,
        keys: RepositoryKeys, at now: UTCInstant
    ) throws(TrustError) -> RepositoryChange {
        throw TrustError(code: "unfinished", summary: "", remedy: "")
    }

    /// A new timestamp, and a new snapshot when it is past half its life. Needs the snapshot and timestamp keys only.
    public static func renew(_ state: RepositoryState, keys: RepositoryKeys, at now: UTCInstant) throws(TrustError)
        -> RepositoryChange
    {
        throw TrustError(code: "unfinished", summary: "", remedy: "")
    }

    /// When `renew` is due: half way to the nearest expiry of timestamp and snapshot.
    public static func renewalDueAt(_ state: RepositoryState) -> UTCInstant? { nil }
}
