import ControllerAPI
import ReleaseDefinition
import ReleaseDistribution
import ReleasePackaging
import ReleaseTrust

/// Releases: the record of what was submitted, where it is approved, where it is revoked.
extension Controller {
    /// Records a built release and approves it for its first environment. The same bytes again change nothing.
    func submit(
        _ manifest: Manifest, bytes: [UInt8], environment: EnvironmentName, by actor: String
    ) throws -> ReleaseView {
        try checkEnvironment(environment)
        let digest = SHA256Digest(of: bytes)
        if let known = state.releases[manifest.name] {
            guard known.submitted.manifest == digest else { throw Self.different(known, digest) }
            try approve(known.submitted, in: environment, by: actor)
            return try releaseView(manifest.name)
        }
        try publisher.blobs.add(bytes)
        let submitted = ReleaseSubmitted(
            release: manifest.name, manifest: digest, manifestLength: ByteCount(bytes.count),
            category: manifest.category, summary: manifest.summary, owner: manifest.owner,
            units: manifest.units.map { UnitSubmitted($0) })
        try approve(
            submitted, in: environment, by: actor, first: [NewEvent(actor: actor, event: .releaseSubmitted(submitted))])
        return try releaseView(manifest.name)
    }

    func promote(_ name: ReleaseName, to environment: EnvironmentName, by actor: String) throws -> ReleaseView {
        try checkEnvironment(environment)
        let record = try release(name)
        try refuseRevoked(record, in: environment)
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
                reason: String(reason.prefix(1000)), rollout: nil)
            try commit(.releaseRevoked(event), by: actor, at: time.now())
        }
        try spreadRevocation(of: record, in: environment, by: actor, reason: reason)
        return try releaseView(name)
    }

    /// Signs the manifest into a role: of an environment, or the emergency role where that is nil.
    func approve(
        _ submitted: ReleaseSubmitted, in environment: EnvironmentName?, by actor: String, first: [NewEvent] = []
    ) throws {
        let now = time.now()
        let place = environment.map { ApprovalPlace.environment($0) } ?? .emergency
        let blob = BlobReference(sha256: submitted.manifest, length: submitted.manifestLength)
        let bytes = try publisher.blobs.read(blob)
        let target = PublishedTarget(path: TargetPath.manifest(place, submitted.release), bytes: bytes)
        let added = try RepositoryWriter.addProduct(
            submitted.release.product, environments: configuration.environments, to: repository, keys: keys, at: now)
        let approved = try RepositoryWriter.approve(
            submitted.release, manifest: submitted.manifest, length: submitted.manifestLength, in: place,
            to: added.state, keys: keys, at: now)
        var events = first
        // Decided before; a publish that failed then is completed now.
        if approved.files.isEmpty, first.isEmpty { return try completePublication() }
        events.append(
            NewEvent(
                actor: actor,
                event: .releaseApproved(
                    ReleaseApproved(
                        release: submitted.release, manifest: submitted.manifest, environment: environment))))
        // The target lies there before any metadata names it; the decision is durable before either.
        try commit(events, metadata: [added, approved], targets: [target], at: now)
    }

    /// A version names the same bytes for ever.
    func refuseDifferent(_ name: ReleaseName) throws {
        if let known = state.releases[name] { throw Self.different(known, nil) }
    }

    private static func different(_ known: ReleaseRecord, _ digest: SHA256Digest?) -> ControllerError {
        let other = digest.map { ", not \($0.short)…" } ?? ""
        return .conflict(
            "releaseExists",
            "\(known.submitted.release) was submitted at \(known.submittedAt) with manifest "
                + "\(known.submitted.manifest.short)…\(other).",
            remedy: "A version names the same bytes for ever: submit under a new version, or promote the one there is.")
    }

    func newestManifest(of product: ProductName) -> Manifest? {
        let newest = state.releases.values.filter { $0.submitted.release.product == product }
            .max { $0.submittedAt < $1.submittedAt }
        guard let newest else { return nil }
        let blob = BlobReference(sha256: newest.submitted.manifest, length: newest.submitted.manifestLength)
        return (try? publisher.blobs.read(blob)).flatMap { try? Manifest(parsing: $0) }
    }

    private func checkEnvironment(_ environment: EnvironmentName) throws {
        guard configuration.environments.contains(environment) else {
            throw ControllerError.badRequest(
                "environment",
                "There is no environment \(environment), there are \(configuration.environments.texts).",
                remedy: "Name one of them.")
        }
    }

    // MARK: views

    func releaseViews() -> [ReleaseView] {
        state.releases.values.sorted { $0.submittedAt > $1.submittedAt }.map { $0.view }
    }

    func releaseView(_ name: ReleaseName) throws -> ReleaseView { try release(name).view }
}

extension UnitSubmitted {
    init(_ unit: ManifestUnit) {
        self.init(
            name: unit.name, installTo: unit.definition.installTo, files: unit.payload.fileCount,
            size: unit.payload.compressed.length, payload: unit.payload.compressed.sha256,
            healthyDeadline: unit.definition.healthyDeadline)
    }
}

extension ReleaseRecord {
    var view: ReleaseView {
        ReleaseView(
            release: submitted.release, manifest: submitted.manifest, category: submitted.category,
            summary: submitted.summary, owner: submitted.owner, submittedAt: submittedAt, submittedBy: submittedBy,
            units: submitted.units.map {
                ReleaseUnitView(
                    name: $0.name, installTo: $0.installTo, files: $0.files, size: $0.size, payload: $0.payload)
            },
            environments: approvals.map { approval in
                let environment = approval.environment ?? EnvironmentName(unchecked: ApprovalPlace.emergencyWord)
                let revocation = revocation(in: environment)
                return ReleaseApprovalView(
                    environment: environment, approvedAt: approval.at,
                    revocation: revocation.map { RevocationView(at: $0.at, by: $0.by, reason: $0.reason) })
            })
    }
}
