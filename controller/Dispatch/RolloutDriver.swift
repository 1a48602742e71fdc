import AgentProtocol
import ReleaseDefinition
import ReleaseRollout

/// Several decisions made on top of one another, before any of them is stored.
struct Decisions {
    private var rollouts: [RolloutID: Rollout] = [:]
    private(set) var events: [NewEvent] = []

    /// Asks the engine and goes on from its answer.
    mutating func decide(
        _ command: RolloutCommand, on record: RolloutRecord, by actor: String, at now: UTCInstant
    ) throws(RolloutError) {
        let made = try (rollouts[record.id] ?? record.rollout).decide(command, at: now)
        guard !made.isEmpty else { return }
        // Changed where it lies: held in two places, all its hosts would be copied for the one that moves.
        for event in made {
            rollouts[record.id, default: record.rollout].apply(event)
            add(.rolloutChanged(RolloutChanged(rollout: record.id, event: event)), by: actor)
        }
    }

    mutating func add(_ event: ControllerEvent, by actor: String) {
        events.append(NewEvent(actor: actor, event: event))
    }
}

/// Carries out what the engine wants: decisions first into the log, then onto the wire. Killed between the two, the
/// orders that are outstanding go out again when the hosts are back.
extension Controller {
    static let engineActor = "engine"
    /// An engine that never comes to rest is a defect; the log must not fill up with it.
    private static let roundsMax = 10_000
    /// Orders and cancels of one turn of the actor: some tens of milliseconds of signing, and one flush to the disk.
    static let wordsMax = 128
    /// People go before hosts: of them there are few, and what they ask may be the emergency.
    static let peoplePriority = TaskPriority.high

    /// Decides, stores and acts, for one rollout.
    func tell(_ id: RolloutID, _ command: RolloutCommand, by actor: String) throws {
        guard let record = state.rollouts[id] else { throw ControllerError.notFound("rollout \(id)") }
        let now = time.now()
        var decisions = Decisions()
        try decisions.decide(command, on: record, by: actor, at: now)
        try commit(StoreChange(events: decisions.events), at: now)
        pausedRollouts[id] = nil
        drive()
    }

    /// Of a rollout that could not be driven.
    private static let pause = TimeSpan.seconds(5)

    /// Brings every active rollout to rest, and sets the next deadline. More words to hosts than fit one turn follow in turns
    /// of their own, so that nobody waits for thousands of them; those of emergencies come first.
    func drive() {
        guard leads else { return }
        let begunAt = time.now()
        // A clock that was set back makes no pause longer.
        pausedRollouts = pausedRollouts.filter { begunAt < $0.value && $0.value <= begunAt + Self.pause }
        let moving = state.rolloutOrder.filter { !restingRollouts.contains($0) && pausedRollouts[$0] == nil }
        let urgent = moving.filter { state.rollouts[$0]?.isEmergency == true }
        var (room, isUrgent) = (Self.wordsMax, false)
        for id in urgent.isEmpty ? moving : urgent + moving.filter({ !urgent.contains($0) }) {
            let roomBefore = room
            do {
                try overtaken { try drive(id, &room) }
                if room <= 0, urgent.contains(id) { isUrgent = true }
                // Where there is no room left, some of its words may wait still.
                if room > 0, let record = state.rollouts[id], !record.isActive, record.rollout.nextDeadlineAt == nil {
                    restingRollouts.insert(id)
                }
            } catch {
                // The log or the repository cannot be written: nothing is lost, it tries again after its pause.
                logger.error("rollout waits", metadata: ["rollout": "\(id)", "error": "\(error)"])
                pausedRollouts[id] = begunAt + Self.pause
                room = roomBefore
            }
        }
        do {
            try publishChangedChannels()
        } catch {
            logger.error("channels wait", metadata: ["error": "\(error)"])
            retryAt = time.now() + .seconds(5)
        }
        if isRunning { followChannels() }
        endSilentRehearsals()
        settleLifecycles()
        setTimer()
        if room <= 0 { driveOn(isUrgent: isUrgent) }
    }

    /// In a turn of its own, behind those that wait already; an emergency's ahead of hosts' reports.
    private func driveOn(isUrgent: Bool) {
        guard isRunning, furtherTurns.insert(isUrgent).inserted else { return }
        Task(priority: isUrgent ? Controller.peoplePriority : .medium) { [weak self] in
            await self?.takeFurtherTurn(isUrgent: isUrgent)
        }
    }

    private func takeFurtherTurn(isUrgent: Bool) {
        furtherTurns.remove(isUrgent)
        if isRunning { drive() }
    }

    /// Where another controller wrote first, what is tried is tried again on the newer state.
    func overtaken(isForLeader: Bool = true, _ body: () throws -> Void) throws {
        for _ in 0..<10 {
            do { return try body() } catch let error as ControllerError where error.isOvertaken {
                // Already read on. Whoever does not lead any more leaves it to the one that does.
                if isForLeader, !leads { return }
            }
        }
        try body()
    }

    /// - Parameter room: how many words to hosts this turn takes still.
    private func drive(_ id: RolloutID, _ room: inout Int) throws {
        for _ in 0..<Self.roundsMax {
            let now = time.now()
            guard let record = state.rollouts[id] else { return }
            // A gate that is being asked stays pending until it has answered.
            let actions = record.rollout.pendingActions(at: now).filter {
                !isBeingAsked($0, of: id) && !isFrozen($0, of: record)
            }
            let words = actions.lazy.filter(\.isWord).prefix(max(0, room))
            let others = actions.filter { !$0.isWord }
            room -= words.count
            if words.isEmpty, others.isEmpty { return }
            try perform(others + words, of: record, at: now)
        }
        logger.critical("rollout does not come to rest", metadata: ["rollout": "\(id)"])
    }

    private func perform(_ actions: [RolloutAction], of record: RolloutRecord, at now: UTCInstant) throws {
        var orders: [(HostID, OrderID)] = []
        var cancels: [(HostID, OrderID)] = []
        for action in actions {
            switch action {
            case .revoke(let manifest): try revoke(manifest, of: record, at: now)
            case .sendOrder(let host, let order): orders.append((host, order))
            case .cancelOrder(let host, let order): cancels.append((host, order))
            case .switchTraffic(let order): try switchTraffic(order, of: record, at: now)
            case .publishChannel(let view):
                // A newer rollout has the channel of one that was superseded, but while that takes hosts back.
                if record.speaks || !record.rollout.isSuperseded { try publish(view, of: record) }
                try recordDone(.channelPublished(view), on: record.id, at: now)
            case .judgeGate(let phase, let gate, let round): ask(gate, of: record, phase: phase, round: round)
            }
        }
        if !cancels.isEmpty { try cancel(cancels, of: record, at: now) }
        if !orders.isEmpty { try send(orders, of: record.id, at: now) }
    }

    /// On the wire, then one transaction: a cancel that is sent twice does no harm.
    private func cancel(_ cancels: [(HostID, OrderID)], of record: RolloutRecord, at now: UTCInstant) throws {
        if let release = record.plan?.definition.release {
            for (host, order) in cancels {
                hub.send(.cancel(OrderCancel(order: order, release: release)), sequence: store.sequence, to: host)
            }
        }
        guard let record = state.rollouts[record.id] else { return }
        var decisions = Decisions()
        for (host, order) in cancels {
            try decisions.decide(.cancelSent(host, order), on: record, by: Self.engineActor, at: now)
        }
        try commit(StoreChange(events: decisions.events), at: now)
    }

    /// One transaction for all orders of a round, then the wire.
    private func send(_ orders: [(HostID, OrderID)], of id: RolloutID, at now: UTCInstant) throws {
        guard let record = state.rollouts[id], let plan = record.plan else { return }
        var decisions = Decisions()
        for (host, order) in orders {
            try decisions.decide(.orderSent(host, order), on: record, by: Self.engineActor, at: now)
        }
        try commit(StoreChange(events: decisions.events), at: now)
        let revoked = state.revoked(for: plan)
        for (host, order) in orders { try transmit(order, of: plan, to: host, at: now, revoked: revoked) }
    }

    func transmit(
        _ order: OrderID, of plan: RolloutPlan, to host: HostID, at now: UTCInstant, rehearses: Bool? = nil,
        revoked: [SHA256Digest]? = nil
    ) throws {
        guard hub.isOnline(host) else { return }
        let running = state.hosts[host]?.running[plan.definition.release.product]?.manifest
        let envelope = try director.assignment(
            order, for: host, of: plan, counter: store.sequence, revoked: revoked ?? state.revoked(for: plan),
            patches: running.flatMap { patches.patches(PatchRoute(from: $0, to: plan.manifest)) },
            rehearses: rehearses, at: now)
        hub.send(.assignment(envelope), sequence: store.sequence, to: host)
        logger.info(
            "order sent", metadata: ["host": "\(host)", "order": "\(order)", "trace": "\(TraceParent(order))"])
    }

    private func revoke(_ manifest: SHA256Digest, of record: RolloutRecord, at now: UTCInstant) throws {
        guard let plan = record.plan else { return }
        let environment = plan.definition.environment
        let release = plan.definition.release
        var decisions = Decisions()
        if state.releases[release]?.revocation(in: environment) == nil {
            let why = record.reason ?? "rollout \(record.id) backs out"
            decisions.add(
                .releaseRevoked(
                    ReleaseRevoked(
                        release: release, manifest: manifest, environment: environment, reason: why,
                        rollout: record.id)), by: Self.engineActor)
            try commit(StoreChange(events: decisions.events), at: now)
        }
        try publishChangedChannels()
        try recordDone(.revocationPublished, on: record.id, at: now)
    }

    private func recordDone(_ command: RolloutCommand, on id: RolloutID, at now: UTCInstant) throws {
        guard let record = state.rollouts[id] else { return }
        var decisions = Decisions()
        try decisions.decide(command, on: record, by: Self.engineActor, at: now)
        try commit(StoreChange(events: decisions.events), at: now)
    }
}

extension Controller {
    // MARK: time

    /// The one timer: to the nearest deadline of any rollout.
    private func setTimer() {
        stopTimer()
        guard isRunning else { return }
        let moving = state.rolloutOrder.filter { !restingRollouts.contains($0) && pausedRollouts[$0] == nil }
            .compactMap { state.rollouts[$0] }
        let now = time.now()
        // One that could not be ended waits for the next try.
        let ends = state.openRehearsals.map(endsAt).filter { $0 > now }
        let deadlines =
            moving.compactMap(\.rollout.nextDeadlineAt) + [retryAt].compactMap { $0 } + ends + pausedRollouts.values
        guard let next = deadlines.min() else { return }
        let span = max(next.since(now), .milliseconds(1))
        let time = time
        timer = Task { [weak self] in
            guard (try? await time.sleep(for: span)) != nil else { return }
            await self?.timePassed()
        }
    }

    func stopTimer() {
        timer?.cancel()
        timer = nil
    }

    private func timePassed() {
        guard leads else { return }
        let now = time.now()
        retryAt = nil
        tellAll(.tick) { record in record.rollout.nextDeadlineAt.map { $0 <= now } ?? false }
    }

    // MARK: start and stop

    /// How long hosts have to come back after the controller did, before they count as out of contact.
    static let reconnectGrace = TimeSpan.seconds(20)

    /// Goes on where the log ends.
    func resume() throws {
        isRunning = true
        // What a killed upload left.
        try folder.directory.removeTree(ControllerDirectory.workName)
        // Where several share the record, the one that leads does the rest.
        guard shared == nil else { return keepPlaceOnce() }
        hostsAwaitedUntil = time.now() + Self.reconnectGrace
        try completePublication()
        // What an earlier version, or a kill, left waiting for signatures that nothing can come of any more.
        try settle(at: time.now())
        try publishAllChannels()
        for record in state.channelRollouts { if let plan = record.plan { beginPatches(to: plan.definition.release) } }
        tellAll(.controllerReturned) { _ in true }
    }

    /// Gives the folder back.
    func close() {
        suspend()
        // What it tells has a hold on this controller.
        certificatesChanged = nil
        try? store.close()
        lock.release()
    }

    func suspend() {
        stopTimer()
        if isRunning { leave() }
        isRunning = false
        lifecycleTimer?.cancel()
        patches.stop.set()
    }
}

extension RolloutAction {
    /// To a host: of these there may be thousands.
    fileprivate var isWord: Bool {
        switch self {
        case .sendOrder, .cancelOrder: true
        case .revoke, .switchTraffic, .publishChannel, .judgeGate: false
        }
    }
}

extension RolloutRecord {
    fileprivate var isEmergency: Bool { plan?.urgency.isEmergency == true }

    /// It was being backed out when it was paused or halted.
    var hasHeldBackOut: Bool {
        switch rollout.state {
        case .paused, .halted: rollout.isBackingOut
        case .planned, .running, .baking, .stopping, .backingOut, .ended: false
        }
    }

    /// Whether contact with the host matters to it. To one that has ended only if the host is to catch up, or has an
    /// order of it still: a host that comes and goes leaves no trace in the rollouts of years.
    func awaits(_ host: HostID) -> Bool {
        guard let known = hosts[host] else { return false }
        return isActive || known.outcome == .offline || !rollout.outstandingOrders(for: host).isEmpty
    }

    /// Why it is in its state, in words.
    var reason: String? {
        switch rollout.state {
        case .planned, .running, .baking: nil
        case .paused(let it), .halted(let it): Self.words(it.reason)
        case .stopping(let reason): Self.words(reason)
        case .backingOut(let it): Self.words(it.reason)
        case .ended(let end, _):
            switch end {
            case .succeeded: rollout.hadNothingToDo ? "Nothing to do: every host ran the release already." : nil
            case .backedOut(let reason), .stopped(let reason), .failed(let reason): Self.words(reason)
            case .superseded: RolloutNarration.text(of: end)
            }
        }
    }

    private static func words(_ reason: StatusReason) -> String {
        reason.text + (reason.by.map { " (by \($0))" } ?? "")
    }
}

extension FleetState {
    /// Why it is in its state, in words; where a person holds the channel of one that is over, that too.
    func reason(of record: RolloutRecord) -> String? {
        guard let held = channelHeldWords(record) else { return record.reason }
        return record.reason.map { "\($0.hasSuffix(".") ? $0 : $0 + ".") \(held)" } ?? held
    }

    /// nil: nobody holds it, the state itself says who does, or the channel has gone on to a newer rollout.
    func channelHeldWords(_ record: RolloutRecord) -> String? {
        guard let hold = record.rollout.channelHold, let definition = record.plan?.definition,
            newestOfChannel(definition) == record.id
        else { return nil }
        switch record.rollout.state {
        case .paused(let held) where held.reason.by != nil, .halted(let held) where held.reason.by != nil: return nil
        case .planned, .stopping, .backingOut: return nil
        case .running, .baking, .paused, .halted, .ended: break
        }
        return "No newer release starts by itself: \(hold.by ?? "a person") holds the channel (\(hold.text)); "
            + "slipway rollout resume \(record.id) --reason REASON lifts it."
    }
}

extension FleetState {
    /// What no host of the plan's environment may install: of its product alone.
    func revoked(for plan: RolloutPlan) -> [SHA256Digest] {
        revoked(environment: plan.definition.environment, product: plan.definition.release.product)
    }

    func revoked(environment: EnvironmentName, product: ProductName) -> [SHA256Digest] {
        releases.values.filter { $0.submitted.release.product == product && $0.revocation(in: environment) != nil }
            .map(\.submitted.manifest).sorted()
    }
}
