import AgentProtocol
import Effects
import Logging
import ReleaseDefinition
import ReleasePackaging

/// Carries out the machine's actions: the one place where an installation touches the host.
struct InstallationRunner: Sendable {
    var source: any ReleaseSource
    var store: ReleaseStore
    var downloads: BlobStore
    var operations: UnitOperations
    var activation: UnitActivation
    var reachability: Reachability
    var backups: Backups
    var preflight: Preflight
    var selfUpdate: SelfUpdate
    var reboot: RebootDoor
    var jobs: Int
    /// Whoever types the command says so; an order says it in its own words.
    var ignoresStopFailure = false
    var log: Logger

    /// Never throws: whatever goes wrong is a command to the machine, with what was seen.
    func perform(_ action: InstallationAction, of installation: Installation, _ host: HostState) async
        -> InstallationCommand
    {
        do {
            return try await act(action, installation, host)
        } catch {
            let step = installation.step ?? .received
            let failed = StepError(error, otherwise: Self.failureClass(of: action))
            let unit = Self.unit(of: action).flatMap { index in
                installation.changes.indices.contains(index) ? installation.changes[index].unit : nil
            }
            let slots = installation.changes.slots(ofNew: installation.task.to != nil)
            return .failed(failed.failure(at: step, log: await serviceLog(installation.task, unit, slots)))
        }
    }

    private func act(
        _ action: InstallationAction, _ installation: Installation, _ host: HostState
    ) async throws -> InstallationCommand {
        let task = installation.task
        let forward = try pairs(installation, old: task.from, new: task.to)
        let context = HookContext(task)
        switch action {
        case .verify: return try await verify(task, host)
        case .preflight:
            guard let to = task.to else { return .done }
            try preflight.check(try await manifest(of: to).manifest, task, host)
        case .stage:
            if let to = task.to { try await stage(to, task) }
        case .activate: return try await prepare(forward, task)
        case .stop(let index):
            // The old one serves until the new one does.
            if forward.changes.isBeside(index) { return .done }
            if let (unit, stored) = forward.old(index) {
                try await operations.stop(
                    unit, of: stored, context, isReplaced: forward.new(index) != nil,
                    strict: !ignoresStopFailure(task),
                    ignored: { moment, error in
                        log.warning(
                            "a hook of the release that is left failed, and is ignored as ordered",
                            metadata: [
                                "order": "\(task.order)", "unit": "\(unit.name)", "hook": "\(moment.rawValue)",
                                "error": "\(ReportedError(error))",
                            ])
                    })
            }
            // The new release knows what it will change; nothing writes there now.
            if let (unit, stored) = forward.new(index) { try backups.take(unit, stored.release.name.product, task) }
        case .switchOver(let index):
            if forward.changes.isBeside(index) { return .done }
            if let (unit, _) = forward.old(index), forward.changes.parallel(index)?.new == nil {
                try parallel.removeLink(unit)
            }
            try await activation.activate(forward.new(index), leaving: forward.old(index), context)
            return try reboot.command(
                after: forward.changes.indices.contains(index) ? forward.changes[index].reboot : nil)
        case .reboot(_, let boot): try await reboot.restart(from: boot)
        case .start(let index):
            try await keepServing(forward, index)
            if SelfUpdate.concerns(task.to) {
                if let (_, stored) = forward.new(index) { try await selfUpdate.start(stored) }
                return .done
            }
            if let (unit, stored) = forward.new(index) {
                // Who is not drained takes traffic as soon as it runs.
                if unit.hook(.drain) == nil, unit.definition.service != nil || unit.hook(.start) != nil {
                    try backups.noteTraffic(stored.manifest, task.order)
                }
                try await operations.start(unit, of: stored, context, isReplaced: forward.old(index) != nil)
            }
        case .check(let index):
            try await keepServing(forward, index)
            if SelfUpdate.concerns(task.to), let (_, stored) = forward.new(index) {
                try await selfUpdate.check(stored)
                return .done
            }
            if let (unit, stored) = forward.new(index) { try await check(unit, of: stored, context) }
        case .takeOver(let index): try await takeOver(forward, index, context)
        case .drain(let index): try await drain(forward, index)
        case .confirm(let peers): try await reachability.awaitOne(of: peers)
        case .tidy: try dropStaging(task)
        case .backOut(let step, let attempt): return try await backOut(step, attempt: attempt, installation)
        }
        return .done
    }

    // MARK: - Before the switch

    private func verify(_ task: InstallationTask, _ host: HostState) async throws -> InstallationCommand {
        if task.order.action == .backOut {
            let changes = try UnitPairs.plan(
                old: stored(task.to), new: stored(task.from)?.manifest,
                slots: SlotsNow(slots: slots(host, task), areOfNew: true),
                concerns: { activation.concerns($0, task.migratingHosts) })
            if let unit = changes.irreversible(upTo: changes.count) {
                throw StepError(
                    .backOut,
                    AgentError(
                        code: "backOut.irreversible", summary: "The unit \(unit) was applied and cannot be taken back.",
                        remedy: "Correct it on this host or with another release."))
            }
            return .verified(changes: changes)
        }
        guard let envelope = task.envelope, let to = task.to else {
            throw AgentError(
                code: "order.empty", summary: "The order \(task.order) names nothing to install.",
                remedy: "This is a defect of Slipway: please report it with the journal.")
        }
        let record = host.record(of: to.name.product)
        guard !record.revoked.contains(to.manifest) else {
            throw AgentError(
                code: "revoked", summary: "\(to) was revoked in the environment of this host.",
                remedy: "Order another release.")
        }
        if let from = task.from, to.name.version < from.name.version {
            throw AgentError(
                code: "downgrade", summary: "\(to) is older than \(from), which this host runs.",
                remedy: "To return to an older release, order a back-out.")
        }
        try dropStaging(task)
        let authorised = try await source.authorise(envelope, revoked: Set(record.revoked))
        let manifest = try await source.manifest(of: authorised)
        let bytes = try manifest.bytes
        guard manifest.name == to.name, SHA256Digest(of: bytes) == to.manifest else {
            throw AgentError(
                code: "verify.name", summary: "The manifest under \(to) calls itself \(manifest.name).",
                remedy: "Whoever approved it must look at what they signed; nothing was installed.")
        }
        try downloads.add(bytes)
        var changes = try UnitPairs.plan(
            old: stored(task.from), new: chosen(of: manifest), slots: SlotsNow(slots: slots(host, task)),
            concerns: { activation.concerns($0, task.migratingHosts) })
        if SelfUpdate.concerns(to) {
            // Its probation ends by itself; this is for the case that it does not.
            for index in changes.indices { changes[index].healthyDeadline = selfUpdate.within + .minutes(1) }
        }
        return .verified(changes: changes)
    }

    private func slots(_ host: HostState, _ task: InstallationTask) -> [UnitName: SlotName] {
        (task.subject?.name.product).map { host.record(of: $0).slotsByUnit } ?? [:]
    }

    /// What the release has for this host, and the bytes of the whole manifest.
    func manifest(of release: HostRelease) async throws -> (manifest: Manifest, bytes: [UInt8]) {
        let file = try downloads.directory.read(release.manifest.hex, sizeMax: Manifest.bytesMax)
        guard SHA256Digest(of: file) == release.manifest else {
            throw AgentError(
                code: "release.damaged", summary: "The downloaded manifest of \(release) changed on the disk.",
                remedy: "Check the disk, then order the release again.")
        }
        return (try chosen(of: Manifest(parsing: file)), file)
    }

    private func chosen(of manifest: Manifest) throws -> Manifest {
        try manifest.chosen(for: .current(), in: preflight.configuration.environment)
    }

    /// The release is on the disk already, from an earlier order, with every byte as it was signed.
    func isWhole(_ unit: ManifestUnit, _ stored: StoredRelease, _ layout: UnitLayout) throws -> Bool {
        guard let tree = try layout.tree(stored.release.folder) else { return false }
        return (try? PayloadInstaller.verifyTree(unit, index: stored.index(unit), tree: tree)) != nil
    }

    func dropStaging(_ task: InstallationTask) throws {
        for release in [task.from, task.to].compactMap(\.self) {
            guard let stored = try? store.stored(release) else { continue }
            for unit in stored.manifest.units { try stored.layout(unit).dropStaging() }
        }
        try downloads.removeAll()
    }

    // MARK: - The way back

    private func backOut(
        _ step: BackOutStep, attempt: Int, _ installation: Installation
    ) async throws -> InstallationCommand {
        let task = installation.task
        let isOrdered = task.order.action == .backOut
        let (removed, restored) = isOrdered ? (task.from, task.to) : (task.to, task.from)
        let pairs = try pairs(installation, old: restored, new: removed)
        var context = HookContext(order: task.order, from: removed, to: restored)
        context.migrating = task.migratingHosts
        switch step {
        case .verifying:
            // A full disk may be what went wrong: what was fetched is not needed for the way back.
            try? downloads.removeAll()
            try pairs.verifyOld(restored)
        case .stopping(let index):
            guard let (unit, stored) = pairs.new(index) else { return .done }
            try await operations.stop(
                unit, of: stored, context, isReplaced: pairs.old(index) != nil, strict: attempt == 1)
        case .switching(let index):
            try await activation.restore(pairs.old(index), leaving: pairs.new(index), context)
            if let (unit, _) = pairs.new(index), pairs.changes.parallel(index)?.old == nil {
                try parallel.removeLink(unit)
            }
            guard pairs.changes.indices.contains(index) else { return .done }
            if !isOrdered { try putBack(pairs.changes[index].unit, task) }
            if SelfUpdate.concerns(task.subject), pairs.old(index) == nil { try await selfUpdate.returnTo(nil) }
            guard case .backingOut(let backOut) = installation.state, backOut.leftWhatRan(index) else { return .done }
            return try reboot.command(after: pairs.changes[index].reboot)
        case .rebooting(_, let boot, _): try await reboot.restart(from: boot)
        case .starting(let index) where pairs.changes.isBeside(index):
            try await makeReady(pairs, index, context)
        case .takingOver(let index): try await takeOverAgain(pairs, index, context)
        case .retiring(let index):
            guard case .backingOut(let backOut) = installation.state else { return .done }
            try await retire(pairs, index, context, isDrained: backOut.tookOver(index))
        case .starting(let index) where SelfUpdate.concerns(restored):
            if let (_, stored) = pairs.old(index) { try await selfUpdate.returnTo(stored) }
        // Who comes back was proved here, and needs nobody's answer for it.
        case .checking where SelfUpdate.concerns(restored): break
        case .starting(let index):
            if let (unit, stored) = pairs.old(index) {
                try await operations.start(unit, of: stored, context, isReplaced: pairs.new(index) != nil)
            }
        case .checking(let index):
            if let (unit, stored) = pairs.old(index) { try await operations.check(unit, of: stored, context) }
        }
        return .done
    }

    /// Data goes back by itself only before the host took traffic again (semantics 5).
    private func putBack(_ unit: UnitName, _ task: InstallationTask) throws {
        guard let product = task.subject?.name.product,
            let backup = try backups.restoreUntouched(unit, product, task.order)
        else { return }
        log.warning(
            "data was restored",
            metadata: [
                "unit": "\(unit)", "taken": "\(backup.takenAt.wholeSeconds)",
                "paths": "\(backup.paths.map(\.path).joined(separator: " "))",
            ])
    }

    /// Of an installation, and of an ordered way back at its first attempt: whether the step changes nothing on the host, so that
    /// it may be taken before the journal has it and is taken again after a kill. Of units without service, hooks and checks
    /// there is nothing to stop, start or ask.
    func onlyReads(_ action: InstallationAction, _ installation: Installation) -> Bool {
        guard !SelfUpdate.concerns(installation.task.subject) else { return false }
        let isBack = installation.task.order.action == .backOut
        switch action {
        case .verify, .backOut(.verifying, attempt: 1): return isBack
        case .backOut(.stopping(let index), attempt: 1), .backOut(.starting(let index), attempt: 1),
            .backOut(.checking(let index), attempt: 1):
            return isBack && isInert([index], installation)
        case .activate: return true
        case .stop(let index), .start(let index), .check(let index): return isInert([index], installation)
        case .confirm: return isInert(installation.changes.indices, installation)
        // It removes what nobody needs any more. Where nobody was to be reached, the last line is that of a check with its hooks.
        case .tidy: return !installation.before.peers.isEmpty || isInert(installation.changes.indices, installation)
        default: return false
        }
    }

    /// Whether nothing of these units runs, in neither release.
    private func isInert(_ indices: some Sequence<Int>, _ installation: Installation) -> Bool {
        let task = installation.task
        let (old, new) = task.order.action == .backOut ? (task.to, task.from) : (task.from, task.to)
        guard let pairs = try? pairs(installation, old: old, new: new) else { return false }
        return indices.allSatisfy { index in
            [pairs.old(index), pairs.new(index)].allSatisfy { $0?.0.isInert ?? true }
        }
    }

    private func check(_ unit: ManifestUnit, of stored: StoredRelease, _ context: HookContext) async throws {
        try await operations.check(unit, of: stored, context) {
            try backups.noteTraffic(stored.manifest, context.order)
        }
    }

    // MARK: - Words

    func stored(_ release: HostRelease?) throws -> StoredRelease? {
        guard let release else { return nil }
        do { return try store.stored(release) } catch let error as AgentError
            where error.code == "agent.release.absent"
        { return nil }
    }

    private func serviceLog(_ task: InstallationTask, _ name: UnitName?, _ slots: [UnitName: SlotName]) async
        -> String
    {
        guard let name, var stored = try? stored(task.to ?? task.from), let unit = stored.manifest[unit: name] else {
            return ""
        }
        stored.slots = slots
        return await operations.logTail(unit, of: stored)
    }

    private static func unit(of action: InstallationAction) -> Int? {
        switch action {
        case .stop(let unit), .switchOver(let unit), .start(let unit), .check(let unit), .reboot(let unit, _),
            .takeOver(let unit), .drain(let unit):
            unit
        case .backOut(.stopping(let unit), _), .backOut(.switching(let unit), _): unit
        case .backOut(.starting(let unit), _), .backOut(.checking(let unit), _): unit
        case .backOut(.takingOver(let unit), _), .backOut(.retiring(let unit), _): unit
        default: nil
        }
    }

    private static func failureClass(of action: InstallationAction) -> FailureClass {
        switch action {
        case .verify: .verify
        case .preflight: .preflight
        case .stage, .activate, .switchOver, .reboot, .tidy: .install
        case .stop, .start, .takeOver: .hook
        case .check, .drain: .health
        case .confirm: .confirm
        case .backOut: .backOut
        }
    }
}

extension ManifestUnit {
    /// Files alone: nothing of it runs, and nobody is asked.
    fileprivate var isInert: Bool {
        (definition.type == .tree || definition.type == .file) && definition.service == nil && hooks.isEmpty
            && definition.health.isEmpty && definition.parallel == nil && definition.backup == nil
    }
}
