import Effects
import ReleaseDefinition
import ReleaseTrust

/// The I/O around the trust core: asks the repository for what `MetadataRefresh` wants, keeps what it accepted.
///
/// The store is a folder of this host's own, with the root that it was enrolled with (`pin`). One client per store.
/// Errors of trust (`trust.…`) mean that something was refused; the store then holds what was accepted before.
public actor MetadataClient {
    let update: MetadataUpdate
    var heard: [ChannelName: HeardWord] = [:]
    var heardSet = HeardSet()
    /// The last update that went well: while the store holds the same bytes, nothing is parsed or verified anew.
    private var last: MetadataRefresh?
    /// Files of the store that were found damaged since the start; each was moved aside as `NAME.damaged`.
    public private(set) var quarantined: [String] = []

    public init(store: Directory, http: any HTTPDoor, time: any TimeDoor, address: RepositoryAddress) {
        update = MetadataUpdate(
            store: MetadataStore(directory: store), http: http, time: time, address: address,
            lastTimestamp: LastTimestamp())
    }

    /// At enrolment, once: writes the first root into the store. The caller has compared its digest.
    public static func pin(root: [UInt8], in store: Directory) throws { try MetadataStore(directory: store).pin(root) }

    /// Of the controller's log, as the last update that went well found it.
    public var logCheckpoint: LogCheckpoint? { last?.trusted.logCheckpoint }

    // MARK: Without the network

    /// The director's word by what this host has stored: enough to back out, also with expired metadata.
    /// - Throws: `trust.…`, as `TrustedMetadata.verify`.
    public func verify(
        _ envelope: JSONValue, for host: HostID, environment: EnvironmentName, highestCounter: Int64 = 0,
        at now: UTCInstant
    ) throws -> VerifiedAssignment {
        do {
            return try open(at: now).trusted.verify(
                assignment: envelope, for: host, environment: environment, highestCounter: highestCounter, at: now)
        } catch {
            forget(envelope, error)
            throw error
        }
    }

    /// What an assignment revokes, whether this host is addressed or not.
    public func verifyRevocations(
        _ envelope: JSONValue, environment: EnvironmentName, at now: UTCInstant
    ) throws -> VerifiedRevocations {
        do {
            return try open(at: now).trusted.verifyRevocations(
                assignment: envelope, environment: environment, at: now)
        } catch {
            forget(envelope, error)
            throw error
        }
    }

    /// What the director calls this host by; with what is stored, as it comes on no channel.
    public func verifyLabels(
        _ envelope: JSONValue, for host: HostID, environment: EnvironmentName, at now: UTCInstant
    ) throws -> VerifiedLabels {
        try open(at: now).trusted.verify(labels: envelope, for: host, environment: environment)
    }

    /// A word that was refused is not the one to compare with: its channel is asked without a condition next time.
    private func forget(_ refused: JSONValue, _ error: any Error) {
        // The director's own word, for others or for later.
        let isGenuine = ["notAddressed", "early"].contains { (error as? TrustError)?.code == "trust.assignment." + $0 }
        if !isGenuine { heard = heard.filter { $0.value.envelope != refused } }
    }

    // MARK: With the network

    /// Brings root, timestamp, snapshot, targets and the roles on the way to the wanted targets up to date.
    @discardableResult
    public func refresh(at now: UTCInstant, targets: [String] = []) async throws -> TrustedMetadata {
        let lock = try await update.lock()
        defer { lock.release() }
        var refresh = try open(at: now)
        for target in targets.reversed() { refresh.want(target: target) }
        try await update.run(&refresh)
        last = refresh
        return refresh.trusted
    }

    /// Both authorities: refreshes, checks the director's word, looks its target up in the approvers' role.
    /// - Throws: `trust.…` when one of them does not say so, `distribution.…`, `effects.…`.
    public func authorise(
        _ envelope: JSONValue, for host: HostID, environment: EnvironmentName, highestCounter: Int64 = 0,
        revoked: Set<SHA256Digest> = [], at now: UTCInstant
    ) async throws -> AuthorisedRelease {
        do {
            return try await authoriseOnce(
                envelope, for: host, environment: environment, highestCounter: highestCounter, revoked: revoked, at: now
            )
        } catch {
            forget(envelope, error)
            throw error
        }
    }

    private func authoriseOnce(
        _ envelope: JSONValue, for host: HostID, environment: EnvironmentName, highestCounter: Int64,
        revoked: Set<SHA256Digest>, at now: UTCInstant
    ) async throws -> AuthorisedRelease {
        let lock = try await update.lock()
        defer { lock.release() }
        var refresh = try open(at: now)
        try await update.run(&refresh)
        let verified = try refresh.trusted.verify(
            assignment: envelope, for: host, environment: environment, highestCounter: highestCounter, at: now)
        refresh.want(target: verified.assignment.targetPath)
        try await update.run(&refresh)
        last = refresh
        return try refresh.trusted.authorise(verified, revoked: revoked, at: now)
    }

    private func open(at now: UTCInstant) throws -> MetadataRefresh {
        let (refresh, damaged) = try update.open(at: now, after: last)
        quarantined += damaged
        last = refresh
        return refresh
    }
}
