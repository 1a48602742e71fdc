import ReleaseDefinition

/// What a candidate changes against the last version that the reader trusts, in plain words: what an approver sees
/// before signing. Computed from bytes that the reader verified, never from what the controller says.
public struct CandidateReview: Sendable, Equatable {
    /// A release that the candidate lets hosts install.
    public struct AddedRelease: Sendable, Equatable {
        public var place: ApprovalPlace
        public var release: ReleaseName
        public var manifest: SHA256Digest
        public var length: ByteCount
        public var notAfter: String?
    }

    public var role: String
    /// nil: the reader holds none.
    public var from: Int64?
    public var to: Int64
    public var expires: String
    /// The one release that was asked for.
    public var wanted: AddedRelease?
    /// Everything else: another release, a withdrawal, a floor, keys, thresholds, paths, members that nobody knows.
    public var beyond: [String]

    /// Nothing changes but version and expiry.
    public var isRenewal: Bool { wanted == nil && beyond.isEmpty }
}

extension TrustedMetadata {
    /// - Parameter wanted: what the approver was asked to sign; any other addition stands in `beyond`.
    /// - Throws: `trust.candidate.form`, when the candidate is no metadata of its role.
    public func review(
        _ candidate: MetadataCandidate, wanted: (place: ApprovalPlace, release: ReleaseName)? = nil
    ) throws(TrustError) -> CandidateReview {
        let held = signed(ofRole: candidate.role)
        let names = RepositoryState.holderNames(
            root: signed(ofRole: RootMetadata.name), targets: signed(ofRole: TargetsMetadata.name))
        let bytes = RepositoryDraft.envelope(candidate.signed, []).canonicalBytes
        if candidate.role == RootMetadata.name {
            _ = try RootMetadata(parsing: bytes)
        } else {
            _ = try TargetsMetadata(parsing: bytes, role: candidate.role)
        }
        var difference = MetadataDifference(
            old: held ?? .object([]), new: candidate.signed, role: candidate.role, wanted: wanted, names: names)
        difference.compare()
        return CandidateReview(
            role: candidate.role, from: held?["version"]?.integerValue, to: candidate.version,
            expires: candidate.expires, wanted: difference.found, beyond: difference.beyond)
    }

    /// The verified content of a role that was read.
    private func signed(ofRole role: String) -> JSONValue? {
        role == RootMetadata.name ? root.file.signed : held(role)?.file.signed
    }
}

/// Compares member by member; whatever it does not understand it names.
private struct MetadataDifference {
    let old: JSONValue
    let new: JSONValue
    let role: String
    let wanted: (place: ApprovalPlace, release: ReleaseName)?
    /// Old names: a candidate must not be able to call a stranger Alice.
    let names: [String: String]
    var found: CandidateReview.AddedRelease?
    var beyond: [String] = []

    mutating func compare() {
        let isFirst = old.objectValue?.isEmpty ?? true
        let held = old["version"]?.integerValue ?? 0
        let version = new["version"]?.integerValue ?? 0
        if version != held + 1 {
            beyond.append("the version goes from \(held) to \(version), not to \(held + 1)")
        }
        if isFirst, role == RootMetadata.name || role == TargetsMetadata.name {
            beyond.append("no trusted \(role) is held to compare with: all of it is new")
        }
        compareTargets()
        compareOwn()
        compareDelegations()
        compareRootRoles()
        let understood: Set<String> = ["version", "expires", "targets", "x-slipway", "delegations", "keys", "roles"]
        for name in memberNames(old, new) where !understood.contains(name) {
            guard !same(old[name], new[name]) else { continue }
            if isFirst, name == "_type" || name == "spec_version" || name == "consistent_snapshot" { continue }
            beyond.append("the member \(name.debugDescription) changes")
        }
    }

    // MARK: Targets

    private mutating func compareTargets() {
        let before = index(old["targets"])
        let withdrawn = Set(digests(new["x-slipway"]?["withdrawn"]))
        for (path, target) in members(new["targets"]) {
            let known = before[Array(path.utf8)]
            if same(known, target) { continue }
            guard known == nil else {
                beyond.append("\(path) MEANS SOMETHING ELSE: \(words(known)) becomes \(words(target))")
                continue
            }
            add(path, target)
        }
        let after = index(new["targets"])
        for (path, target) in members(old["targets"]) where after[Array(path.utf8)] == nil {
            let isWithdrawn = target["hashes"]?["sha256"]?.stringValue.map(withdrawn.contains) ?? false
            beyond.append(
                "\(path) is taken out\(isWithdrawn ? ", withdrawn for good" : ", though it is not withdrawn")")
        }
    }

    private mutating func add(_ path: String, _ target: JSONValue) {
        guard let wanted, TargetPath.manifest(wanted.place, wanted.release).utf8.elementsEqual(path.utf8),
            let hash = target["hashes"]?["sha256"]?.stringValue, let manifest = try? SHA256Digest(hex: hash),
            let length = target["length"]?.integerValue
        else {
            beyond.append("ANOTHER release may be installed: \(path), \(words(target))")
            return
        }
        let notAfter = target["custom"]?["x-slipway"]?["notAfter"]?.stringValue
        let expected: Set<String> = notAfter == nil ? ["hashes", "length"] : ["hashes", "length", "custom"]
        if Set(members(target).map(\.0)) != expected {
            beyond.append(
                "\(path) carries members that nobody knows: \(members(target).map(\.0).joined(separator: ", "))")
        }
        found = CandidateReview.AddedRelease(
            place: wanted.place, release: wanted.release, manifest: manifest, length: ByteCount(length),
            notAfter: notAfter)
    }

    private func words(_ target: JSONValue?) -> String {
        let hash = target?["hashes"]?["sha256"]?.stringValue ?? "no SHA-256"
        return "manifest \(hash.prefix(16))…, \(target?["length"]?.integerValue ?? 0) bytes"
    }

    // MARK: Our own member

    private mutating func compareOwn() {
        let (before, after) = (old["x-slipway"], new["x-slipway"])
        if !same(before?["floor"], after?["floor"]) {
            beyond.append(
                "the floor goes from \(before?["floor"]?.stringValue ?? "none") to \(after?["floor"]?.stringValue ?? "none")"
            )
        }
        let (was, now) = (digests(before?["withdrawn"]), digests(after?["withdrawn"]))
        for digest in now where !was.contains(digest) {
            beyond.append("manifest \(digest.prefix(16))… is withdrawn for good")
        }
        for digest in was where !now.contains(digest) {
            beyond.append("manifest \(digest.prefix(16))… is NO LONGER withdrawn")
        }
        compareSigners("the director", directorSigners(before), directorSigners(after))
        if !same(before?["signers"], after?["signers"]) {
            for group in ["approvers", "emergency"] {
                compareSigners(
                    "\(group) of new products", productSigners(before?["signers"]?[group]),
                    productSigners(after?["signers"]?[group]))
            }
        }
        for name in memberNames(before, after)
        where !["floor", "withdrawn", "director", "signers", "holders"].contains(name) {
            if !same(before?[name], after?[name]) { beyond.append("the member x-slipway.\(name) changes") }
        }
    }

    private typealias Signers = (keyIDs: [String], threshold: Int64)

    private func directorSigners(_ own: JSONValue?) -> Signers? {
        guard let director = own?["director"] else { return nil }
        return (members(director["keys"]).map(\.0), director["threshold"]?.integerValue ?? 0)
    }

    private func productSigners(_ group: JSONValue?) -> Signers? {
        guard let group, let signers = try? JSONCoding.decode(RoleSigners.self, from: group) else { return nil }
        return (signers.keys.map(\.keyID), Int64(signers.threshold))
    }

    private func roleSigners(_ role: JSONValue?) -> Signers? {
        guard let role else { return nil }
        return ((role["keyids"]?.arrayValue ?? []).compactMap(\.stringValue), role["threshold"]?.integerValue ?? 0)
    }

    private mutating func compareSigners(_ what: String, _ before: Signers?, _ after: Signers?) {
        let (was, now) = (Set(before?.keyIDs ?? []), Set(after?.keyIDs ?? []))
        for key in now.subtracting(was).sorted() { beyond.append("KEY ADDED to \(what): \(person(key))") }
        for key in was.subtracting(now).sorted() { beyond.append("key taken from \(what): \(person(key))") }
        if let after, before?.threshold != after.threshold {
            beyond.append("THRESHOLD of \(what): \(before?.threshold ?? 0) becomes \(after.threshold)")
        }
        if after == nil, before != nil { beyond.append("\(what) is no longer named") }
    }

    /// The name comes from what the reader trusts already; a new key has only the name that the candidate gives it.
    private func person(_ keyID: String) -> String {
        if let name = names[keyID] { return "\(name) (\(keyID.prefix(16))…)" }
        let claimed = RepositoryState.holderNames(root: new, targets: new)[keyID]
        return "\(claimed.map { "a new key said to be \($0)'s" } ?? "an unknown key") (\(keyID.prefix(16))…)"
    }

    // MARK: Keys and delegations

    private mutating func compareDelegations() {
        guard !same(old["delegations"], new["delegations"]) else { return }
        func roles(_ signed: JSONValue) -> [(String, JSONValue)] {
            (signed["delegations"]?["roles"]?.arrayValue ?? []).map { ($0["name"]?.stringValue ?? "", $0) }
        }
        let before = Dictionary(roles(old).map { (Array($0.0.utf8), $0.1) }, uniquingKeysWith: { first, _ in first })
        let after = Set(roles(new).map { Array($0.0.utf8) })
        for (name, delegated) in roles(new) {
            let known = before[Array(name.utf8)]
            if same(known, delegated) { continue }
            if known == nil {
                let paths = (delegated["paths"]?.arrayValue ?? []).compactMap(\.stringValue).joined(separator: ", ")
                beyond.append("a new role \(name) may sign \(paths)")
            }
            compareSigners(name, roleSigners(known), roleSigners(delegated))
            for member in memberNames(known, delegated) where !["keyids", "threshold", "name"].contains(member) {
                if known != nil, !same(known?[member], delegated[member]) {
                    beyond.append("\(name): its \(member) change")
                }
            }
        }
        for (name, _) in roles(old) where !after.contains(Array(name.utf8)) { beyond.append("the role \(name) ends") }
        let order = roles(new).map(\.0).filter { before[Array($0.utf8)] != nil }
        if order != roles(old).map(\.0).filter({ after.contains(Array($0.utf8)) }) {
            beyond.append("the order of delegations changes")
        }
    }

    private mutating func compareRootRoles() {
        guard role == RootMetadata.name else { return }
        for name in memberNames(old["roles"], new["roles"]) {
            compareSigners(name, roleSigners(old["roles"]?[name]), roleSigners(new["roles"]?[name]))
        }
    }

    // MARK: Values

    private func members(_ value: JSONValue?) -> [(String, JSONValue)] {
        (value?.objectValue ?? []).map { ($0.name, $0.value) }
    }

    private func index(_ value: JSONValue?) -> [[UInt8]: JSONValue] {
        Dictionary(members(value).map { (Array($0.0.utf8), $0.1) }, uniquingKeysWith: { first, _ in first })
    }

    private func memberNames(_ one: JSONValue?, _ other: JSONValue?) -> [String] {
        var names = members(one).map(\.0)
        let known = Set(names.map { Array($0.utf8) })
        for (name, _) in members(other) where !known.contains(Array(name.utf8)) { names.append(name) }
        return names
    }

    private func digests(_ value: JSONValue?) -> [String] { (value?.arrayValue ?? []).compactMap(\.stringValue) }

    private func same(_ one: JSONValue?, _ other: JSONValue?) -> Bool {
        one.map(\.canonicalBytes) == other.map(\.canonicalBytes)
    }
}
