import ReleaseDefinition

/// The client workflow of TUF 5 as a machine without I/O: it says which file it needs, is given its bytes, and says
/// what to store.
///
///     var refresh = try MetadataRefresh(stored: files, at: now, targets: [path])
///     while let request = refresh.nextRequest {
///         switch fetch(request) {
///         case bytes: for change in try refresh.receive(bytes) { store.apply(change) }
///         case notFound where request.mayBeAbsent: try refresh.receiveAbsent()
///         }
///     }
///     let trusted = refresh.trusted
///
/// After a throw the update is over: `trusted` is what was accepted before, the store too, and the next refresh starts
/// anew.
public struct MetadataRefresh: Sendable {
    public private(set) var trusted: TrustedMetadata
    private var stored: [String: [UInt8]]
    private var step: Step
    private var wanted: [String]
    /// Names of stored files that are no metadata at all; the shell may put them aside.
    public private(set) var damaged: [String] = []

    private enum Step: Sendable {
        case root(taken: Int)
        case timestamp
        case snapshot
        case targets
        case delegated(role: String, parent: String)
        case finished
    }

    /// Takes what this host stored. No request is made yet: `trusted` already holds the stored files that are genuine.
    /// - Parameter stored: every file of the store by its name; `root.json` is there from enrolment on. Other files
    ///   that are damaged count as absent.
    /// - Parameter targets: paths to look up; more by `want(target:)`.
    /// - Throws: `trust.root.…`, when the stored root is absent or damaged.
    public init(
        stored: [String: [UInt8]], at now: UTCInstant, targets: [String] = [],
        accepting algorithms: Set<KeyAlgorithm> = .ours
    ) throws(TrustError) {
        guard let root = stored[MetadataFile.storedName(role: RootMetadata.name)] else {
            throw .refused(
                RootMetadata.name, "missing", "this host has no stored root",
                remedy: "Enrol the host again: nothing can be trusted without the first root.")
        }
        trusted = try TrustedMetadata(root: root, at: now, accepting: algorithms)
        self.stored = stored
        wanted = targets
        step = .root(taken: 0)
        adoptStoredTopRoles()
    }

    /// The next update from the same files: what was verified stays so, only the time is another.
    /// - Returns: nil when the files are not those that this update left behind.
    public func again(at now: UTCInstant, stored files: [String: [UInt8]]) -> MetadataRefresh? {
        guard files == stored else { return nil }
        var next = self
        next.trusted = trusted.restarted(at: now)
        next.step = .root(taken: 0)
        next.wanted = []
        next.damaged = []
        return next
    }

    private mutating func remember(_ changes: [StoreChange]) -> [StoreChange] {
        for change in changes {
            switch change {
            case .write(let name, let bytes): stored[name] = bytes
            case .remove(let name): stored[name] = nil
            }
        }
        return changes
    }

    /// A damaged or foreign file must not stop a host from healing by the network: it counts as absent.
    private mutating func adoptStoredTopRoles() {
        adopt(TimestampMetadata.name) { trusted, bytes throws(TrustError) in try trusted.adoptStored(timestamp: bytes) }
        adopt(SnapshotMetadata.name) { trusted, bytes throws(TrustError) in try trusted.adoptStored(snapshot: bytes) }
        adopt(TargetsMetadata.name) { trusted, bytes throws(TrustError) in
            try trusted.adoptStored(bytes, role: TargetsMetadata.name, parent: RootMetadata.name)
        }
    }

    private mutating func adopt(
        _ role: String, _ take: (inout TrustedMetadata, [UInt8]) throws(TrustError) -> Void
    ) {
        let name = MetadataFile.storedName(role: role)
        guard let bytes = stored[name] else { return }
        do { try take(&trusted, bytes) } catch {
            if error.code.hasSuffix(".form") { damaged.append(name) }
        }
    }

    /// The next file to fetch; nil when all that is wanted is known.
    public var nextRequest: MetadataRequest? {
        switch step {
        case .root: request(RootMetadata.name, trusted.rootVersion + 1, nil, TrustLimits.rootSizeMax, mayBeAbsent: true)
        case .timestamp: request(TimestampMetadata.name, nil, nil, TrustLimits.timestampSizeMax)
        case .snapshot: request(SnapshotMetadata.name, trusted.timestamp?.snapshot, TrustLimits.snapshotSizeMax)
        case .targets: targetsRequest(TargetsMetadata.name)
        case .delegated(let role, _): targetsRequest(role)
        case .finished: nil
        }
    }

    private func targetsRequest(_ role: String) -> MetadataRequest {
        request(role, trusted.snapshot?.reference(role: role), TrustLimits.targetsSizeMax)
    }

    private func request(_ role: String, _ reference: FileReference?, _ sizeMax: ByteCount) -> MetadataRequest {
        request(
            role, trusted.root.consistentSnapshot ? reference?.version : nil, reference?.length.map { ByteCount($0) },
            sizeMax)
    }

    private func request(
        _ role: String, _ version: Int64?, _ length: ByteCount?, _ sizeMax: ByteCount, mayBeAbsent: Bool = false
    ) -> MetadataRequest {
        MetadataRequest(
            role: role,
            fileName: version.map { MetadataFile.name(role: role, version: $0) } ?? MetadataFile.storedName(role: role),
            lengthMax: min(length ?? sizeMax, sizeMax), mayBeAbsent: mayBeAbsent)
    }

    /// Judges the file that was asked for.
    /// - Returns: what to store, in this order.
    /// - Throws: `trust.…`: the file is refused, nothing was accepted and nothing is to be stored.
    public mutating func receive(_ bytes: [UInt8]) throws(TrustError) -> [StoreChange] {
        remember(try judge(bytes))
    }

    private mutating func judge(_ bytes: [UInt8]) throws(TrustError) -> [StoreChange] {
        switch step {
        case .root(let taken): return try receiveRoot(bytes, taken: taken)
        case .timestamp:
            let freshness = try trusted.updateTimestamp(bytes)
            goOn()
            return freshness == .new ? [write(TimestampMetadata.name, bytes)] : []
        case .snapshot:
            try trusted.updateSnapshot(bytes)
            goOn()
            return [write(SnapshotMetadata.name, bytes)]
        case .targets:
            try trusted.updateTargets(bytes)
            goOn()
            return [write(TargetsMetadata.name, bytes)]
        case .delegated(let role, let parent):
            try trusted.updateDelegated(bytes, role: role, parent: parent)
            goOn()
            return [write(role, bytes)]
        case .finished: return []
        }
    }

    private mutating func receiveRoot(_ bytes: [UInt8], taken: Int) throws(TrustError) -> [StoreChange] {
        let removesOnline = try trusted.updateRoot(bytes)
        step = taken + 1 < TrustLimits.rootStepsMax ? .root(taken: taken + 1) : .timestamp
        let changes = [write(RootMetadata.name, bytes)]
        // Removed first: a kill in between leaves no way for the old files to be trusted under the new root.
        return removesOnline
            ? [.remove(name: "timestamp.json"), .remove(name: "snapshot.json")] + changes : changes
    }

    /// The server has no root after the one that is held: the walk ends, and the last root must not have expired.
    /// - Throws: `trust.root.expired` (TUF 5.3.10); `trust.order` for any other file, whose absence is no answer.
    public mutating func receiveAbsent() throws(TrustError) {
        guard case .root = step else {
            throw TrustedMetadata.outOfOrder(
                "Only the next root may be absent, not \(nextRequest?.fileName ?? "a file")")
        }
        try trusted.requireUnexpiredRoot()
        step = .timestamp
    }

    /// Looks up one more target: `nextRequest` may ask for the roles on its way.
    public mutating func want(target path: String) {
        wanted.append(path)
        if case .finished = step { goOn() }
    }

    /// What is missing next, from snapshot down. A file that is held but expired is asked for again, so that its refusal
    /// is heard.
    private mutating func goOn() {
        guard let snapshot = try? trusted.requireCurrentSnapshot() else { return step = .snapshot }
        guard let top = trusted.topTargets, trusted.isCurrent(top, in: snapshot),
            top.file.expiresAt > trusted.startedAt
        else { return step = .targets }
        while let path = wanted.last {
            // A look-up that cannot succeed says why when the target is authorised.
            if case .needs(let role, let parent)? = try? trusted.lookUp(path) {
                if adoptStoredRole(role, parent: parent, snapshot: snapshot) { continue }
                return step = .delegated(role: role, parent: parent)
            }
            wanted.removeLast()
        }
        step = .finished
    }

    /// Whether the stored file of the role is the one that the snapshot names, so that it need not be fetched.
    private mutating func adoptStoredRole(_ role: String, parent: String, snapshot: SnapshotMetadata) -> Bool {
        guard let bytes = stored[MetadataFile.storedName(role: role)],
            snapshot.reference(role: role)?.matches(bytes) == true,
            (try? trusted.adoptStored(bytes, role: role, parent: parent)) != nil
        else { return false }
        return trusted.held(role).map { trusted.isCurrent($0, in: snapshot) } ?? false
    }

    private func write(_ role: String, _ bytes: [UInt8]) -> StoreChange {
        .write(name: MetadataFile.storedName(role: role), bytes: bytes)
    }
}
