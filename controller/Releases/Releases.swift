import AgentProtocol
import ControllerAPI
import ReleaseDefinition
import ReleaseDistribution
import ReleasePackaging
import ReleaseTrust

/// Releases: the record of what was submitted, where it is approved, where it is revoked.
extension Controller {
    /// Records a built release and has it approved for its first environment. The same bytes again change nothing.
    /// - Parameter mayApprove: whether the caller may approve there. Who may not does not get the signatures of keys that
    ///   lie here: the release is recorded, and waits for somebody to promote it.
    func submit(
        _ manifest: Manifest, bytes: [UInt8], environment: EnvironmentName, by actor: String, mayApprove: Bool
    ) throws -> ReleaseView {
        try checkEnvironment(environment)
        let digest = SHA256Digest(of: bytes)
        if let known = state.releases[manifest.name] {
            guard known.submitted.manifest == digest else { throw Self.different(known, digest) }
            try refuseRevoked(known, in: environment)
            if mayApprove || keys.approvers.isEmpty { try approve(known.submitted, in: environment, by: actor) }
            return try releaseView(manifest.name)
        }
        try obeyPolicy(manifest.name, manifest.category, in: environment)
        try publisher.blobs.add(bytes)
        let submitted = ReleaseSubmitted(
            release: manifest.name, manifest: digest, manifestLength: ByteCount(bytes.count),
            category: manifest.category, summary: manifest.summary, owner: manifest.owner,
            units: manifest.units.map { UnitSubmitted($0) }, requires: manifest.requires)
        let first = NewEvent(actor: actor, event: .releaseSubmitted(submitted))
        if mayApprove || keys.approvers.isEmpty {
            try approve(submitted, in: environment, by: actor, first: [first])
        } else {
            try commit(StoreChange(events: [first]), at: time.now())
        }
        return try releaseView(manifest.name)
    }

    func promote(_ name: ReleaseName, to environment: EnvironmentName, by actor: String) throws -> ReleaseView {
        try checkEnvironment(environment)
        let record = try release(name)
        try refuseRevoked(record, in: environment)
        try obeyPolicy(name, record.submitted.category, in: environment)
        try approve(record.submitted, in: environment, by: actor)
        return try releaseView(name)
    }

    /// The director takes a release back: no host of the environment installs it, those that run it leave it.
    func revoke(
        _ name: ReleaseName, in environment: EnvironmentName, reason: String, by actor: String
    ) throws -> ReleaseView {
        try checkEnvironment(environment)
        let record = try release(name)
        guard !reason.isEmpty else {
            throw ControllerError.badRequest("reason", "A revocation has no reason.", remedy: "Say why, with --reason.")
        }
        if record.revocation(in: environment) == nil {
            let event = ReleaseRevoked(
                release: name, manifest: record.submitted.manifest, environment: environment,
                reason: reason.bounded(4000), rollout: nil)
            try commit(.releaseRevoked(event), by: actor, at: time.now())
        }
        try spreadRevocation(of: record, in: environment, by: actor, reason: reason)
        return try releaseView(name)
    }

    /// Has the manifest signed into a role: of an environment, or the emergency role where that is nil. At once where the
    /// controller holds the keys, else when enough people have signed.
    @discardableResult
    func approve(
        _ submitted: ReleaseSubmitted, in environment: EnvironmentName?, by actor: String, first: [NewEvent] = []
    ) throws -> ChangeOutcome {
        let product = submitted.release.product
        let approval = RoleEdit.ReleaseApproval(
            place: environment.map { .environment($0) } ?? .emergency, release: submitted.release,
            manifest: submitted.manifest, length: submitted.manifestLength)
        let isDelegated = repository.isDelegated(product, in: configuration.environments)
        let delegation =
            isDelegated ? [] : [RoleEdit.delegate(product: product, environments: configuration.environments)]
        let outcome = try change(
            delegation + [.approve(approval)], reason: submitted.summary, by: actor, first: first)
        // Decided before; a publish that failed then is completed now.
        if outcome == .unchanged { try completePublication() }
        return outcome
    }

    /// Proposes a release to the emergency people, before it is pushed.
    func askForEmergency(_ name: ReleaseName, reason: String, by actor: String) throws -> ReleaseView {
        let record = try release(name)
        guard !reason.isEmpty else {
            throw ControllerError.badRequest(
                "reason", "An emergency has no reason.", remedy: "Say why it cannot wait, with --reason.")
        }
        if !record.isApprovedForEmergency { try approve(record.submitted, in: nil, by: actor) }
        return try releaseView(name)
    }

    /// Proposes to the approvers that no host may install the release again, for good.
    /// - Parameter mayApprove: whether the caller may approve there. Who may not can ask those who hold the keys, and does
    ///   not get the signatures of keys that lie here.
    func withdraw(
        _ name: ReleaseName, in place: ApprovalPlace, reason: String, by actor: String, mayApprove: Bool
    ) throws -> ReleaseView {
        let record = try release(name)
        guard mayApprove || keys.approvers.isEmpty else {
            throw ControllerError.forbidden(
                "withdrawal",
                "\(actor) may revoke \(name) and not approve in \(place.word), and this controller holds the approvers' keys.",
                remedy:
                    "Revoke it (slipway release revoke): that is at once. Somebody who may approve withdraws it for good."
            )
        }
        guard !reason.isEmpty else {
            throw ControllerError.badRequest("reason", "A withdrawal has no reason.", remedy: "Say why, with --reason.")
        }
        let asking = state.openChanges.first { $0.approval.map { $0.release == name && $0.place == place } == true }
        if let asking {
            throw ControllerError.conflict(
                "notApproved", "\(name) is not approved in \(place.word) yet: \(asking.id) asks for it.",
                remedy: "Give that up instead: slipway keys drop \(asking.id) --reason …")
        }
        let withdrawal = RoleEdit.ReleaseWithdrawal(
            place: place, release: name, manifest: record.submitted.manifest)
        try change([.withdraw(withdrawal)], reason: reason, by: actor)
        return try releaseView(name)
    }

    /// Proposes to the approvers that nothing below the release may be installed.
    func setFloor(
        _ name: ReleaseName, in place: ApprovalPlace, reason: String, by actor: String
    ) throws -> ReleaseView {
        _ = try release(name)
        guard !reason.isEmpty else {
            throw ControllerError.badRequest("reason", "A floor has no reason.", remedy: "Say why, with --reason.")
        }
        try change([.floor(place: place, release: name)], reason: reason, by: actor)
        return try releaseView(name)
    }

    private static func different(_ known: ReleaseRecord, _ digest: SHA256Digest?) -> ControllerError {
        let other = digest.map { ", not \($0.short)…" } ?? ""
        return .conflict(
            "releaseExists",
            "\(known.submitted.release) was submitted at \(known.submittedAt) with manifest "
                + "\(known.submitted.manifest.short)…\(other).",
            remedy: "A version names the same bytes for ever: submit under a new version, or promote the one there is.")
    }

    /// Of a release that was submitted; nil for any other.
    func manifest(of name: ReleaseName) -> Manifest? { state.releases[name].flatMap(manifest) }

    func newestManifest(of product: ProductName) -> Manifest? {
        let newest = state.releases.values.filter { $0.submitted.release.product == product }
            .max { $0.submittedAt < $1.submittedAt }
        return newest.flatMap(manifest)
    }

    private func manifest(_ record: ReleaseRecord) -> Manifest? {
        let blob = BlobReference(sha256: record.submitted.manifest, length: record.submitted.manifestLength)
        return (try? publisher.blobs.read(blob)).flatMap { try? Manifest(parsing: $0) }
    }

    /// Where people approve: an environment, or the emergency role.
    nonisolated func place(_ environment: EnvironmentName) throws -> ApprovalPlace {
        let place = ApprovalPlace(environment)
        if place != .emergency { try checkEnvironment(environment) }
        return place
    }

    nonisolated func checkEnvironment(_ environment: EnvironmentName) throws {
        guard configuration.environments.contains(environment) else {
            throw ControllerError(
                .notFound, code: "request.environment",
                summary: "There is no environment \(environment), there are \(configuration.environments.texts).",
                remedy: "Name one of them.")
        }
    }

    // MARK: views

    func releaseViews() -> [ReleaseView] {
        let newestFirst = state.releases.sorted {
            ($0.value.submittedAt, $0.key.description) > ($1.value.submittedAt, $1.key.description)
        }
        return newestFirst.map { $0.value.view(waiting: waiting($0.value)) }
    }

    func releaseView(_ name: ReleaseName) throws -> ReleaseView {
        let record = try release(name)
        return record.view(waiting: waiting(record))
    }

    private func waiting(_ record: ReleaseRecord) -> [ReleaseWaitingView] {
        state.openChanges.compactMap { change in
            guard let approval = change.approval, approval.release == record.submitted.release else { return nil }
            let all = standings(of: change)
            let own = all.last { $0.role == approval.place.role(of: approval.release.product) }
            let signers = repository.signers ?? ProductSigners(keys)
            let usual = approval.place == .emergency ? signers.emergency : signers.approvers
            return ReleaseWaitingView(
                environment: EnvironmentName(unchecked: approval.place.word), change: change.id,
                votes: own?.votes ?? 0, threshold: own?.threshold ?? usual.threshold,
                signedBy: own?.signed.map(\.name) ?? [], waitsFor: waitsFor(change, approval.release.product, all))
        }
    }

    /// What stands before the approvers' own signatures.
    private func waitsFor(
        _ change: ChangeRecord, _ product: ProductName, _ standings: [SignatureStanding]
    ) -> String? {
        if change.proposal == nil {
            let other = state.openChanges.first { $0.id != change.id && !$0.roles.isDisjoint(with: change.roles) }
            return other.map { "\($0.id) comes first (\($0.summary)): slipway keys sign \($0.id) --key-file F" }
        }
        guard standings.contains(where: { $0.role == KeyName.targets && !$0.isMet }) else { return nil }
        return "a holder of the targets key must let approvers sign for \(product): slipway keys sign \(change.id) "
            + "--key-file TARGETS.pem"
    }
}

extension UnitSubmitted {
    init(_ unit: ManifestUnit) {
        self.init(
            name: unit.name, variant: unit.variant, installTo: unit.definition.installTo, files: unit.payload.fileCount,
            size: unit.payload.compressed.length, payload: unit.payload.compressed.sha256,
            healthyDeadline: unit.definition.isAsked ? unit.definition.healthyDeadline : .zero)
    }
}

extension ReleaseRecord {
    func view(waiting: [ReleaseWaitingView]) -> ReleaseView {
        ReleaseView(
            release: submitted.release, manifest: submitted.manifest, category: submitted.category,
            summary: submitted.summary, owner: submitted.owner, submittedAt: submittedAt, submittedBy: submittedBy,
            units: submitted.units.map {
                ReleaseUnitView(
                    name: $0.name, variant: $0.variant, installTo: $0.installTo, files: $0.files, size: $0.size,
                    payload: $0.payload)
            },
            environments: approvals.map { approval in
                let environment = approval.environment ?? EnvironmentName(unchecked: ApprovalPlace.emergencyWord)
                let revocation = revocation(in: environment)
                return ReleaseApprovalView(
                    environment: environment, approvedAt: approval.at,
                    revocation: revocation.map { RevocationView(at: $0.at, by: $0.by, reason: $0.reason) },
                    withdrawnAt: approval.withdrawnAt)
            }, waiting: waiting)
    }
}
