import AgentProtocol
import Effects
import ReleaseDefinition

extension Agent {
    /// Carries out orders one after another, for as long as the agent runs.
    func installForever() async {
        // What an earlier run did not finish deleting.
        if host.installation == nil { await tidyUp() }
        scheduleCooling()
        while !Task.isCancelled {
            do {
                try takeWaitingLabels()
                try startNext()
                if let rehearsing {
                    try await carryOut(rehearsal: rehearsing)
                } else if host.installation != nil {
                    try await drive()
                } else {
                    await ordersWake.wait()
                }
            } catch {
                // The journal cannot be written: nothing is done that could not be remembered.
                log.error("the journal cannot be written", metadata: ["error": "\(ReportedError(error))"])
                try? await time.sleep(for: .seconds(1))
            }
        }
    }

    /// Takes the installation in progress to its end.
    /// - Parameter failuresMax: how often in a row a step may not be recorded. The agent goes on for ever; a command by hand
    ///   gives up, and the next start of any kind goes on where it stood.
    /// - Throws: what the journal said then.
    func drive(failuresMax: Int = .max) async throws {
        var last: InstallationTask?
        var failures = 0
        while !Task.isCancelled, let installation = host.installation {
            last = installation.task
            do {
                guard let action = installation.pendingAction(at: clock.now()) else {
                    try await waitForRetry(installation)
                    continue
                }
                if let outcome = interruption(of: installation) {
                    try advance(installation, .refused(outcome))
                    continue
                }
                if action == .activate, try await isHeld(installation) { continue }
                let command = await perform(action, installation)
                guard !Task.isCancelled else { return }
                try advance(installation, command)
                failures = 0
            } catch is CancellationError {
                return
            } catch {
                // A full disk, most likely: what was staged is given back, and the same action comes again.
                log.error("a step cannot be recorded", metadata: ["error": "\(ReportedError(error))"])
                if installation.isBeforeStop { try? runner.dropStaging(installation.task) }
                failures += 1
                guard failures < failuresMax else { throw error }
                try? await time.sleep(for: .seconds(1))
            }
        }
        // What failed before its first stop left its staging: the space is given back.
        if host.installation == nil, let last { try? runner.dropStaging(last) }
        await tidyUp()
        scheduleCooling()
    }

    func advance(_ installation: Installation, _ command: InstallationCommand) throws {
        var events: [InstallationEvent]
        do {
            events = try installation.decide(command, at: clock.now())
        } catch {
            let failed = StepError(error, otherwise: .install).failure(at: installation.step ?? .received)
            events = try installation.decide(.failed(failed), at: clock.now())
        }
        if case .failed(let failure) = command {
            log.note(
                .deploymentFailed, .error, "step failed",
                metadata: [
                    "order": "\(installation.task.order)", "step": failure.evidence.step.rawValue,
                    "class": failure.failureClass.rawValue, "error": "\(failure.evidence.error)",
                    "product": installation.task.subject?.name.product.text ?? "",
                ])
        }
        events = events.map { looked($0, installation) }
        try record(events.map { .installation(event: $0) }, isLazy: isFollowedByReading(events, installation))
        for event in events { say(event, installation) }
    }

    /// What begins a way back by itself is never forgotten, nor is one that was ordered over the network.
    private func isFollowedByReading(_ events: [InstallationEvent], _ installation: Installation) -> Bool {
        guard writesLazily || installation.task.order.action == .install else { return false }
        var next = installation
        for event in events { next.apply(event, at: clock.now()) }
        return next.pendingAction(at: clock.now()).map { runner.onlyReads($0, next) } ?? false
    }

    /// After a way back that failed the links say what is there, whatever was meant to be.
    private func looked(_ event: InstallationEvent, _ installation: Installation) -> InstallationEvent {
        guard case .ended(.backOutFailed, let failure, _) = event else { return event }
        let task = installation.task
        let (left, restored) = task.order.action == .backOut ? (task.from, task.to) : (task.to, task.from)
        let shown = ShownLinks([left, restored].compactMap(\.self), in: store)
        log.note(
            .locked, .error, "this host could not go back and is locked: a person must look",
            metadata: [
                "order": "\(task.order)", "runs": shown.release?.description ?? "nothing",
                "links": shown.words ?? "they agree", "product": task.subject?.name.product.text ?? "",
            ])
        var kept = failure
        if let words = shown.words { kept?.evidence.backOutError?.summary += " The links disagree: \(words)." }
        return .ended(outcome: .backOutFailed, failure: kept, shown: shown)
    }

    private func say(_ event: InstallationEvent, _ installation: Installation) {
        let order = "\(installation.task.order)"
        switch event {
        case .ended(.backedOut(let reason), _, let shown) where installation.task.order.action != .backOut:
            log.note(
                .backedOut, .warning, "order ended",
                metadata: [
                    "order": order, "outcome": HostOutcome.backedOut(reason).words,
                    "product": installation.task.subject?.name.product.text ?? "",
                    "runs": (shown?.release ?? installation.task.from)?.description ?? "nothing",
                ])
        case .ended(let outcome, _, _):
            log.info("order ended", metadata: ["order": "\(order)", "outcome": "\(outcome.words)"])
        case .backOutRetried(let error):
            log.error("back-out failed, trying again", metadata: ["order": "\(order)", "error": "\(error)"])
        default:
            if let step = host.installation?.step {
                log.info("step", metadata: ["order": "\(order)", "step": "\(step.rawValue)"])
            }
        }
    }

    /// The action, or its deadline if that comes first.
    func perform(_ action: InstallationAction, _ installation: Installation) async -> InstallationCommand {
        let (runner, host, time) = (runner, host, time)
        // A little later than the deadline itself, so that the machine sees it passed.
        let isBeforeStop = installation.isBeforeStop
        // A wake that was waited for in a cancelled task is spent.
        let wake = Wake()
        interruptionWake = wake
        let left = max(.zero, installation.deadlineAt?.since(clock.now()) ?? .hours(24)) + .milliseconds(5)
        return await withTaskGroup(of: InstallationCommand?.self) { group in
            group.addTask { await runner.perform(action, of: installation, host) }
            group.addTask {
                // nil: cancelled, because the action was done first.
                do { try await time.sleep(for: left) } catch { return nil }
                return .tick
            }
            if isBeforeStop {
                group.addTask {
                    await wake.wait()
                    return await self.interruption(of: installation).map { .refused($0) }
                }
            }
            var first = await group.next() ?? nil
            group.cancelAll()
            // A step that is over its time is given up before anything else begins; a result that is there all the same
            // does not count.
            while let other = await group.next() { first = first ?? other }
            return first ?? .tick
        }
    }

    private func waitForRetry(_ installation: Installation) async throws {
        guard case .backingOut(let backOut) = installation.state else {
            return try await time.sleep(for: .milliseconds(100))
        }
        try await time.sleep(for: max(.milliseconds(1), backOut.notBefore.since(clock.now())))
    }

    // MARK: - After an order

    /// Deletes releases that need not be kept, one after another, when the host has nothing better to do.
    func tidyUp() async {
        do {
            for product in host.products.keys.sorted() {
                try noteKeep(product)
                try await deleteOld(host.record(of: product))
            }
            try shortenJournal()
        } catch {
            log.warning("old releases could not be deleted", metadata: ["error": "\(ReportedError(error))"])
        }
    }

    private func noteKeep(_ product: ProductName) throws {
        let record = host.record(of: product)
        guard let current = record.current, let stored = try? store.stored(current) else { return }
        let keep = stored.manifest.backOut.keep
        if keep != record.keep { try self.record([.keep(product: product, count: keep)]) }
    }

    private func deleteOld(_ record: ProductRecord) async throws {
        let doomed = Retention.removable(
            onDisk: record.releases.map(\.release), protected: record.protected, keep: record.keep)
        for release in doomed {
            guard host.installation == nil else { return }
            while try !runner.deleteSome(release) {
                // Slowly: a file system that frees ten thousand files at once is slow for everybody else on the host.
                try await time.sleep(for: .milliseconds(100))
                guard host.installation == nil, queue.isEmpty else { return }
            }
            try self.record([.deleted(release: release)])
            log.info("old release deleted", metadata: ["release": "\(release)"])
        }
    }
}

extension InstallationRunner {
    private static let deletedAtOnce = 500

    /// A part of it. The trees first: as long as the manifest is there, it can be done again and goes on where it stopped.
    /// - Returns: whether all of it is gone.
    func deleteSome(_ release: HostRelease) throws -> Bool {
        if let stored = try? store.stored(release) {
            for unit in stored.manifest.units {
                let layout = try stored.layout(unit)
                guard try layout.deleteSome(release.folder, atMost: Self.deletedAtOnce) else { return false }
            }
        }
        try store.delete(release)
        return true
    }
}
