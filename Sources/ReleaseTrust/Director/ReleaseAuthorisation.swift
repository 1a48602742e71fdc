import ReleaseDefinition

// Both authorities together: trust.md "What must hold" 1, 3 and 4.

extension TrustedMetadata {
    /// Both authorities name the same manifest: the only way to an installation. The look-up of the target must have
    /// been done (`MetadataRefresh.want(target:)`), and all metadata on its way must be unexpired at `now`.
    /// - Parameter revoked: manifests that earlier assignments revoked, besides those that this one names.
    /// - Throws: `trust.release.…`, `trust.assignment.…`, `trust.<role>.expired`, `trust.order`.
    public func authorise(
        _ verified: VerifiedAssignment, revoked: Set<SHA256Digest> = [], at now: UTCInstant
    ) throws(TrustError) -> AuthorisedRelease {
        let assignment = verified.assignment
        guard assignment.order.action == .install else {
            throw .assignment(
                "action", "\(assignment.order) asks for no installation",
                remedy: "Nothing was installed. An order to back out needs no approval.")
        }
        guard TrustCheck.assignmentUnexpired.holds(assignment.expiresAt > now) else {
            throw .assignment(
                "expired", "\(assignment.order) expired at \(assignment.expiresAt), now it is \(now)",
                remedy: "Nothing was installed. The controller renews what is still wanted.")
        }
        let isRevoked = revoked.contains(assignment.manifest) || assignment.revoked.contains(assignment.manifest)
        guard TrustCheck.notRevoked.holds(!isRevoked) else {
            throw .release(
                assignment, "revoked", "the director revoked its manifest \(assignment.manifest.short)",
                remedy: "Nothing was installed. Submit a corrected release under a new version.")
        }
        let target = try judged(at: now).approvedTarget(of: assignment, at: now)
        return AuthorisedRelease(assignment: assignment, target: target)
    }

    private func approvedTarget(of assignment: Assignment, at now: UTCInstant) throws(TrustError) -> TargetFile {
        let wantedRole = assignment.place.role(of: assignment.release.product)
        let found: (target: TargetFile, role: TargetsMetadata)
        switch try lookUp(assignment.targetPath) {
        case .found(let target, let role): found = (target, role)
        case .needs(let role, _): throw Self.outOfOrder("Role \(role.debugDescription) was not read yet")
        case .absent:
            try requireNotWithdrawn(assignment)
            throw .release(
                assignment, "notApproved", "role \(wantedRole) does not list \(assignment.targetPath)",
                remedy: "Nothing was installed. Approve the release for this environment (or promote it) first.")
        }
        guard TrustCheck.productRole.holds(found.role.file.role.utf8.elementsEqual(wantedRole.utf8)) else {
            throw .release(
                assignment, "role",
                "it is listed by role \(found.role.file.role.debugDescription), not by \(wantedRole)",
                remedy: "Nothing was installed. Only the product's own role may approve it.")
        }
        return try judge(found.target, of: found.role, for: assignment, at: now)
    }

    /// What the role that lists a target says of it: the same manifest, not withdrawn, not below the floor, not too late.
    func judge(
        _ target: TargetFile, of role: TargetsMetadata, for assignment: Assignment, at now: UTCInstant
    ) throws(TrustError) -> TargetFile {
        guard TrustCheck.sameManifest.holds(target.sha256 == assignment.manifest) else {
            throw .release(
                assignment, "mismatch",
                "the director names manifest \(assignment.manifest), role \(role.file.role) approved \(target.hashes)",
                remedy: "Nothing was installed. One of the two authorities is wrong or was taken over: compare them.")
        }
        try requireNotWithdrawn(assignment)
        if let floor = role.floor, !TrustCheck.floor.holds(assignment.release.version >= floor) {
            throw .release(
                assignment, "belowFloor", "approvers let nothing below \(floor) be installed",
                remedy: "Nothing was installed. Choose a release from \(floor) on, or have the floor lowered.")
        }
        if let notAfter = try target.notAfter(), !TrustCheck.hotFixEnds.holds(notAfter > now) {
            throw .release(
                assignment, "expired", "the hot fix was approved until \(notAfter), now it is \(now)",
                remedy: "Nothing was installed. Approve it anew, or release the fix the normal way.")
        }
        return target
    }

    /// Whichever of the product's roles is held may have taken the manifest back.
    func requireNotWithdrawn(_ assignment: Assignment) throws(TrustError) {
        for place in [ApprovalPlace.environment(assignment.environment), .emergency] {
            let role = place.role(of: assignment.release.product)
            let isWithdrawn = held(role)?.withdrawn.contains(assignment.manifest) == true
            if TrustCheck.notWithdrawn.holds(!isWithdrawn) { continue }
            throw .release(
                assignment, "withdrawn", "approvers withdrew its manifest \(assignment.manifest.short) in role \(role)",
                remedy: "Nothing was installed. Submit a corrected release under a new version.")
        }
    }
}

extension TargetFile {
    /// Of a hot fix: `custom.x-slipway.notAfter`.
    func notAfter() throws(TrustError) -> UTCInstant? {
        guard let own = custom?["x-slipway"]?["notAfter"] else { return nil }
        let reader = MetadataReader(value: own, role: path, path: "custom.x-slipway.notAfter")
        guard let instant = try? UTCInstant(try reader.string()) else {
            throw reader.malformed("no moment in UTC")
        }
        return instant
    }
}

extension TrustError {
    static func release(
        _ assignment: Assignment, _ why: String, _ what: String, remedy: String
    ) -> TrustError {
        TrustError(
            code: "release.\(why)", summary: "\(assignment.release) was not authorised: \(what).", remedy: remedy)
    }
}
