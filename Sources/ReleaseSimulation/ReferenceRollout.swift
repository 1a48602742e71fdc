import AgentProtocol
import ReleaseDefinition
import ReleaseRollout

/// A second rollout engine, written from the rules (docs: semantics 2 to 7) and not from the first: small, slow and
/// plain. Pushed hosts, an order goes out the moment it is decided. After each input every rule is asked anew about every
/// host.
struct ReferenceRollout {
    enum Course: Equatable {
        /// Its phase has not started, or it waits for its turn.
        case notYet
        case ordered(at: UTCInstant, hasBegun: Bool)
        case took, hadIt
        /// A cause in the release.
        case failed
        /// Not reached, or not able to take any release.
        case notReached
        case skipped, left, cancelled
    }

    enum WayBack: Equatable {
        case notWanted
        case wanted(at: UTCInstant)
        case ordered(at: UTCInstant, hasBegun: Bool)
        /// With an order, or because nothing was left to do.
        case back(wasOrdered: Bool)
        case stuck
        /// Told, and never answered.
        case unanswered
        case left
    }

    struct Host {
        let id: HostID
        let phase: Int
        var course = Course.notYet
        var wayBack = WayBack.notWanted
        /// The release may be on it, by this rollout.
        var mayHaveIt = false
        /// Its order was out and it never said a word: hardly.
        var hardly = false
        var hadItBefore: Bool
        /// It comes and goes: when it is away, it has left.
        let comesAndGoes: Bool
        /// In turn since then; nil: its phase has not started.
        var inTurnAt: UTCInstant?
        /// Out of contact since then.
        var awayAt: UTCInstant?
        var cameBackAt: UTCInstant?
        var returns = 0
        /// It was unhealthy before: what becomes of it counts neither way.
        let isUncounted: Bool
        /// A person went on in spite of what it came to.
        var excused: Course?
        var isLocked = false
        var attempt = 1
        var backAttempt = 1
        /// How often a failed way back was tried again.
        var backTries = 0
        var isStuckExcused = false
        var hasSpoken = false
        var hasSpokenBack = false
        /// It was told to drop its order.
        var isTold = false
        /// Of those that share it only so many may be down at once.
        var group: String?
    }

    enum State: Equatable {
        case running, baking(until: UTCInstant), stopping, backingOut(wholeRollout: Bool)
        indirect case paused(of: State, since: UTCInstant, left: TimeSpan)
        indirect case halted(of: State, since: UTCInstant, left: TimeSpan)
        case ended(String)
    }

    let plan: RolloutPlan
    var hosts: [Host] = []
    var state = State.running
    var phase = 0
    /// Halted because no host of the pilot really took the release: resuming lets it pass.
    var isHaltedByPilot = false
    var pilotMayBeEmpty = false
    /// It waits for a person after a phase; the newest phase that a person let pass.
    var awaitsPromotion = false
    var isPausedByPerson = false
    var promoted: Int?
    /// What the windows said when they were looked at last.
    var isOpen = false
    var traffic = Traffic.before
    /// When the rules were asked last.
    var settlingAt = UTCInstant(secondsSince1970: 0)
    /// A newer rollout has the hosts.
    var isSuperseded = false
    var gates = Gates.notAsked
    /// Of the phase that is asked about.
    var gateRound = 0
    var gatesWaived: Int?
    /// A gate paused or halted it, and nobody has changed that since.
    var isHeldByGate = false
    var endedAt: UTCInstant?
    /// Hosts that turned unhealthy after the success.
    var earlyFailures = 0
    /// Hosts without the release when the last of these did.
    var othersThen: OtherHosts?
    var isPaged = false
    /// The back-out stands for ever: whoever turns out late to have the release is taken back.
    var takesBack: (wholeRollout: Bool, phase: Int)?

    init(_ plan: RolloutPlan, at now: UTCInstant) {
        self.plan = plan
        let label = plan.definition.limits.maxUnavailable?.by
        for (phase, members) in plan.phases.enumerated() {
            hosts += members.hosts.map { host in
                Host(
                    id: host.id, phase: phase, hadItBefore: host.running == plan.definition.release,
                    comesAndGoes: host.isEphemeral, isUncounted: host.isUnhealthy == true,
                    group: label.flatMap { label in host.labels[label] })
            }
        }
        openOrShut(at: now)
        begin(at: now)
        if hosts.allSatisfy({ $0.hadItBefore && !$0.isUncounted }) {
            for place in hosts.indices { hosts[place].course = .hadIt }
            phase = plan.phases.count - 1
            (state, endedAt) = (.ended("succeeded"), now)
        }
        skipUnhealthy()
        settle(at: now)
    }

    var isOver: Bool { if case .ended = state { true } else { false } }

    /// What was interrupted, if anything was.
    var inner: State {
        switch state {
        case .paused(let of, _, _), .halted(let of, _, _): of
        case .running, .baking, .stopping, .backingOut, .ended: state
        }
    }

    var isHeld: Bool { inner != state }

    /// Semantics 4: what waits for a person after a phase is promoted, not resumed.
    var isWaitingForPromotion: Bool {
        if case .paused = state { awaitsPromotion && !isPausedByPerson } else { false }
    }

    func group(of host: PlanHost) -> String? {
        plan.definition.limits.maxUnavailable.flatMap { host.labels[$0.by] }
    }

    var mayStart: Bool {
        guard isOpen, traffic == .before || traffic == .switched else { return false }
        return state == .running || state.isBaking || state == .ended("succeeded")
    }

    var mayTakeBack: Bool { !(isHeld && inner.isBackingOut) }

    // MARK: counting (semantics 3)

    struct Count {
        var all = 0
        var open = 0
        var took = 0
        var hadIt = 0
        var failed = 0
        var notReached = 0
        var skipped = 0
        /// What counts for the gate: the above, less what was excused.
        var newFailed = 0
        var newNotReached = 0
        var newSkipped = 0
        var excused = 0
        var left = 0
        /// N.
        var judged = 0
    }

    func count(_ members: [Host]) -> Count {
        var count = Count()
        for host in members {
            count.all += 1
            let course = host.judgedCourse
            let isExcused = host.excused == course
            count.excused += isExcused ? 1 : 0
            switch course {
            case .notYet, .ordered: count.open += 1
            case .took: count.took += 1
            case .hadIt: count.hadIt += 1
            case .failed: (count.failed, count.newFailed) = (count.failed + 1, count.newFailed + (isExcused ? 0 : 1))
            case .notReached:
                count.notReached += 1
                count.newNotReached += isExcused ? 0 : 1
            case .skipped, .cancelled:
                count.skipped += 1
                count.newSkipped += isExcused ? 0 : 1
            case .left: count.left += 1
            }
            switch course {
            case .skipped, .cancelled, .left: break
            case .failed, .notReached: count.judged += isExcused ? 0 : 1
            case .notYet, .ordered, .took, .hadIt: count.judged += 1
            }
        }
        return count
    }

    func members(_ phase: Int) -> [Host] { hosts.filter { $0.phase == phase } }

    /// Of the plan; those that came late are outside every count.
    var planned: [Host] { hosts.filter { $0.phase < plan.phases.count } }

    func atOnce(_ phase: Int) -> Int { phase < plan.phases.count ? plan.phases[phase].parallelism : 1 }

    /// ⌊p × N⌋; of a count and a percentage the smaller.
    static func allowed(_ tolerance: Tolerance, of all: Int) -> Int {
        var allowed = all
        if let percent = tolerance.percent { allowed = min(allowed, percent * all / 100) }
        if let count = tolerance.count { allowed = min(allowed, count) }
        return allowed
    }

    /// Whether a host belongs to the back-out that is under way or was.
    func isTakenBack(_ host: Host) -> Bool {
        guard let takesBack else { return false }
        return takesBack.wholeRollout || host.phase >= takesBack.phase
    }
}

extension ReferenceRollout.State {
    var isBaking: Bool { if case .baking = self { true } else { false } }
    var isBackingOut: Bool { if case .backingOut = self { true } else { false } }
}

extension ReferenceRollout.Host {
    /// Taken back by somebody: then it is no success of the release.
    var judgedCourse: ReferenceRollout.Course {
        if isUncounted, !isOpen, course != .skipped { return .left }
        return wayBack != .notWanted && (course == .took || course == .hadIt) ? .failed : course
    }

    var isUnderWay: Bool { if case .ordered = course { true } else { false } }
    var isGoingBack: Bool { if case .ordered = wayBack { true } else { false } }
    var isWantedBack: Bool { if case .wanted = wayBack { true } else { false } }
    var isAwaitedBack: Bool { isWantedBack || isGoingBack || wayBack == .unanswered }
    /// It has an order and nothing more is known.
    var isBusy: Bool { isUnderWay || isGoingBack }
    var isOpen: Bool { course == .notYet || isUnderWay }
    var canBeTakenBack: Bool { !isOpen && wayBack == .notWanted && mayHaveIt && !isLocked }
}
