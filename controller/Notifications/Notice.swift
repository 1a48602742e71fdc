import AgentProtocol
import ReleaseDefinition
import ReleaseLifecycle
import ReleaseRollout
import ReleaseTrust

/// Something that people are told, made of one entry of the log: the same entry gives the same notice for ever.
struct Notice: Sendable, Equatable {
    /// Of the entry: the notice's identity, on which receivers fold duplicates.
    var sequence: Int64
    var at: UTCInstant
    /// nil: it only pages.
    var moment: ReleaseMoment?
    /// nil: it wakes nobody.
    var page: Page?
    var release: ReleaseName?
    var rollout: RolloutID?
    var environment: EnvironmentName?
    /// One sentence, of at most `textMax` bytes.
    var text: String
    /// Of the plan, for that moment; empty: it says nothing.
    var audience: [String]
    var owner: String?
    /// Of a rollout that stands still or went back; empty where no host has said why.
    var failures: [NoticeFailure] = []
    /// What outside CMDBs are sent, and nobody else.
    var baseline: ConfigurationBaseline?

    static let textMax = 4096

    enum Page: String, Sendable, Codable, CaseIterable {
        case halted, backOutFailed, insufficientReach, expiryNear
        /// Too many hosts turned unhealthy in early life support, and nothing goes back by itself.
        case earlyLife
        /// Nobody decided about a halt, and the rollout has stopped.
        case unattended
        /// Hosts run a release that was revoked, and no rollout moves them.
        case revokedRuns
    }

    /// `slipway.release.live`, `slipway.page.halted`
    var type: String {
        if baseline != nil { return "slipway.cmdb.baseline" }
        return moment.map { "slipway.release.\($0.rawValue)" } ?? "slipway.page.\(page?.rawValue ?? "other")"
    }
    var id: String { String(sequence) }
    /// The same for every page about one trouble.
    var troubleKey: String { [rollout?.text, page?.rawValue].compactMap { $0 }.joined(separator: "/") }
}

extension Notice {
    /// nil: nobody is told of such entries.
    init?(_ entry: EventEntry, _ state: FleetState) {
        let plan: ReleasePlan?
        switch entry.event {
        case .lifecycleChanged(let change):
            if case .baselineTaken(let baseline) = change.event.fact {
                self.init(
                    sequence: entry.sequence, at: entry.at, moment: nil, page: nil, release: change.release,
                    rollout: baseline.rollout, environment: state.lifecycle(change.release).live,
                    text: "\(baseline.items.of("configuration item")) \(baseline.moment.rawValue) \(change.release).",
                    audience: [], owner: nil, baseline: baseline)
                return
            }
            // What a rollout does is told by the rollout's own entries.
            guard case .told(let moment) = change.event.fact,
                [.scheduled, .live, .operational, .reviewDue, .closed].contains(moment)
            else { return nil }
            plan = state.lifecycles[change.release]?.record.plan
            self.init(
                sequence: entry.sequence, at: entry.at, moment: moment, page: nil, release: change.release,
                rollout: nil, environment: state.lifecycle(change.release).live,
                text: Self.words(moment, change.release, plan), audience: [], owner: plan?.owner)
        case .rolloutChanged(let change):
            guard let record = state.rollouts[change.rollout], let rollout = record.plan?.definition,
                var (moment, page, text) = Self.told(change.event.fact, record, rollout)
            else { return nil }
            plan = state.lifecycles[rollout.release]?.record.plan
            if moment == .backedOut, let left = state.leftRevoked(by: change.rollout) {
                (page, text) = (.revokedRuns, "\(text) \(left)")
            }
            self.init(
                sequence: entry.sequence, at: entry.at, moment: moment, page: page, release: rollout.release,
                rollout: change.rollout, environment: rollout.environment, text: text, audience: [], owner: plan?.owner)
            if moment == .halted || moment == .backedOut || page == .backOutFailed {
                failures = state.failures(of: change.rollout)
            }
        case .metadataExpiring(let event):
            plan = nil
            self.init(
                sequence: entry.sequence, at: entry.at, moment: nil, page: .expiryNear, release: nil, rollout: nil,
                environment: nil, text: "Metadata of \(event.role) ends at \(event.expiresAt).", audience: [],
                owner: nil)
        default: return nil
        }
        text = text.bounded(Self.textMax)
        if let moment {
            let groups = plan?.communication.filter { $0.event == moment }.flatMap(\.to) ?? []
            audience = Set(groups).sorted()
        }
    }

    /// Every fact is decided here: a new one must be.
    private static func told(
        _ fact: RolloutFact, _ record: RolloutRecord, _ rollout: RolloutDefinition
    ) -> (ReleaseMoment?, Page?, String)? {
        let release = rollout.release
        // Whoever is woken by it reads what and where first, and what to type last.
        let kind = record.plan?.urgency.isEmergency == true ? "The emergency push of " : ""
        let next = "Next: slipway rollout why \(record.id)"
        switch fact {
        case .started(let plan, let by):
            return (
                .started, nil,
                "\(release) is being deployed to \(plan.hosts.count.of("host")) in \(plan.definition.environment), by \(by)."
            )
        case .phasePassed(let phase): return (.phaseDone, nil, "\(release): phase \(phase + 1) is done.")
        case .halted(let reason):
            return (
                .halted, reason.code == .insufficientReach ? .insufficientReach : .halted,
                "\(kind)\(release) is halted in \(rollout.environment): \(reason.text) \(next)"
            )
        case .haltReminded:
            return (nil, .halted, "\(kind)\(release) is still halted in \(rollout.environment). \(next)")
        case .earlyLifePaged(let reason):
            return (.halted, .earlyLife, "\(release) is not taken back by itself, somebody must decide: \(reason.text)")
        case .hostEnded(let ending):
            guard case .backOutFailed = ending.outcome else { return nil }
            return (nil, .backOutFailed, "\(ending.host) could not be taken back from \(release).")
        case .ended(let end): return told(end, release, record.rollout.notBackedOut)
        // Steps on the way to one of those above.
        case .phaseStarted, .hostAdmitted, .orderSent, .channelPublished, .cancelSent, .revocationPublished,
            .hostProgressed, .contactChanged, .hostReturned, .clocksRestarted, .bakeStarted, .gatesAsked, .gateJudged,
            .startsOpened, .startsShut, .nothingToDo, .silentAdmitted, .hostFound, .hostJoined, .trafficSwitching,
            .trafficBegun, .trafficSwitched, .trafficWatched, .stopping, .backOutStarted:
            return nil
        // The halt, or the way back, that follows is told.
        case .trafficFailed, .hostUnhealthy, .hostBackOutStarted: return nil
        // What people did, who know it.
        case .paused, .resumed, .gatesWaived, .hostsRetried, .promoted, .channelHeld, .channelReleased, .superseded,
            .hostsReclaimed:
            return nil
        }
    }

    private static func told(
        _ end: RolloutEnd, _ release: ReleaseName, _ notBackedOut: [HostID]
    ) -> (ReleaseMoment?, Page?, String)? {
        switch end {
        case .backedOut(let reason):
            let stuck = RolloutNarration.couldNot(notBackedOut)
            return (
                .backedOut, stuck.isEmpty ? nil : .backOutFailed, "\(release) was backed out\(stuck): \(reason.text)"
            )
        case .failed(let reason):
            return (.halted, .backOutFailed, "The back-out of \(release) was given up: \(reason.text)")
        case .stopped(let reason):
            // Whoever stopped it knows.
            guard reason.code == .unattended else { return nil }
            return (.halted, .unattended, "\(release) was stopped: \(reason.text)")
        // The lifecycle tells that the release is live; the newer rollout, that it has begun.
        case .succeeded, .superseded: return nil
        }
    }

    private static func words(_ moment: ReleaseMoment, _ release: ReleaseName, _ plan: ReleasePlan?) -> String {
        let what = plan.map { ": \($0.summary)" } ?? ""
        switch moment {
        case .scheduled:
            let when = plan?.schedule.map { " from \($0.from) until \($0.until)" } ?? ""
            return "\(release) is scheduled\(when)\(what)."
        case .live: return "\(release) is live, early life support begins\(what)."
        case .operational: return "\(release) is fully operational, service levels are in force."
        case .reviewDue: return "The review of \(release) is due."
        case .closed: return "\(release) is closed."
        case .started, .phaseDone, .halted, .backedOut: return "\(release): \(moment.rawValue)."
        }
    }
}

extension NotificationSink {
    /// Whether the sink hears of it; several groups of one sink are one message.
    func wants(_ notice: Notice) -> Bool {
        if kind == .cmdb || notice.baseline != nil { return kind == .cmdb && notice.baseline != nil }
        if kind.isPager {
            guard notice.page != nil else { return false }
            return owner == nil || notice.owner == owner
        }
        guard let moment = notice.moment else { return false }
        if let moments, !moments.contains(moment) { return false }
        guard let audience else { return true }
        return !Set(audience).isDisjoint(with: notice.audience)
    }
}
