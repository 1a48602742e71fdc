import Effects
import ReleaseDefinition
import ReleaseDistribution
import ReleasePackaging
import ReleaseTrust
import Synchronization

/// From the manifest that hosts run to the one that they are to run.
struct PatchRoute: Hashable, Sendable {
    var from: SHA256Digest
    var to: SHA256Digest
}

/// The patches that there are, and those that are being made. Nothing of it is in the log: a patch that is not there is
/// made again or done without. `PatchMemory` keeps it beyond this process.
struct PatchShelf: Sendable {
    /// An empty list: looked at, and not worth having.
    var ready: [PatchRoute: [AssignedPatch]] = [:]
    var underWay: [PatchRoute: Task<Void, Never>] = [:]
    /// One at a time: the machine has other work.
    var last: Task<Void, Never>?
    let stop = PatchStop()

    func patches(to manifest: SHA256Digest) -> [AssignedPatch]? {
        let found = ready.filter { $0.key.to == manifest }.sorted { $0.key.from < $1.key.from }.flatMap(\.value)
        return found.isEmpty ? nil : Array(found.prefix(AssignedPatch.countMax))
    }

    func patches(_ route: PatchRoute) -> [AssignedPatch]? {
        guard let found = ready[route], !found.isEmpty else { return nil }
        return Array(found.prefix(AssignedPatch.countMax))
    }
}

final class PatchStop: Sendable {
    private let flag = Atomic<Bool>(false)
    var isSet: Bool { flag.load(ordering: .relaxed) }
    func set() { flag.store(true, ordering: .relaxed) }
}

/// Makes the patches of one route, for every unit that both releases have.
struct PatchPreparation: Sendable {
    /// A patch must save a fifth of what ranges would cost, or it is not worth a blob.
    static let shareMax = 0.8
    /// A route that takes longer is done without.
    static let timeMax = TimeSpan.minutes(10)
    /// Each takes up to 55 MiB.
    static let jobs = max(1, min(2, Workers.coreCount / 2))

    let blobs: BlobStore
    let work: Directory
    let time: any TimeDoor
    let random: any RandomDoor
    let stop: PatchStop

    /// What came of a route, and for each unit without a patch the reason.
    struct Result: Sendable {
        var patches: [AssignedPatch] = []
        var without: [String] = []
    }

    /// - Throws: `packaging.…`, `effects.…`; then hosts fetch members.
    func make(from old: Manifest, to new: Manifest) throws -> Result {
        let deadline = time.monotonic() + Self.timeMax
        var result = Result()
        for unit in new.units {
            guard let earlier = old[unit: unit.name, variant: unit.variant] else {
                result.without.append("\(unit.fileName) is new")
                continue
            }
            guard earlier.payload.indexText != unit.payload.indexText else {
                result.without.append("\(unit.fileName) is unchanged")
                continue
            }
            do {
                let (patch, reason) = try make(from: earlier, to: unit, until: deadline)
                if let patch { result.patches.append(patch) }
                if let reason { result.without.append(reason) }
            } catch let error as PackagingError where error.code == "packaging.patch.size" {
                result.without.append("\(unit.fileName): \(error.summary)")
            }
        }
        return result
    }

    private func make(
        from old: ManifestUnit, to new: ManifestUnit, until deadline: TimeSpan
    ) throws -> (AssignedPatch?, reason: String?) {
        let (before, after) = (try PatchSide(old, in: blobs), try PatchSide(new, in: blobs))
        let delta = try PayloadDelta(from: before.stream.index, to: after.stream.index)
        let ranges = RangeCoalescing.requests(for: delta.missingRanges)
            .reduce(new.payload.index.length.value) { $0 + Int64($1.count) }
        let name = "patch-" + Hexadecimal.encode(random.bytes(8))
        let scratch = try work.createFile(name, mode: 0o600)
        defer { try? work.removeFile(name) }
        let builder = try PatchBuilder(
            from: before, to: after, persistent: new.definition.persistent, scratch: scratch)
        let writer = try blobs.newBlob()
        let (time, stop) = (time, stop)
        let summary = try builder.run(
            jobs: Self.jobs, isWanted: { !stop.isSet && time.monotonic() < deadline }, to: { try writer.write($0) })
        // What is not finished goes with the writer.
        guard Double(summary.length.value) < Self.shareMax * Double(ranges) else {
            let share = Int(Self.shareMax * 100)
            return (
                nil,
                "\(new.fileName): a patch has \(summary.length.value) bytes, not less than \(share) % of the \(ranges)"
                    + " that ranges cost"
            )
        }
        let blob = try writer.finish()
        return (
            AssignedPatch(
                from: old.payload.indexText.sha256, to: new.payload.indexText.sha256, sha256: blob.sha256,
                length: blob.length), nil
        )
    }
}

extension Controller {
    /// Releases that the fleet runs, of which the most hosts are served.
    private static let patchRoutesMax = 8
    /// How long a rollout waits for its patches at most; hosts that begin without one fetch members.
    private static let patchWaitMax = TimeSpan.seconds(10)

    /// Begins to make patches to a release from what hosts run of its product; returns at once.
    func beginPatches(to release: ReleaseName) {
        guard let target = state.releases[release]?.submitted else { return }
        dropPatches()
        for from in fromManifests(of: target) {
            let route = PatchRoute(from: from.manifest, to: target.manifest)
            guard patches.ready[route] == nil, patches.underWay[route] == nil else { continue }
            let before = patches.last
            let task = Task { [weak self] in
                await before?.value
                await self?.makePatches(route, from, target)
                return
            }
            patches.underWay[route] = task
            patches.last = task
        }
    }

    /// Begins, and waits until they are there; not for long.
    nonisolated func waitForPatches(to release: ReleaseName) async {
        let tasks = await patchesUnderWay(to: release)
        guard !tasks.isEmpty else { return }
        let (ends, end) = AsyncStream<Void>.makeStream()
        let waiter = Task {
            for task in tasks { await task.value }
            end.finish()
        }
        let time = time
        let timer = Task {
            try? await time.sleep(for: Self.patchWaitMax)
            end.finish()
        }
        for await _ in ends {}
        timer.cancel()
        waiter.cancel()
    }

    private func patchesUnderWay(to release: ReleaseName) -> [Task<Void, Never>] {
        beginPatches(to: release)
        guard let target = state.releases[release]?.submitted.manifest else { return [] }
        return patches.underWay.filter { $0.key.to == target }.map(\.value)
    }

    /// What the fleet runs of the product and is older than the release, by the number of hosts.
    private func fromManifests(of target: ReleaseSubmitted) -> [ReleaseSubmitted] {
        var counts: [SHA256Digest: Int] = [:]
        for host in state.hosts.values {
            guard let running = host.running[target.release.product], running.manifest != target.manifest,
                running.release.version < target.release.version
            else { continue }
            counts[running.manifest, default: 0] += 1
        }
        let known = state.releases.values.map(\.submitted).filter { counts[$0.manifest] != nil }
        return Array(
            known.sorted { (counts[$0.manifest] ?? 0, $1.manifest) > (counts[$1.manifest] ?? 0, $0.manifest) }
                .prefix(Self.patchRoutesMax))
    }

    private nonisolated func makePatches(
        _ route: PatchRoute, _ from: ReleaseSubmitted, _ to: ReleaseSubmitted
    ) async {
        var made: PatchPreparation.Result?
        do {
            let preparation = PatchPreparation(
                blobs: publisher.blobs,
                work: try folder.directory.createDirectory(ControllerDirectory.workName, mode: 0o700), time: time,
                random: random, stop: await patches.stop)
            let blobs = publisher.blobs
            made = try await Workers.suspending {
                func manifest(_ release: ReleaseSubmitted) throws -> Manifest {
                    try Manifest(
                        parsing: blobs.read(
                            BlobReference(sha256: release.manifest, length: release.manifestLength)))
                }
                return try preparation.make(from: manifest(from), to: manifest(to))
            }
        } catch {
            logger.warning(
                "no patch",
                metadata: [
                    "from": "\(from.release)", "to": "\(to.release)", "error": "\(ReportedError(error))",
                ])
        }
        await patchesMade(made?.patches ?? [], route)
        guard let result = made else { return }
        // Said when they are kept: a controller that is killed after this word finds them again.
        logger.info(
            "patches made",
            metadata: [
                "from": "\(from.release)", "to": "\(to.release)", "patches": "\(result.patches.count)",
                "bytes": "\(result.patches.reduce(0) { $0 + $1.length.value })",
                "without": "\(result.without.isEmpty ? "-" : result.without.joined(separator: "; "))",
            ])
    }

    private func patchesMade(_ made: [AssignedPatch], _ route: PatchRoute) {
        patches.underWay[route] = nil
        patches.ready[route] = made
        keepPatches()
        guard isRunning, !made.isEmpty else { return }
        do { try publishChangedChannels() } catch {
            logger.error("channels wait", metadata: ["error": "\(error)"])
        }
    }
}
