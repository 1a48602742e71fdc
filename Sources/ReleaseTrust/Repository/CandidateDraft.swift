import ReleaseDefinition

/// Turns edits into candidates; edits to the same role meet in one candidate.
struct CandidateDraft {
    private var state: RepositoryState
    private let now: UTCInstant
    /// Who approves, where targets metadata does not say it yet.
    private let signers: ProductSigners?
    private var edited: [String: JSONValue] = [:]
    private var order: [String] = []

    init(_ state: RepositoryState, signers: ProductSigners? = nil, at now: UTCInstant) {
        self.state = state
        self.signers = state.signers ?? signers
        self.now = now.wholeSeconds
    }

    /// root, targets, then products' roles.
    var candidates: [MetadataCandidate] {
        func rank(_ role: String) -> Int {
            role == RootMetadata.name ? 0 : role == TargetsMetadata.name ? 1 : 2
        }
        let sorted = order.enumerated().sorted { (rank($0.element), $0.offset) < (rank($1.element), $1.offset) }
        return sorted.compactMap { entry in
            edited[entry.element].map { MetadataCandidate(role: entry.element, signed: $0) }
        }
    }

    mutating func add(_ edit: RoleEdit) throws(TrustError) {
        switch edit {
        case .approve(let approval): try approve(approval)
        case .withdraw(let withdrawal): try withdraw(withdrawal)
        case .floor(let place, let release):
            try requireDelegated(place.role(of: release.product))
            try change(place.role(of: release.product)) { Self.setOwn("floor", .string(release.version.text), in: &$0) }
        case .renew(let role):
            if ![RootMetadata.name, TargetsMetadata.name].contains(role) { try requireDelegated(role) }
            try change(role)
        case .delegate(let product, let environments): try delegate(product, environments)
        case .topKeys(let keys): try setTopKeys(keys)
        case .delegatedKeys(let keys): try setDelegatedKeys(keys)
        }
    }

    /// The next version of a role, edited.
    private mutating func change(_ role: String, _ edit: (inout JSONValue) -> Void = { _ in }) throws(TrustError) {
        var signed: JSONValue
        if let before = edited[role] {
            signed = before
        } else {
            let old = state.envelope(ofRole: role) ?? RepositoryDraft.emptyRole
            signed = try RepositoryDraft.next(old, lifetime: RepositoryDraft.Lifetime.of(role), role: role, at: now)
            order.append(role)
        }
        edit(&signed)
        edited[role] = signed
        // Later edits are judged by this one.
        if role == TargetsMetadata.name { state.targets = RepositoryDraft.envelope(signed, []) }
    }

    /// What a role holds, this proposal's edits included.
    private func content(_ role: String) throws(TrustError) -> TargetsMetadata? {
        guard let signed = edited[role] ?? state.roles[role]?["signed"] else { return nil }
        return try TargetsMetadata(parsing: RepositoryDraft.envelope(signed, []).canonicalBytes, role: role)
    }

    private func requireDelegated(_ role: String) throws(TrustError) {
        let targets = try TargetsMetadata(
            parsing: RepositoryDraft.envelope(edited[TargetsMetadata.name] ?? state.targets["signed"] ?? .null, [])
                .canonicalBytes, role: TargetsMetadata.name)
        guard targets.delegations?.role(named: role) != nil else { throw .noRole(role) }
    }

    // MARK: Releases

    private mutating func approve(_ approval: RoleEdit.ReleaseApproval) throws(TrustError) {
        let role = approval.place.role(of: approval.release.product)
        try requireDelegated(role)
        let path = TargetPath.manifest(approval.place, approval.release)
        if let content = try content(role) {
            guard !content.withdrawn.contains(approval.manifest) else {
                throw .writer(
                    "withdrawn",
                    "manifest \(approval.manifest.short) of \(approval.release) was withdrawn in role \(role)",
                    remedy: "Submit a corrected release under a new version.")
            }
            if let listed = content.target(path) {
                guard listed.sha256 == approval.manifest else {
                    throw .writer(
                        "conflict",
                        "\(approval.release) is approved with manifest \(listed.hashes), not with \(approval.manifest)",
                        remedy: "A version names the same bytes for ever: submit the new content under a new version.")
                }
                return
            }
        }
        var target = JSONValue.object([
            JSONMember("hashes", .object([JSONMember("sha256", .string(approval.manifest.hex))])),
            JSONMember("length", .integer(approval.length.value)),
        ])
        if let notAfter = approval.notAfter {
            let own = JSONValue.object([JSONMember("notAfter", .string(notAfter.wholeSeconds.description))])
            target.set("custom", .object([JSONMember("x-slipway", own)]))
        }
        try change(role) { signed in
            var targets = signed["targets"] ?? .object([])
            targets.set(path, target)
            signed.set("targets", targets)
        }
    }

    private mutating func withdraw(_ withdrawal: RoleEdit.ReleaseWithdrawal) throws(TrustError) {
        let role = withdrawal.place.role(of: withdrawal.release.product)
        guard let withdrawn = try content(role)?.withdrawn else { throw .noRole(role) }
        guard !withdrawn.contains(withdrawal.manifest) else { return }
        try change(role) { signed in
            let path = TargetPath.manifest(withdrawal.place, withdrawal.release)
            var targets = signed["targets"] ?? .object([])
            if targets[path]?["hashes"]?["sha256"]?.stringValue == withdrawal.manifest.hex {
                targets.removeMember(path)
            }
            signed.set("targets", targets)
            Self.setOwn("withdrawn", .array((withdrawn + [withdrawal.manifest]).map { .string($0.hex) }), in: &signed)
        }
    }

    // MARK: Keys

    private mutating func delegate(_ product: ProductName, _ environments: [EnvironmentName]) throws(TrustError) {
        guard !environments.contains(where: { $0.text == ApprovalPlace.emergencyWord }) else {
            throw .writer(
                "environment", "\(ApprovalPlace.emergencyWord) is reserved for hot fixes and names no environment",
                remedy: "Choose another name for the environment.")
        }
        guard let signers else {
            throw .writer(
                "signers", "nobody is named who approves the releases of \(product)",
                remedy: "Restore the repository's state from a backup.")
        }
        let targets = try TargetsMetadata(parsing: state.targets.canonicalBytes, role: TargetsMetadata.name)
        let places = [ApprovalPlace.emergency] + environments.map { .environment($0) }
        let missing = places.filter { targets.delegations?.role(named: $0.role(of: product)) == nil }
        guard !missing.isEmpty else { return }
        try change(TargetsMetadata.name) { signed in
            var delegations = signed["delegations"] ?? .object([])
            var known = delegations["keys"] ?? .object([])
            var roles = delegations["roles"]?.arrayValue ?? []
            for place in missing {
                let approvers = signers.signers(in: place)
                for key in approvers.keys { known.set(key.keyID, key.json) }
                roles.append(
                    .object(
                        [
                            JSONMember("name", .string(place.role(of: product))),
                            JSONMember("paths", .array([.string(place.pathPattern(of: product))])),
                            JSONMember("terminating", .bool(true)),
                        ] + approvers.members))
            }
            delegations.set("keys", known)
            delegations.set("roles", .array(roles))
            signed.set("delegations", delegations)
            Self.setSigners(signers, in: &signed)
        }
    }

    private mutating func setTopKeys(_ keys: RoleEdit.TopKeys) throws(TrustError) {
        let roles = [
            ("root", keys.root), ("targets", keys.targets), ("snapshot", keys.snapshot), ("timestamp", keys.timestamp),
        ]
        for (role, signers) in roles { try signers?.check(role) }
        try change(RootMetadata.name) { signed in
            var table = signed["keys"] ?? .object([])
            var top = signed["roles"] ?? .object([])
            for (role, signers) in roles {
                guard let signers else { continue }
                for key in signers.keys { table.set(key.keyID, key.json) }
                top.set(role, .object(signers.members))
            }
            let used = Set((top.objectValue ?? []).flatMap { Self.keyIDs(of: $0.value) })
            signed.set("keys", .object((table.objectValue ?? []).filter { used.contains($0.name) }))
            signed.set("roles", top)
            Self.setHolders(roles.flatMap { $0.1?.holders ?? [] }, in: &signed)
        }
        // Old signatures on targets are void under new targets keys.
        if keys.targets != nil { try change(TargetsMetadata.name) }
    }

    private mutating func setDelegatedKeys(_ keys: RoleEdit.DelegatedKeys) throws(TrustError) {
        try keys.director?.check("director")
        try keys.approvers?.check("approvers")
        try keys.emergency?.check("emergency")
        var renewed: [String] = []
        let signers = signers
        try change(TargetsMetadata.name) { signed in
            if let director = keys.director {
                let members = [JSONMember("keys", RepositoryDraft.table(director.keys))]
                let threshold = JSONMember("threshold", .integer(Int64(director.threshold)))
                Self.setOwn("director", .object(members + [threshold]), in: &signed)
            }
            var delegations = signed["delegations"] ?? .object([])
            var known = delegations["keys"] ?? .object([])
            var roles = delegations["roles"]?.arrayValue ?? []
            for position in roles.indices {
                let name = roles[position]["name"]?.stringValue ?? ""
                let isEmergency = name.hasPrefix("\(ApprovalPlace.emergencyWord)-")
                guard let signers = isEmergency ? keys.emergency : keys.approvers else { continue }
                for member in signers.members { roles[position].set(member.name, member.value) }
                for key in signers.keys { known.set(key.keyID, key.json) }
                renewed.append(name)
            }
            let used = Set(roles.flatMap(Self.keyIDs))
            delegations.set("keys", .object((known.objectValue ?? []).filter { used.contains($0.name) }))
            delegations.set("roles", .array(roles))
            signed.set("delegations", delegations)
            if var new = signers {
                if let approvers = keys.approvers { new.approvers = approvers }
                if let emergency = keys.emergency { new.emergency = emergency }
                Self.setSigners(new, in: &signed)
            }
        }
        // What the old keys signed counts no more: the new ones sign the same content again.
        for role in renewed where state.roles[role] != nil { try change(role) }
    }

    private static func keyIDs(of role: JSONValue) -> [String] {
        (role["keyids"]?.arrayValue ?? []).compactMap(\.stringValue)
    }

    // MARK: Our own member

    static func setOwn(_ name: String, _ value: JSONValue, in signed: inout JSONValue) {
        var own = signed["x-slipway"] ?? .object([])
        own.set(name, value)
        signed.set("x-slipway", own)
    }

    /// Who approves is part of what the targets keys sign, so that an approver's tool can name people.
    static func setSigners(_ signers: ProductSigners, in signed: inout JSONValue) {
        guard let value = try? JSONCoding.value(of: signers) else { return }
        setOwn("signers", value, in: &signed)
    }

    static func setHolders(_ holders: [KeyHolder], in signed: inout JSONValue) {
        guard !holders.isEmpty else { return }
        var table = signed["x-slipway"]?["holders"] ?? .object([])
        for holder in holders { table.set(holder.key.keyID, .string(holder.name)) }
        setOwn("holders", table, in: &signed)
    }
}
