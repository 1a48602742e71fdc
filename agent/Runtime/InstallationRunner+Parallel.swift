import AgentProtocol
import Effects
import ReleaseDefinition
import ReleasePackaging

/// Units whose two releases run side by side: the old one serves until the new one does.
extension InstallationRunner {
    var parallel: ParallelSwitch {
        ParallelSwitch(hooks: operations.hooks, environment: operations.environment)
    }

    /// The releases of an order, each with the slots of its units.
    func pairs(_ installation: Installation, old: HostRelease?, new: HostRelease?) throws -> UnitPairs {
        let changes = installation.changes
        var (before, after) = (try stored(old), try stored(new))
        before?.slots = changes.slots(ofNew: false)
        after?.slots = changes.slots(ofNew: true)
        return UnitPairs(changes: changes, old: before, new: after)
    }

    /// What serves goes on doing so, also after the agent or the host was started again in the middle.
    func keepServing(_ pairs: UnitPairs, _ index: Int) async throws {
        guard pairs.changes.isBeside(index), let (unit, stored) = pairs.old(index) else { return }
        do { try await operations.startService(unit, of: stored) } catch { throw StepError(error, otherwise: .hook) }
    }

    func takeOver(_ pairs: UnitPairs, _ index: Int, _ context: HookContext) async throws {
        guard let (unit, stored) = pairs.new(index) else { return }
        try await keepServing(pairs, index)
        try await operations.startService(unit, of: stored)
        try await parallel.takeOver(unit, stored, context)
        guard pairs.changes.isBeside(index) else { return }
        try await activation.activate(pairs.new(index), leaving: pairs.old(index), context)
    }

    /// Requests that the old one has are answered; the new one stays healthy with those that come.
    func drain(_ pairs: UnitPairs, _ index: Int) async throws {
        guard let (unit, stored) = pairs.new(index), let parallel = pairs.changes.parallel(index) else { return }
        try await keepServing(pairs, index)
        try await operations.startService(unit, of: stored)
        if try await !operations.awaitHealth(unit, of: stored, for: parallel.drain) {
            try await operations.time.sleep(for: parallel.drain)
        }
    }

    // MARK: - The way back

    /// The old one answers, before anything is sent to it; where it was kept warm that is at once.
    func makeReady(_ pairs: UnitPairs, _ index: Int, _ context: HookContext) async throws {
        guard let (unit, stored) = pairs.old(index) else { return }
        try await operations.start(unit, of: stored, context, isReplaced: false)
        try await operations.awaitHealth(unit, of: stored, for: .zero)
    }

    func takeOverAgain(_ pairs: UnitPairs, _ index: Int, _ context: HookContext) async throws {
        guard let (unit, stored) = pairs.old(index) else { return }
        try await parallel.takeOver(unit, stored, context)
        guard pairs.changes.isBeside(index) else { return }
        try await activation.activate(pairs.old(index), leaving: pairs.new(index), context)
    }

    /// - Parameter isDrained: it served until a moment ago.
    func retire(_ pairs: UnitPairs, _ index: Int, _ context: HookContext, isDrained: Bool) async throws {
        guard let (unit, stored) = pairs.new(index), let parallel = pairs.changes.parallel(index) else { return }
        if isDrained { try await operations.time.sleep(for: parallel.drain) }
        try await operations.stop(unit, of: stored, context, isReplaced: true, strict: false)
    }
}

extension Agent {
    /// Releases that were kept running in their slot end when their time is over: one task waits for the next of them.
    func scheduleCooling() {
        cooling?.cancel()
        let next = host.products.values.flatMap { ($0.warm ?? [:]).values.map(\.until) }.min()
        guard let next else { return cooling = nil }
        let (time, wait) = (time, max(.milliseconds(1), next.since(clock.now())))
        cooling = Task {
            guard (try? await time.sleep(for: wait)) != nil else { return }
            await self.cool()
        }
    }

    private func cool() async {
        let now = clock.now()
        for record in host.products.values.sorted(by: { $0.product < $1.product }) {
            for (name, warm) in (record.warm ?? [:]).sorted(by: { $0.key < $1.key }) where warm.until <= now {
                // An order in progress leaves nothing behind that is not noted anew.
                guard host.installation?.task.subject?.name.product != record.product else { continue }
                do {
                    let unit = try UnitName(name)
                    try await end(warm, unit, serving: record.slots?[name])
                    try self.record([.cooled(product: record.product, unit: unit)])
                    log.info("kept long enough, ended", metadata: ["release": "\(warm.release)", "unit": "\(unit)"])
                } catch {
                    log.warning(
                        "a release that was kept running could not be ended",
                        metadata: ["error": "\(ReportedError(error))"])
                }
            }
        }
    }

    private func end(_ warm: WarmService, _ unit: UnitName, serving: SlotName?) async throws {
        guard warm.slot != serving, var stored = try? store.stored(warm.release), let unit = stored.manifest[unit: unit]
        else { return }
        stored.slots = [unit.name: warm.slot]
        let context = HookContext(order: warm.order, from: warm.release, to: nil)
        try await operations.stop(unit, of: stored, context, isReplaced: true, strict: false)
    }
}
