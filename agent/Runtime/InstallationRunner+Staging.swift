import Effects
import Logging
import ReleaseDefinition
import ReleaseDistribution
import ReleasePackaging
import ReleaseTrust

extension InstallationRunner {
    /// All units are complete, verified and durable on the disk before any of them is activated.
    ///
    /// Only what the host does not have is fetched: by a patch that the director offers, by ranges, or whole.
    func stage(_ release: HostRelease, _ task: InstallationTask) async throws {
        let (manifest, bytes) = try await manifest(of: release)
        let old = try? stored(task.from)
        let patches = await offeredPatches(task)
        var fetched: [UnitName: FetchedUnit] = [:]
        do {
            let small = manifest.units.flatMap(\.hooks).map(\.blob) + manifest.values.map(\.blob)
            try await source.fetch(small, into: downloads)
            for unit in manifest.units {
                fetched[unit.name] = try await fetch(unit, old, patches, from: .patch)
            }
        } catch { throw StepError(error, otherwise: .transport) }
        await fetchDocuments(of: manifest, release)
        try Task.checkCancellation()
        let kept = try store.keep(manifest, bytes: bytes, blobs: downloads)
        for unit in manifest.units {
            try Task.checkCancellation()
            let layout = try kept.layout(unit)
            if try isWhole(unit, kept, layout) { continue }
            guard try layout.current() != release.folder else {
                throw AgentError(
                    code: "layout.drift", summary: "\(layout.path) shows \(release), but its files were changed.",
                    remedy: "Point the link at another release, or order a newer one.")
            }
            let staging = try await unpack(unit, fetched.removeValue(forKey: unit.name), old, patches, layout)
            // What was unpacked is on the disk; that waits for all that others write there, so not twice for nothing.
            if !unit.definition.persistent.isEmpty {
                try PersistentPaths(layout: layout, paths: unit.definition.persistent).link(into: staging)
                try staging.syncFileSystem()
            }
            try layout.adoptStaging(as: release.folder)
        }
        try await prepare(kept, old)
        try await selfUpdate.prepare(kept)
    }

    /// What people read comes last: a release goes on without it.
    private func fetchDocuments(of manifest: Manifest, _ release: HostRelease) async {
        let documents = ReleaseDocuments.kept(of: manifest).map(\.blob)
        guard !documents.isEmpty else { return }
        do { try await source.fetch(documents, into: downloads) } catch {
            log.warning(
                "documents were not fetched", metadata: ["release": "\(release)", "error": "\(ReportedError(error))"])
        }
    }

    /// All is there: what activation will do can be tried, and two units at one place be told apart.
    private func prepare(_ release: StoredRelease, _ old: StoredRelease?) async throws {
        var taken: [String: UnitName] = [:]
        for unit in release.manifest.units {
            if unit.definition.type == .file || unit.definition.type == .template {
                for path in try activation.places(unit, release) {
                    guard let other = taken.updateValue(unit.name, forKey: path) else { continue }
                    throw AgentError(
                        code: "preflight.place", summary: "The units \(other) and \(unit.name) both bring \(path).",
                        remedy: "Leave it in one of them.")
                }
            }
            try parallel.check(unit, release)
            let before = old.flatMap { old in old.manifest[unit: unit.name].map { ($0, old) } }
            try await activation.prepare(unit, of: release, old: before)
        }
    }

    /// What is to be compared with afterwards: whom the host reaches, and whether what runs is healthy.
    func prepare(_ forward: UnitPairs, _ task: InstallationTask) async throws -> InstallationCommand {
        var unhealthy: String?
        for index in forward.changes.indices where unhealthy == nil {
            guard let (unit, stored) = forward.old(index) else { continue }
            try await keepServing(forward, index)
            unhealthy = try await operations.baseline(unit, of: stored)
        }
        if let unhealthy {
            log.warning("not healthy before the installation", metadata: ["why": "\(unhealthy)"])
            if reachability.configuration.unhealthyBefore == .skip, !Self.isEmergency(task) {
                return .refused(.skipped("unhealthyBefore: \(unhealthy)"))
            }
        }
        // A new agent checks in, which says more.
        let isOwn = SelfUpdate.concerns(task.to)
        let peers = isOwn ? [] : await reachability.reachable(among: reachability.addresses)
        if peers.isEmpty, !isOwn { log.info("nobody can be reached: the installation will not be confirmed") }
        return .prepared(
            StateBefore(
                peers: peers, confirmWithin: reachability.configuration.confirmWithin, unhealthy: unhealthy))
    }

    static func isEmergency(_ task: InstallationTask) -> Bool { task.assignment?.isEmergency ?? false }

    /// What the director, or whoever types the command, says of stop hooks that fail.
    func ignoresStopFailure(_ task: InstallationTask) -> Bool {
        ignoresStopFailure || task.assignment?.ignoreStopFailure == true
    }

    /// What was read from the earlier release may have changed since it was looked at, and a patch may not hold what it
    /// promises: then the next way is taken, the last one being the whole.
    private func unpack(
        _ unit: ManifestUnit, _ fetched: FetchedUnit?, _ old: StoredRelease?, _ patches: [OfferedPatch],
        _ layout: UnitLayout
    ) async throws -> Directory {
        var next = fetched
        while let way = next {
            let staging = try layout.freshStaging()
            do {
                try PayloadInstaller.unpack(
                    unit, index: way.index, members: way.members, into: staging, base: way.base,
                    unchanged: unit.definition.unchanged ?? .copy, jobs: jobs)
                return staging
            } catch let error as PackagingError {
                let isDoubt = ["packaging.patch.", "packaging.payload."].contains { error.code.hasPrefix($0) }
                guard way.report.way < .whole, isDoubt else { throw error }
                log.warning(
                    "fetched in vain",
                    metadata: ["unit": "\(unit.name)", "way": "\(way.report.way.rawValue)", "error": "\(error)"])
                do {
                    next = try await fetch(
                        unit, old, patches, from: way.report.way == .patch ? .ranges : .whole)
                } catch { throw StepError(error, otherwise: .transport) }
            }
        }
        throw AgentError(
            code: "release.absent", summary: "The unit \(unit.name) was not fetched.",
            remedy: "This is a defect of Slipway: please report it with the journal.")
    }

    private func fetch(
        _ unit: ManifestUnit, _ old: StoredRelease?, _ patches: [OfferedPatch], from cheapest: FetchWay
    ) async throws -> FetchedUnit {
        let fetched = try await source.fetch(
            unit, installed: old.flatMap { try? $0.installed(unit.name) }, patches: patches, cheapest: cheapest,
            into: downloads)
        log.info(
            "fetched",
            metadata: [
                "unit": "\(unit.name)", "way": "\(fetched.report.way.rawValue)",
                "bytes": "\(fetched.report.bytes.value)", "payload": "\(unit.payload.compressed.length.value)",
                "doubts": "\(fetched.report.doubts.joined(separator: "; "))",
            ])
        return fetched
    }

    /// What the director offers beside the order. It was verified when the order came; a list that cannot be believed now
    /// is no reason to fail, only to fetch more.
    private func offeredPatches(_ task: InstallationTask) async -> [OfferedPatch] {
        guard let envelope = task.envelope, let verified = try? await source.verify(envelope) else { return [] }
        return (verified.assignment.patches ?? []).map {
            OfferedPatch(from: $0.from, to: $0.to, blob: BlobReference(sha256: $0.sha256, length: $0.length))
        }
    }
}

extension StoredRelease {
    /// The unit as it lies on this host; nil where its tree is gone or the release has no such unit.
    fileprivate func installed(_ name: UnitName) throws -> InstalledUnit? {
        guard let unit = manifest[unit: name], let tree = try layout(unit).tree(release.folder) else { return nil }
        return InstalledUnit(tree: tree, record: unit.payload, indexText: try index(unit))
    }
}

extension InstallationTask {
    /// What the order came with; it was verified before the task was made.
    var assignment: Assignment? {
        guard let payload = envelope.flatMap({ try? DSSEEnvelope(json: $0).payload }) else { return nil }
        return try? JSONCoding.decode(Assignment.self, from: payload)
    }

    /// Who runs its migrations, where the rollout says so.
    var migratingHosts: [HostID]? { assignment?.migrates }
}
