import ReleaseDefinition

/// Where the search for a target stands.
enum TargetLookup: Sendable {
    /// The role that lists it, by the most trusted way.
    case found(TargetFile, role: TargetsMetadata)
    /// This role's file, as `parent` delegates it, must be read before the search can go on.
    case needs(role: String, parent: String)
    /// No role that may speak of it lists it.
    case absent
}

extension TrustedMetadata {
    /// TUF 5.6.7: pre-order and depth first, in the order of delegations; a terminating one ends the search at its
    /// branch; no role is visited twice and at most 32 are.
    /// - Throws: what makes root, timestamp, snapshot or a visited role unusable today.
    func lookUp(_ path: String) throws(TrustError) -> TargetLookup {
        let snapshot = try requireCurrentSnapshot()
        var toVisit: [(role: String, parent: String)] = [(TargetsMetadata.name, RootMetadata.name)]
        var visited: Set<[UInt8]> = []
        while let (role, parent) = toVisit.popLast(),
            TrustCheck.rolesVisited.holds(visited.count < TrustLimits.rolesVisitedMax)
        {
            guard !visited.contains(Array(role.utf8)) else { continue }
            guard snapshot.reference(role: role) != nil else { throw Self.unlisted(role, in: snapshot) }
            guard let targets = held(role), isCurrent(targets, in: snapshot) else {
                return .needs(role: role, parent: parent)
            }
            try requireEdge(to: targets, from: parent)
            try targets.file.requireUnexpired(at: startedAt)
            if let target = targets.target(path) { return .found(target, role: targets) }
            visited.insert(Array(role.utf8))
            var children: [(role: String, parent: String)] = []
            for child in targets.delegations?.roles ?? [] where TrustCheck.delegationPath.holds(child.covers(path)) {
                children.append((child.name, role))
                if !TrustCheck.delegationTerminates.holds(!child.isTerminating) {
                    toVisit = []
                    break
                }
            }
            toVisit.append(contentsOf: children.reversed())
        }
        return .absent
    }

    /// What was verified for another delegator has no authority from this one.
    private func requireEdge(to targets: TargetsMetadata, from parent: String) throws(TrustError) {
        var refusal: TrustError?
        do { try requireSignatures(on: targets, parent: parent) } catch { refusal = error }
        if let refusal, !TrustCheck.delegationEdge.holds(false) { throw refusal }
    }

    /// The target as the roles that may speak of it describe it; nil when none does.
    /// - Throws: `trust.order` when a role on the way was not read yet; what makes one of them unusable.
    public func target(_ path: String) throws(TrustError) -> TargetFile? {
        switch try lookUp(path) {
        case .found(let target, _): return target
        case .absent: return nil
        case .needs(let role, _): throw Self.outOfOrder("Role \(role.debugDescription) was not read yet")
        }
    }
}
