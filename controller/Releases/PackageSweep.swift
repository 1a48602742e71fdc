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
    /// Of every release that there was.
    let manifests: [ReleaseName: SHA256Digest]
    /// By release: what only such packages have, and is there.
    private(set) var removals: [ReleaseName: [BlobReference]] = [:]

    /// - Parameters:
    ///   - patches: digests of patches that are handed out.
    ///   - contents: of the manifest named; nil: each is read.
    /// - Throws: where a manifest cannot be read: then nothing goes.
    init(
        _ state: FleetState, _ rules: RetentionRules, _ blobs: BlobStore, patches: Set<SHA256Digest>,
        at now: UTCInstant, contents: ((BlobReference) throws -> PackageContents)? = nil
    ) throws {
        retention = PackageRetention(state, rules, at: now)
        manifests = state.releases.mapValues(\.submitted.manifest)
        var (needed, candidates) = (patches, [ReleaseName: [BlobReference]]())
        for (name, record) in state.releases {
            let submitted = record.submitted
            let text = BlobReference(sha256: submitted.manifest, length: submitted.manifestLength)
            let package = try contents?(text) ?? PackageContents(Manifest(parsing: blobs.read(text)))
            needed.insert(submitted.manifest)
            needed.formUnion(package.documents)
            if retention.kept[name] == nil {
                candidates[name] = package.blobs
            } else {
                needed.formUnion(package.blobs.map(\.sha256))
            }
        }
        for (name, list) in candidates {
            removals[name] = try list.filter { try !needed.contains($0.sha256) && Self.isQuiet($0, in: blobs, at: now) }
        }
        removals = removals.filter { !$0.value.isEmpty }
    }

    /// It is there, and nobody wrote it lately.
    static func isQuiet(_ blob: BlobReference, in blobs: BlobStore, at now: UTCInstant) throws -> Bool {
        guard let status = try blobs.directory.status(blob.sha256.hex) else { return false }
        return status.modifiedAt + quiet < now
    }

    /// Whether what it found needless still is, as far as the record says.
    func holds(in state: FleetState, _ rules: RetentionRules, at now: UTCInstant) -> Bool {
        manifests == state.releases.mapValues(\.submitted.manifest)
            && retention.going == PackageRetention(state, rules, at: now).going
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
    nonisolated func retentionView() async throws -> RetentionView {
        let rules = configuration.retention ?? .usual
        return try await packageSweep(rules, at: time.now()).view(rules, isOn: configuration.retention != nil)
    }

    /// Beside the actor, of what it knew at one moment: a manifest of each release is read for it.
    private nonisolated func packageSweep(_ rules: RetentionRules, at now: UTCInstant) async throws -> PackageSweep {
        let (state, patches, survey) = await (
            state, Set(patches.ready.values.joined().map(\.sha256)), packageSurvey
        )
        return try await offLoop { try await survey.sweep(state, rules, publisher.blobs, patches: patches, at: now) }
    }

    private static let sweepPause = TimeSpan.hours(24)
    /// Hosts and people first.
    private static let sweepDelay = TimeSpan.minutes(10)

    nonisolated func keepPackages() async throws {
        guard configuration.retention != nil else { return }
        try await time.sleep(for: Self.sweepDelay)
        while true {
            await sweepPackages(at: time.now())
            try await time.sleep(for: Self.sweepPause)
        }
    }

    /// Of one turn of the actor: some tens of milliseconds.
    private static let removedAtOnce = 1000

    /// Removes what `retention` of controller.json lets go. The log says so first; killed after that, the next sweep goes on.
    nonisolated func sweepPackages(at now: UTCInstant) async {
        guard let rules = configuration.retention, await leads else { return }
        do {
            for _ in 0..<3 {
                let sweep = try await packageSweep(rules, at: now)
                guard !sweep.removals.isEmpty else { return }
                guard try await remove(sweep, rules, at: now) else { continue }
                return logger.notice(
                    "packages removed",
                    metadata: ["releases": "\(sweep.removals.count)", "bytes": "\(sweep.size.value)"])
            }
            logger.notice("packages are swept tomorrow: what is needed changes all the time")
        } catch {
            logger.error("packages were not swept", metadata: ["error": "\(ReportedError(error))"])
        }
    }

    /// - Returns: false: something else is needed meanwhile.
    nonisolated func remove(_ sweep: PackageSweep, _ rules: RetentionRules, at now: UTCInstant) async throws -> Bool {
        let blobs = Array(Set(sweep.removals.values.joined()))
        for start in stride(from: 0, to: blobs.count, by: Self.removedAtOnce) {
            let some = blobs[start..<min(start + Self.removedAtOnce, blobs.count)]
            guard try await offLoop({ try await remove(some, of: sweep, rules, at: now) }) else { return false }
        }
        return true
    }

    private func remove(
        _ blobs: ArraySlice<BlobReference>, of sweep: PackageSweep, _ rules: RetentionRules, at now: UTCInstant
    ) throws -> Bool {
        guard leads, sweep.holds(in: state, rules, at: now) else { return false }
        let new = sweep.removals.keys.filter { state.releases[$0]?.packageRemovedAt == nil }.sorted {
            $0.description < $1.description
        }
        if !new.isEmpty {
            try commit(.packagesRemoved(PackagesRemoved(releases: new)), by: Self.engineActor, at: now)
        }
        for blob in blobs where try PackageSweep.isQuiet(blob, in: publisher.blobs, at: now) {
            try publisher.blobs.remove(blob)
        }
        return true
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
