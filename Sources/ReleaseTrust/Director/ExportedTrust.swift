import ReleaseDefinition

/// The proof that travels with an exported package: every root, targets, the product's role and the director's word.
///
/// For it the validity that the director stated stands in for the expiry of the role and for the freshness of snapshot
/// and timestamp, which are not there. Signatures and thresholds are never waived, nor the expiry of root and targets.
/// Source: trust.md "What must hold" 7.
public struct ExportedTrust: Sendable {
    public static let targetsName = "targets.json"
    public static let roleName = "role.json"
    public static let assignmentName = "assignment.json"

    /// By version.
    private var roots: [Int64: [UInt8]] = [:]
    private let targets: [UInt8]
    private let role: [UInt8]
    /// The director's word: a DSSE envelope.
    public let assignment: JSONValue

    public static func rootName(_ version: Int64) -> String { "\(version).root.json" }

    /// - Parameter files: by their names in the package's `trust/`.
    /// - Throws: `trust.export.missing`, `trust.export.form`.
    public init(files: [String: [UInt8]]) throws(TrustError) {
        func file(_ name: String) throws(TrustError) -> [UInt8] {
            guard let bytes = files[name] else {
                throw .export(
                    "missing", "trust/\(name) is not in the package",
                    remedy: "Export it with slipway release export; a package as built proves nothing by itself.")
            }
            return bytes
        }
        targets = try file(Self.targetsName)
        role = try file(Self.roleName)
        do { assignment = try JSONValue(parsing: try file(Self.assignmentName)) } catch let error as DefinitionError {
            throw .export("form", "its assignment is no JSON", remedy: error.remedy)
        } catch {
            throw .export("missing", "it holds no assignment", remedy: "Export it with slipway release export.")
        }
        for (name, bytes) in files {
            guard let dot = name.firstIndex(of: "."), let version = Int64(name[..<dot]),
                name.utf8.elementsEqual(Self.rootName(version).utf8)
            else { continue }
            roots[version] = bytes
        }
    }

    /// What an export authorises on one host, and what the host keeps of it.
    public struct Authorisation: Sendable {
        public let release: AuthorisedRelease
        /// Newer metadata of root, targets and role, verified: guards against older exports later.
        public let changes: [StoreChange]
    }

    /// - Parameters:
    ///   - stored: the host's own trusted files; its root is where trust begins.
    ///   - revoked: what the host knows to be revoked, besides what the director's word names.
    /// - Throws: as `TrustedMetadata.authorise`; `trust.export.role`.
    public func authorise(
        stored: [String: [UInt8]], host: HostID, environment: EnvironmentName, revoked: Set<SHA256Digest> = [],
        at now: UTCInstant
    ) throws(TrustError) -> Authorisation {
        var held = try MetadataRefresh(stored: stored, at: now).trusted
        let storedRoot = held.rootVersion
        if let same = roots[storedRoot], let own = stored["root.json"], same != own {
            throw .export(
                "otherController",
                "its root \(storedRoot) is \(SHA256Digest(of: same).short)…, this host believes "
                    + "\(SHA256Digest(of: own).short)…: it was exported by another controller than the host joined",
                remedy: "Nothing was installed. Export it with the controller that this host has joined.")
        }
        var changes: [StoreChange] = []
        var newest: [UInt8]?
        while let next = roots[held.rootVersion + 1] {
            if try held.updateRoot(next) {
                changes = [.remove(name: "timestamp.json"), .remove(name: "snapshot.json")]
            }
            newest = next
        }
        try held.requireUnexpiredRoot()
        if held.rootVersion > storedRoot, let newest { changes.append(.write(name: "root.json", bytes: newest)) }

        // A world of its own, so that what the export says and what the host holds are judged apart.
        var exported = held.withoutTargets()
        try exported.adoptExported(targets, role: TargetsMetadata.name, parent: RootMetadata.name)
        try exported.requireUnexpired(TargetsMetadata.name)
        let verified = try exported.verify(assignment: assignment, for: host, environment: environment, at: now)
        let word = verified.assignment
        let roleName = word.place.role(of: word.release.product)
        try exported.requireFirstToCover(word.targetPath, role: roleName)
        try exported.adoptExported(role, role: roleName, parent: TargetsMetadata.name)
        let release = try exported.authoriseExported(verified, role: roleName, revoked: revoked, at: now)

        // A newer role on the host may have taken the release back since the export was made.
        if let bytes = stored[MetadataFile.storedName(role: roleName)],
            (try? held.adoptExported(bytes, role: roleName, parent: TargetsMetadata.name)) != nil,
            let own = held.version(ofRole: roleName), let other = exported.version(ofRole: roleName), own > other
        {
            _ = try held.authoriseExported(verified, role: roleName, revoked: revoked, at: now)
        }
        for (name, bytes) in [(TargetsMetadata.name, targets), (roleName, role)] {
            guard let version = exported.version(ofRole: name), version > held.version(ofRole: name) ?? 0 else {
                continue
            }
            changes.append(.write(name: MetadataFile.storedName(role: name), bytes: bytes))
        }
        return Authorisation(release: release, changes: changes)
    }
}

extension TrustedMetadata {
    /// Signed as its delegator demands; neither freshness nor expiry is asked.
    mutating func adoptExported(_ bytes: [UInt8], role: String, parent: String) throws(TrustError) {
        try adoptStored(bytes, role: role, parent: parent)
    }

    func requireUnexpired(_ role: String) throws(TrustError) {
        try held(role)?.file.requireUnexpired(at: startedAt)
    }

    /// TUF 5.6.7's walk, for the one delegation there is: the first role that covers the path speaks, and no other.
    func requireFirstToCover(_ path: String, role: String) throws(TrustError) {
        let first = topTargets?.delegations?.roles.first { $0.covers(path) }
        guard let first, first.name.utf8.elementsEqual(role.utf8) else {
            throw .export(
                "role", "\(path) is spoken for by role \(first?.name.debugDescription ?? "nobody"), not by \(role)",
                remedy: "Nothing was installed. Only the product's own role may approve it.")
        }
    }

    /// Both authorities, by an export.
    func authoriseExported(
        _ verified: VerifiedAssignment, role: String, revoked: Set<SHA256Digest>, at now: UTCInstant
    ) throws(TrustError) -> AuthorisedRelease {
        let word = verified.assignment
        guard word.order.action == .install else {
            throw .assignment(
                "action", "\(word.order) asks for no installation", remedy: "Nothing was installed. Export a release.")
        }
        guard !revoked.contains(word.manifest), !word.revoked.contains(word.manifest) else {
            throw .release(
                word, "revoked", "the director revoked its manifest \(word.manifest.short)",
                remedy: "Nothing was installed. Submit a corrected release under a new version.")
        }
        guard let content = held(role), let target = content.target(word.targetPath) else {
            try requireNotWithdrawn(word)
            throw .release(
                word, "notApproved", "role \(role) does not list \(word.targetPath)",
                remedy: "Nothing was installed. Approve the release for this environment (or promote it) first.")
        }
        return AuthorisedRelease(assignment: word, target: try judge(target, of: content, for: word, at: now))
    }
}

extension TrustError {
    static func export(_ why: String, _ what: String, remedy: String) -> TrustError {
        TrustError(code: "export.\(why)", summary: "The exported package was refused: \(what).", remedy: remedy)
    }
}
