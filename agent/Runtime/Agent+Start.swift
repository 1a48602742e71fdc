import AgentProtocol
import Effects
import ReleaseDefinition

extension Agent {
    /// Start-up: says what the journal shows, repairs it, sees to it that what should run does, and takes up what was
    /// left unfinished.
    func recover() async throws {
        try repairJournal()
        for product in host.products.keys.sorted() { await ensureRunning(product) }
        doubt()
        if let installation = host.installation {
            let events = try installation.decide(.recover, at: clock.now())
            log.warning(
                "an unfinished order was found",
                metadata: [
                    "order": "\(installation.task.order)", "state": "\(installation.step?.rawValue ?? "ended")",
                    "next":
                        "\(events.contains(.restarted) ? "staging is dropped, it starts again" : "the step is repeated")",
                ])
            try record(events.map { .installation(event: $0) })
        }
        if configuration.controller != nil {
            let report = HostReport(sequence: host.nextSequence, at: time.now(), body: .inventory(inventory()))
            try record([.report(report: report)], isLazy: writesLazily)
        }
    }

    /// What a failed way back left is not healthy until it was looked at, also once a person has unlocked it.
    private func doubt() {
        for record in host.products.values {
            guard let current = record.current, let failed = host.unsettled(record.product) else { continue }
            ailments[record.product] = Ailment(
                release: current, detail: "\(failed.order) could not go back, and its checks were not asked since.")
            healthWake.call()
        }
    }

    private func repairJournal() throws {
        switch journal.damage {
        case .none: break
        case .tornTail(let length):
            log.warning("the last write to the journal was cut short and is dropped", metadata: ["bytes": "\(length)"])
        case .quarantined(let name):
            log.error(
                "the journal was damaged; it is kept and the state is rebuilt from the disk",
                metadata: ["file": "\(name)"])
            return try rebuild()
        }
        // Nothing in it, whether it was lost or a rebuild was cut short; a new host has no releases.
        if host == HostState(), try !store.all().isEmpty {
            log.error("the journal says nothing, but there are releases; the state is rebuilt from the disk")
            return try rebuild()
        }
        let unheard: HostRelease?
        do { unheard = try unheardOf() } catch {
            // A journal that is whole says enough to start what runs.
            log.error("the releases cannot be listed", metadata: ["error": "\(error)"])
            unheard = nil
        }
        if let release = unheard {
            log.error(
                "the end of the journal is lost, which knows nothing of what runs; the state is rebuilt from the disk",
                metadata: ["release": "\(release)"])
            try rebuild()
        }
    }

    /// What the links show although nothing was ever said of it, or only that it was to come: a journal that was cut further
    /// back than its last line, between two lines perhaps.
    private func unheardOf() throws -> HostRelease? {
        try shown(among: store.all()).first { release in
            let record = host.record(of: release.name.product)
            guard record.lockedBy == nil, record.current != release else { return false }
            // What is switched to was stopped for first, and that was written down before.
            if let installation = host.installation, installation.task.to == release {
                return installation.isBeforeStop
            }
            return !record.releases.contains { $0.release == release }
        }
    }

    /// The releases that all of their units' links show.
    private func shown(among releases: [HostRelease]) -> [HostRelease] {
        releases.filter { release in
            guard let stored = try? store.stored(release) else { return false }
            return stored.manifest.units.allSatisfy { unit in
                (try? stored.layout(unit).current()) == release.folder
            }
        }
    }

    private func rebuild() throws {
        let onDisk = try store.all()
        let running = shown(among: onDisk)
        let (rebuilt, lost) = HostState.rebuilt(salvaged: host, running: running, onDisk: onDisk, at: time.now())
        guard let checkpoint = rebuilt.checkpoint else { return }
        host = rebuilt
        try journal.append(JournalEntry(at: clock.now(), changes: [.checkpoint(checkpoint: checkpoint)]))
        for release in running { log.warning("running, by its links", metadata: ["release": "\(release)"]) }
        guard let lost, let subject = lost.subject else { return }
        log.error("how this order ended can no longer be told", metadata: ["order": "\(lost.order)"])
        let finished = FinishedOrder(
            order: lost.order, release: subject.name, outcome: .failed(.lost), at: time.now(), failure: nil)
        try record([.refused(order: finished, counter: nil)])
    }

    /// After a reboot, or when a service ended while no agent was there. A product in the middle of an order is left to
    /// the order, once that has begun to stop things.
    private func ensureRunning(_ product: ProductName) async {
        if let installation = host.installation, installation.task.subject?.name.product == product,
            !installation.isBeforeStop
        {
            return
        }
        guard let current = host.record(of: product).current else { return }
        do {
            var stored = try store.stored(current)
            stored.slots = host.record(of: product).slotsByUnit
            for unit in stored.manifest.units {
                try await operations.startService(unit, of: stored)
                try runner.parallel.showLink(unit, stored)
            }
        } catch {
            log.error(
                "what should run could not be started",
                metadata: ["release": "\(current)", "error": "\(ReportedError(error))"])
        }
    }
}
