import AgentProtocol
import Effects
import ReleaseDefinition
import ReleaseRollout
import ReleaseTrust

/// Several controllers on one database. Each serves people and hosts, decides what it is asked, and appends to the log;
/// one at a time leads: it drives rollouts, renews metadata and writes what the repository's readers find changed. The
/// right to lead is a lease whose token every write shows.
struct Leadership: Sendable {
    static let leaseName = "engine"
    static let span = TimeSpan.seconds(8)
    static let renewal = TimeSpan.seconds(2)

    var lease: Lease?
    /// By the clock of this machine, counted from before the lease was asked for.
    var until = ContinuousClock.now
}

extension Controller {
    /// Whether this controller may act on its own account now. One alone always may.
    var leads: Bool { shared == nil || (leadership.lease != nil && ContinuousClock.now < leadership.until) }

    /// Every host that is in contact with any controller.
    var onlineHosts: Set<HostID> { hub.online.union(hostsElsewhere) }

    // MARK: taking and losing the lead

    /// Says that it is there, and takes the lead where nobody has it, for as long as the controller runs.
    nonisolated func keepPlace() async throws {
        guard shared != nil else { return }
        while true {
            await keepPlaceOnce()
            try await time.sleep(for: Leadership.renewal)
        }
    }

    func keepPlaceOnce() {
        guard let shared, isRunning else { return }
        let asked = ContinuousClock.now
        let led = leads
        do {
            try shared.notePresence(of: holder)
            hostsElsewhere = try shared.contacts(besides: holder)
            let lease = try shared.acquire(Leadership.leaseName, by: holder, for: Leadership.span)
            noteRecord(.place, isWritten: true)
            probeRecord(shared)
            guard let lease else { return loseLead() }
            leadership.until = asked + .milliseconds(Leadership.span.milliseconds)
            guard lease != leadership.lease else {
                // The database was away for longer than the lease, and nobody else came: deadlines that passed meanwhile were
                // not looked at.
                if !led { drive() }
                return
            }
            leadership.lease = lease
            do { try takeLead() } catch {
                // The same lease is there the next time, and is taken for a new one then.
                leadership.lease = nil
                logger.error("this controller cannot lead yet", metadata: ["error": "\(ReportedError(error))"])
            }
        } catch {
            noteRecord(.place, isWritten: false)
            logger.error("the database does not answer", metadata: ["error": "\(ReportedError(error))"])
        }
    }

    /// A record that refused the last write may be one that nobody writes to now, as where a balancer spares this controller:
    /// it is asked until it takes writes.
    private func probeRecord(_ shared: PostgresStore) {
        guard shared.refusesWrites || failedUses.contains(.log) else { return }
        do {
            try shared.probeWrites()
            noteRecord(.log, isWritten: true)
        } catch {
            logger.error("the database takes no writes", metadata: ["error": "\(ReportedError(error))"])
        }
    }

    /// Goes on where the one before it stopped.
    private func takeLead() throws {
        try takeNews()
        logger.notice("this controller leads", metadata: ["token": "\(leadership.lease?.token ?? 0)"])
        try completePublication()
        try publishAllChannels()
        for record in state.channelRollouts { if let plan = record.plan { beginPatches(to: plan.definition.release) } }
        restingRollouts = []
        hostsAwaitedUntil = time.now() + Self.reconnectGrace
        tellAll(.controllerReturned) { _ in true }
        Task { [weak self, time] in
            guard (try? await time.sleep(for: Self.reconnectGrace)) != nil else { return }
            await self?.noteAbsentHosts()
        }
    }

    private func loseLead() {
        guard leadership.lease != nil else { return }
        leadership.lease = nil
        stopTimer()
        logger.note(.leadershipLost, .warning, "another controller leads now; this one is a standby", metadata: [:])
    }

    /// Gives everything back at once, so that another goes on without waiting.
    func leave() {
        guard let shared else { return }
        if let lease = leadership.lease { try? shared.release(lease) }
        leadership.lease = nil
        try? shared.forget(holder)
    }

    // MARK: what others wrote

    /// Reads on whenever somebody wrote, for as long as the controller runs.
    nonisolated func followLog() async throws {
        guard let shared else { return }
        let listener = LogListener(shared)
        while !Task.isCancelled {
            do {
                try await listener.wait()
                await hearNews()
            } catch {
                guard (try? await time.sleep(for: .seconds(1))) != nil else { break }
            }
        }
        await listener.stop()
    }

    func hearNews() {
        LoopExecutor.expectElsewhere()
        do {
            let isNew = try takeNews()
            hostsElsewhere = try shared?.contacts(besides: holder) ?? []
            if isNew, leads { drive() }
        } catch {
            logger.debug("no news", metadata: ["error": "\(ReportedError(error))"])
        }
        let here = contradicted
        contradicted = []
        let revoked = revokedElsewhere
        revokedElsewhere = []
        for it in revoked where leads {
            guard let release = state.releases[it.release] else { continue }
            do {
                try spreadRevocation(of: release, in: it.environment, by: Self.engineActor, reason: it.reason)
            } catch {
                logger.error("a revocation waits", metadata: ["release": "\(it.release)", "error": "\(error)"])
                revokedElsewhere.append(it)
            }
        }
        for host in here where hub.isOnline(host) { tellAll(.contact(host, .online)) { $0.awaits(host) } }
    }

    /// Applies what others wrote, and does what follows for the hosts and people whose streams are here.
    /// - Returns: whether there was anything.
    @discardableResult
    func takeNews() throws -> Bool {
        guard shared != nil else { return false }
        var (foreign, isNew) = ([EventEntry](), false)
        defer { for entry in foreign { hear(entry) } }
        let hasDocument = try store.readOn(
            event: {
                applyToState($0)
                foreign.append($0)
            },
            report: {
                state.apply($0)
                isNew = true
            })
        if hasDocument, let document = try store.document(RepositoryKeeper.documentName) {
            repository = try JSONCoding.decode(RepositoryState.self, from: document)
            try completePublication()
        }
        return isNew || hasDocument || !foreign.isEmpty
    }

    private func hear(_ entry: EventEntry) {
        switch entry.event {
        case .rolloutChanged(let it):
            guard let plan = state.rollouts[it.rollout]?.plan else { return }
            switch it.event.fact {
            case .orderSent(let host, let order): try? transmit(order, of: plan, to: host, at: time.now())
            case .contactChanged(let host, .offline) where hub.isOnline(host): contradicted.insert(host)
            default: break
            }
        case .hostLabelled(let it): tellLabels(it.host)
        case .rehearsalOrdered(let it): state.rehearsals[it.plan.id].map(transmitRehearsals(of:))
        case .rehearsalEnded(let it): state.rehearsals[it.rehearsal].map(transmitRehearsals(of:))
        case .hostRevoked(let it), .hostRetired(let it): endStreamOfDisbelieved(it.host)
        case .hostQuarantined(let it): endStreamOfDisbelieved(it.host)
        case .releaseRevoked(let it):
            try? sendRevocation(of: it.release, it.manifest, in: it.environment)
            if it.rollout == nil { revokedElsewhere.append(it) }
        case .authorityOffered, .authorityAdopted:
            logger.error("the authority was replaced on another controller: copy its ca/ here and start this one anew")
        default: break
        }
    }

    private func endStreamOfDisbelieved(_ host: HostID) {
        guard let standing = state.hosts[host]?.identity.standing,
            let refusal = ControllerError.refusal(of: host, standing)
        else { return }
        endStream(of: host, saying: refusal)
    }

    /// Where another controller wrote first: reads on, and decides again on what there is now.
    nonisolated func deciding<Value>(_ body: () async throws -> Value) async throws -> Value {
        var left = 10
        while true {
            do { return try await body() } catch let error as ControllerError where error.isOvertaken && left > 0 {
                left -= 1
                // What comes of the news is none of what this caller asked for.
                await ChangeTerms.$current.withValue(nil) { await offLoop { await hearNews() } }
            }
        }
    }
}

extension ControllerError {
    /// Nothing was written, and may be tried again on the newer state.
    var isOvertaken: Bool { code == "controller.store.conflict" || code == "controller.store.fenced" }
}
