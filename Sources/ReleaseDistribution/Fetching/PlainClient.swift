import Effects
import ReleaseDefinition
import ReleaseTrust

/// A TUF client for any repository, without what is Slipway's own: no director, no pinned environment. TUF 5.1 to 5.7.
///
/// Each file is asked for once, in the order of the specification, and nothing else is. The folder holds the exact bytes
/// that are trusted: `root.json`, `timestamp.json`, `snapshot.json`, `targets.json` and `<role>.json` for each delegated
/// role, its name percent-encoded whole.
public struct PlainClient: Sendable {
    private let update: MetadataUpdate
    private let targetsURL: String?
    private static let noTargets = DistributionError(
        code: "targets.address", summary: "No address of targets was given.",
        remedy: "Say where the targets are: --target-base-url URL.")

    /// - Parameter metadata: a folder that `start` has filled.
    /// - Parameter timeout: for one file; a long target gets more, by its signed length.
    public init(
        metadata: Directory, http: any HTTPDoor, time: any TimeDoor, metadataURL: String, targetsURL: String? = nil,
        timeout: TimeSpan = .seconds(60)
    ) {
        update = MetadataUpdate(
            store: MetadataStore(directory: metadata), http: http, time: time,
            address: RepositoryAddress(metadataURL: metadataURL, targetsURL: targetsURL ?? metadataURL),
            algorithms: .all, retry: .none, timeout: timeout)
        self.targetsURL = targetsURL
    }

    /// Pins the root that the user got by a way that he trusts; no request is made.
    /// - Throws: `trust.root.…`: it is no root signed by its own keys.
    public static func start(root: [UInt8], in metadata: Directory, at now: UTCInstant) throws {
        _ = try TrustedMetadata(root: root, at: now, accepting: .all)
        try MetadataStore(directory: metadata).pin(root)
    }

    /// Brings the four top roles up to date.
    public func refresh(at now: UTCInstant) async throws {
        let lock = try await update.lock()
        defer { lock.release() }
        var (refresh, _) = try update.open(at: now)
        try await update.run(&refresh)
    }

    /// Refreshes once, then fetches the targets in this order; the first that fails ends it.
    /// - Returns: the names of the files, one for each target.
    /// - Throws: `distribution.target.unknown` for a path that no trusted role lists; `trust.…`; errors of transport.
    public func download(_ paths: [String], into directory: Directory, at now: UTCInstant) async throws -> [String] {
        guard targetsURL != nil else { throw Self.noTargets }
        let fetcher = TargetFetcher(
            http: update.http, address: update.address, directory: directory, timeout: update.timeout)
        let lock = try await update.lock()
        defer { lock.release() }
        var (refresh, _) = try update.open(at: now)
        try await update.run(&refresh)
        var names: [String] = []
        for path in paths {
            refresh.want(target: path)
            try await update.run(&refresh)
            guard let target = try refresh.trusted.target(path) else {
                throw DistributionError(
                    code: "target.unknown", summary: "No trusted role lists the target \(path.debugDescription).",
                    remedy: "Check the path; if it is right, ask the repository's owner to publish it.")
            }
            let consistent = refresh.trusted.usesConsistentSnapshots
            names.append(try await fetcher.fetch(target, consistentSnapshot: consistent))
        }
        return names
    }
}
