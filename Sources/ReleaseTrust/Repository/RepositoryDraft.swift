import ReleaseDefinition

/// A change to the repository in the making: roles are written, then one new snapshot and timestamp name them.
struct RepositoryDraft {
    private(set) var state: RepositoryState
    let keys: RepositoryKeys
    let now: UTCInstant
    private var written: [MetadataFile] = []

    init(_ state: RepositoryState, keys: RepositoryKeys, at now: UTCInstant) {
        self.state = state
        self.keys = keys
        self.now = now.wholeSeconds
    }

    /// How long each role's metadata lives. Source: trust.md "Roles".
    enum Lifetime {
        static let root = TimeSpan.days(365)
        static let targets = TimeSpan.days(365)
        static let environmentRole = TimeSpan.days(90)
        static let emergencyRole = TimeSpan.days(365)
        static let snapshot = TimeSpan.days(7)
        static let timestamp = TimeSpan.days(1)

        static func role(_ name: String) -> TimeSpan {
            name.hasPrefix("\(ApprovalPlace.emergencyWord)-") ? emergencyRole : environmentRole
        }

        /// Of any role that people sign.
        static func of(_ name: String) -> TimeSpan {
            switch name {
            case RootMetadata.name: root
            case TargetsMetadata.name: targets
            default: role(name)
            }
        }
    }

    mutating func writeRoot(_ edit: (inout JSONValue) -> Void = { _ in }) throws(TrustError) {
        let signed = try next(state.root, lifetime: Lifetime.root, role: RootMetadata.name, edit)
        let new = try RootMetadata(parsing: Self.envelope(signed, []).canonicalBytes)
        // TUF 5.3.4: the new threshold and, but for the first version, the old one.
        var delegators = [new.keys(of: .root)]
        if new.file.version > 1 {
            delegators.append(try RootMetadata(parsing: state.root.canonicalBytes).keys(of: .root))
        }
        state.root = try Self.sign(signed, delegators, by: keys.root, role: RootMetadata.name)
        written.append(RepositoryState.file(role: RootMetadata.name, state.root))
    }

    mutating func writeTargets(_ edit: (inout JSONValue) -> Void = { _ in }) throws(TrustError) {
        let root = try RootMetadata(parsing: state.root.canonicalBytes)
        let signed = try next(state.targets, lifetime: Lifetime.targets, role: TargetsMetadata.name, edit)
        state.targets = try Self.sign(signed, [root.keys(of: .targets)], by: keys.targets, role: TargetsMetadata.name)
        written.append(RepositoryState.file(role: TargetsMetadata.name, state.targets))
    }

    /// A role that is not there yet starts at version 1.
    mutating func writeRole(_ name: String, _ edit: (inout JSONValue) -> Void = { _ in }) throws(TrustError) {
        let targets = try TargetsMetadata(parsing: state.targets.canonicalBytes, role: TargetsMetadata.name)
        guard let delegated = targets.delegations?.role(named: name) else { throw .noRole(name) }
        let old = state.roles[name] ?? Self.emptyRole
        let signed = try next(old, lifetime: Lifetime.role(name), role: name, edit)
        let signers = name.hasPrefix("\(ApprovalPlace.emergencyWord)-") ? keys.emergency : keys.approvers
        let file = try Self.sign(signed, [delegated.keys], by: signers, role: name)
        state.roles[name] = file
        written.append(RepositoryState.file(role: name, file))
    }

    /// A candidate that enough of its delegators' keys have signed.
    mutating func write(
        _ candidate: MetadataCandidate, _ signatures: [CandidateSignature], _ delegators: [RoleKeys]
    ) throws(TrustError) {
        let envelope = try Self.seal(candidate, signatures, delegators)
        state.place(envelope, role: candidate.role)
        written.append(RepositoryState.file(role: candidate.role, envelope))
    }

    /// A snapshot of what was written and a timestamp of the snapshot.
    mutating func finish(writesSnapshot: Bool = true) throws(TrustError) -> RepositoryChange {
        let root = try RootMetadata(parsing: state.root.canonicalBytes)
        if writesSnapshot {
            let roles = state.roles.merging([TargetsMetadata.name: state.targets]) { $1 }
            let signed = try next(state.snapshot, lifetime: Lifetime.snapshot, role: SnapshotMetadata.name) { signed in
                // A file once listed stays listed: TUF 5.5.5.
                var meta = signed["meta"] ?? .object([])
                for (name, file) in roles { meta.set("\(name).json", Self.reference(to: file)) }
                signed.set("meta", meta)
            }
            state.snapshot = try Self.sign(
                signed, [root.keys(of: .snapshot)], by: keys.snapshot, role: SnapshotMetadata.name)
            written.append(RepositoryState.file(role: SnapshotMetadata.name, state.snapshot))
        }
        let reference = Self.reference(to: state.snapshot)
        let signed = try next(state.timestamp, lifetime: Lifetime.timestamp, role: TimestampMetadata.name) { signed in
            signed.set("meta", .object([JSONMember("snapshot.json", reference)]))
            guard let checkpoint = state.checkpoint else { return }
            signed.set("x-slipway", .object([JSONMember("checkpoint", checkpoint.json)]))
        }
        state.timestamp = try Self.sign(
            signed, [root.keys(of: .timestamp)], by: keys.timestamp, role: TimestampMetadata.name)
        written.append(MetadataFile(name: MetadataFile.timestampName, bytes: state.timestamp.canonicalBytes))
        return RepositoryChange(state: state, files: written)
    }

    /// The next version of a role's `signed`, with a new expiry.
    private func next(
        _ envelope: JSONValue, lifetime: TimeSpan, role: String, _ edit: (inout JSONValue) -> Void
    ) throws(TrustError) -> JSONValue {
        var signed = try Self.next(envelope, lifetime: lifetime, role: role, at: now)
        edit(&signed)
        return signed
    }

    static func next(
        _ envelope: JSONValue, lifetime: TimeSpan, role: String, at now: UTCInstant
    ) throws(TrustError) -> JSONValue {
        guard var signed = envelope["signed"], let version = signed["version"]?.integerValue, version < .max else {
            throw .writer(
                "state", "the stored \(role) metadata has no version that could rise",
                remedy: "Restore the repository's state from a backup.")
        }
        signed.set("version", .integer(version + 1))
        signed.set("expires", .string((now + lifetime).description))
        return signed
    }

    // MARK: Forms

    /// A role before its first version.
    static func empty(_ type: String, _ members: [JSONMember]) -> JSONValue {
        envelope(
            .object(
                [
                    JSONMember("_type", .string(type)), JSONMember("spec_version", .string("1.0.34")),
                    JSONMember("version", .integer(0)),
                ] + members), [])
    }

    static func envelope(_ signed: JSONValue, _ signatures: [JSONValue]) -> JSONValue {
        .object([JSONMember("signatures", .array(signatures)), JSONMember("signed", signed)])
    }

    /// A product's role before its first version.
    static let emptyRole = empty(TargetsMetadata.name, [JSONMember("targets", .object([]))])

    static func table(_ keys: [PublicKey]) -> JSONValue {
        var table = JSONValue.object([])
        for key in keys { table.set(key.keyID, key.json) }
        return table
    }

    private static func reference(to envelope: JSONValue) -> JSONValue {
        let bytes = envelope.canonicalBytes
        return .object([
            JSONMember("version", envelope["signed"]?["version"] ?? .null),
            JSONMember("length", .integer(Int64(bytes.count))),
            JSONMember("hashes", .object([JSONMember("sha256", .string(SHA256Digest(of: bytes).hex))])),
        ])
    }

    /// Signs with those of the keys that the delegators name; enough of them for each.
    private static func sign(
        _ signed: JSONValue, _ delegators: [RoleKeys], by keys: [SigningKey], role: String
    ) throws(TrustError) -> JSONValue {
        let candidate = MetadataCandidate(role: role, signed: signed)
        var signatures: [CandidateSignature] = []
        for key in keys where delegators.contains(where: { $0.publicKeys.contains(key.publicKey) }) {
            signatures.append(try candidate.signature(by: key))
        }
        return try seal(candidate, signatures, delegators)
    }

    /// The envelope, with every signature that verifies and counts; each delegator's threshold must be met.
    private static func seal(
        _ candidate: MetadataCandidate, _ signatures: [CandidateSignature], _ delegators: [RoleKeys]
    ) throws(TrustError) -> JSONValue {
        let bytes = candidate.signed.canonicalBytes
        var valid: [String: JSONValue] = [:]
        for delegator in delegators {
            var signers: Set<PublicKey> = []
            for (keyID, key) in delegator.keys {
                guard let key,
                    let signature = signatures.first(where: { signature in
                        signature.role == candidate.role && signature.keyID == keyID
                            && Hexadecimal.decode(signature.signature).map { key.verify(signature: $0, over: bytes) }
                                == true
                    })
                else { continue }
                signers.insert(key)
                valid[keyID] = .object([
                    JSONMember("keyid", .string(keyID)), JSONMember("sig", .string(signature.signature)),
                ])
            }
            guard signers.count >= delegator.threshold else {
                throw .writer(
                    "keys",
                    "\(signers.count) of the keys for \(candidate.role) have signed, \(delegator.threshold) must sign",
                    remedy: "Sign with the private keys of \(candidate.role) (`slipway keys status` names them).")
            }
        }
        return envelope(candidate.signed, valid.sorted { $0.key < $1.key }.map(\.value))
    }
}

extension JSONValue {
    /// Replaces the member of that name, or adds it; any other kind of value becomes an object.
    mutating func set(_ name: String, _ value: JSONValue) {
        var members = objectValue ?? []
        if let position = members.firstIndex(where: { $0.name.utf8.elementsEqual(name.utf8) }) {
            members[position].value = value
        } else {
            members.append(JSONMember(name, value))
        }
        self = .object(members)
    }

    mutating func removeMember(_ name: String) {
        self = .object((objectValue ?? []).filter { !$0.name.utf8.elementsEqual(name.utf8) })
    }
}

extension TrustError {
    static func writer(_ why: String, _ what: String, remedy: String) -> TrustError {
        TrustError(code: "writer.\(why)", summary: "The repository was not changed: \(what).", remedy: remedy)
    }

    static func noRole(_ name: String) -> TrustError {
        .writer("noRole", "there is no role \(name)", remedy: "Add the product, with this environment, first.")
    }
}
