import ControllerAPI
import Effects
import ReleaseDefinition
import ReleasePackaging
import ReleaseTrust

/// The blobs of packages that nobody needs: what `PackageRetention` leaves, less all that another package has too.
struct PackageSweep: Sendable {
    /// A blob that somebody wrote since stays: it may be of a package that is being submitted.
    static let quiet = TimeSpan.days(1)

    let retention: PackageRetention
    /// By release: what only such packages have, and is there.
    private(set) var removals: [ReleaseName: [BlobReference]] = [:]

    /// - Parameter patches: digests of patches that are handed out.
    /// - Throws: where a manifest cannot be read: then nothing goes.
    init(
        _ state: FleetState, _ rules: RetentionRules, _ blobs: BlobStore, patches: Set<SHA256Digest>, at now: UTCInstant
    ) throws {
        retention = PackageRetention(state, rules, at: now)
        var (needed, candidates) = (patches, [ReleaseName: [BlobReference]]())
        for (name, record) in state.releases {
            let submitted = record.submitted
            let text = BlobReference(sha256: submitted.manifest, length: submitted.manifestLength)
            let manifest = try Manifest(parsing: blobs.read(text))
            needed.insert(submitted.manifest)
            needed.formUnion(manifest.documents.map(\.blob.sha256))
            if retention.kept[name] == nil {
                candidates[name] = manifest.blobs
            } else {
                needed.formUnion(manifest.allBlobs.map(\.sha256))
            }
        }
        for (name, list) in candidates {
            removals[name] = try list.filter { blob in
                guard !needed.contains(blob.sha256), let status = try blobs.directory.status(blob.sha256.hex) else {
                    return false
                }
                return status.modifiedAt + Self.quiet < now
            }
        }
        removals = removals.filter { !$0.value.isEmpty }
    }

    /// Each counted once.
    var size: ByteCount {
        ByteCount(Set(removals.values.joined()).reduce(Int64(0)) { $0 + $1.length.value })
    }
}

extension PackageSweep {
    /// As people are told.
    /// - Parameter isOn: the controller removes by these rules.
    func view(_ rules: RetentionRules, isOn: Bool) -> RetentionView {
        let kept = retention.kept.map { RetainedPackage(release: $0.key, state: .kept, reason: $0.value) }
        let left = retention.going.map { name in
            removals[name].map { blobs in
                RetainedPackage(
                    release: name, state: .going, size: ByteCount(blobs.reduce(Int64(0)) { $0 + $1.length.value }))
            } ?? RetainedPackage(release: name, state: .gone)
        }
        return RetentionView(
            keep: rules.keep, age: rules.age, isOn: isOn, size: size,
            packages: (kept + left).sorted { $0.release.description < $1.release.description })
    }
}

extension Controller {
    /// What the next sweep would do, by the rules that are set or the usual ones. Changes nothing.
    func retentionView() throws -> RetentionView {
        let rules = configuration.retention ?? .usual
        return try packageSweep(rules, at: time.now()).view(rules, isOn: configuration.retention != nil)
    }

    private func packageSweep(_ rules: RetentionRules, at now: UTCInstant) throws -> PackageSweep {
        let patches = Set(self.patches.ready.values.joined().map(\.sha256))
        return try PackageSweep(state, rules, publisher.blobs, patches: patches, at: now)
    }

    private static let sweepPause = TimeSpan.hours(24)
    /// Hosts and people first.
    private static let sweepDelay = TimeSpan.minutes(10)

    nonisolated func keepPackages() async throws {
        guard configuration.retention != nil else { return }
        try await time.sleep(for: Self.sweepDelay)
        while true {
            await offLoop { await self.sweepPackages(at: self.time.now()) }
            try await time.sleep(for: Self.sweepPause)
        }
    }

    /// Removes what `retention` of controller.json lets go. The log says so first; killed after that, the next sweep goes on.
    func sweepPackages(at now: UTCInstant) {
        guard let rules = configuration.retention, leads else { return }
        do {
            let sweep = try packageSweep(rules, at: now)
            guard !sweep.removals.isEmpty else { return }
            let new = sweep.removals.keys.filter { state.releases[$0]?.packageRemovedAt == nil }.sorted {
                $0.description < $1.description
            }
            if !new.isEmpty {
                try commit(.packagesRemoved(PackagesRemoved(releases: new)), by: Self.engineActor, at: now)
            }
            for blob in Set(sweep.removals.values.joined()) { try publisher.blobs.remove(blob) }
            logger.notice(
                "packages removed",
                metadata: ["releases": "\(sweep.removals.count)", "bytes": "\(sweep.size.value)"])
        } catch {
            logger.error("packages were not swept", metadata: ["error": "\(ReportedError(error))"])
        }
    }

    /// - Throws: `controller.conflict.packageRemoved`.
    func refuseRemovedPackage(_ record: ReleaseRecord) throws {
        guard let removedAt = record.packageRemovedAt else { return }
        let name = record.submitted.release
        // Submitted again since, it is there.
        if let blobs = manifest(of: name)?.blobs, try blobs.allSatisfy({ try publisher.blobs.has($0) }) { return }
        throw ControllerError.conflict(
            "packageRemoved",
            "The package of \(name) was removed at \(removedAt.wholeSeconds): nobody needed it any more.",
            remedy: "Take a newer release, or submit its package again: slipway release submit FILE.slip.")
    }
}
