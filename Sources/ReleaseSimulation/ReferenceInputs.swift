import AgentProtocol
import ReleaseDefinition
import ReleaseRollout

/// What a rollout is told, in the words of the reference.
enum ReferenceInput: Equatable {
    case tick
    case begins(Int)
    case says(Int, HostOutcome)
    case beginsBack(Int)
    case saysBack(Int, succeeded: Bool)
    case leaves(Int), goesAway(Int), comesBack(Int)
    case joins(PlanHost)
    case trafficSaid(Bool)
    case gateSaid(Int, GateVerdict)
    case turnsUnhealthy(Int, others: OtherHosts?)
    case retry(Int), skip(Int)
    case pause, halt, resume, promote, stop, backOutPhase, backOutRollout, freeze, supersede
}

extension ReferenceRollout {
    mutating func take(_ input: ReferenceInput, at now: UTCInstant) {
        settlingAt = now
        takeInput(input, at: now)
        settle(at: now)
    }

    private mutating func takeInput(_ input: ReferenceInput, at now: UTCInstant) {
        switch input {
        case .tick: break
        case .begins(let place):
            if case .ordered(let at, _) = hosts[place].course { hosts[place].course = .ordered(at: at, hasBegun: true) }
        case .says(let place, let outcome): says(place, outcome, at: now)
        case .beginsBack(let place):
            if case .ordered(let at, _) = hosts[place].wayBack {
                hosts[place].wayBack = .ordered(at: at, hasBegun: true)
            }
        case .saysBack(let place, let succeeded): saysBack(place, succeeded: succeeded)
        case .leaves(let place): leaves(place)
        case .goesAway(let place): (hosts[place].awayAt, hosts[place].cameBackAt) = (now, nil)
        case .comesBack(let place): comesBack(place, at: now)
        case .joins(let host): joins(host, at: now)
        case .trafficSaid(let succeeded):
            if case .switching(_, let isBack) = traffic { trafficSaid(succeeded, isBack: isBack, at: now) }
        case .gateSaid(let number, let verdict): gateSaid(number, verdict)
        case .turnsUnhealthy(let place, let others): turnsUnhealthy(place, others, at: now)
        case .retry(let place): tryAgain(place, at: now)
        case .skip(let place): (hosts[place].course, hosts[place].isTold) = (.skipped, false)
        case .pause, .halt, .freeze, .resume, .promote, .stop, .backOutPhase, .backOutRollout, .supersede:
            verb(input, at: now)
        }
    }

    private mutating func verb(_ input: ReferenceInput, at now: UTCInstant) {
        switch input {
        case .pause:
            // Where it waits to be promoted it still does after that.
            awaitsPromotion = isWaitingForPromotion
            (isPausedByPerson, isHeldByGate) = (true, false)
            state = .paused(of: inner, since: now, left: left(at: now))
        case .halt, .freeze:
            (awaitsPromotion, isHeldByGate) = (false, false)
            state = .halted(of: inner, since: now, left: left(at: now))
            isHaltedByPilot = false
        case .resume: resume(at: now)
        case .promote:
            if isHeldByGate { gatesWaived = phase } else { promoted = phase }
            resume(at: now)
        case .stop:
            if isHeld, inner.isBackingOut { end("failed", at: now) } else { stop(at: now) }
        case .backOutPhase: takeBack(wholeRollout: false, at: now)
        case .backOutRollout: takeBack(wholeRollout: true, at: now)
        case .supersede:
            if !isOver { state = .ended("superseded") }
            isSuperseded = true
            for place in hosts.indices where hosts[place].course == .notYet { hosts[place].course = .cancelled }
        default: break
        }
    }

    // MARK: hosts

    private mutating func says(_ place: Int, _ outcome: HostOutcome, at now: UTCInstant) {
        let wasLost = hosts[place].course == .failed && !hosts[place].hasSpoken
        (hosts[place].hasSpoken, hosts[place].isTold) = (true, false)
        let hadItBefore = hosts[place].hadItBefore
        hosts[place].hardly = false
        switch outcome {
        case .succeeded:
            hosts[place].mayHaveIt = !hadItBefore || hosts[place].mayHaveIt
            // The deadline's verdict stands.
            hosts[place].course = wasLost ? .failed : .took
        case .alreadyCurrent: hosts[place].course = wasLost ? .failed : .hadIt
        case .failed(.preflight), .failed(.transport):
            (hosts[place].course, hosts[place].mayHaveIt) = (.notReached, false)
        case .cancelled: (hosts[place].course, hosts[place].mayHaveIt) = (.cancelled, false)
        case .skipped: (hosts[place].course, hosts[place].mayHaveIt) = (.skipped, false)
        case .backOutFailed:
            (hosts[place].course, hosts[place].mayHaveIt, hosts[place].isLocked) = (.failed, true, true)
        default: (hosts[place].course, hosts[place].mayHaveIt) = (.failed, false)
        }
        wantBackIfCovered(place, at: now)
    }

    private mutating func saysBack(_ place: Int, succeeded: Bool) {
        hosts[place].hasSpokenBack = true
        hosts[place].wayBack = succeeded ? .back(wasOrdered: true) : .stuck
        if succeeded { (hosts[place].mayHaveIt, hosts[place].hardly) = (false, false) }
    }

    private mutating func leaves(_ place: Int) {
        // What it had said before it left stands.
        let isSilent = (hosts[place].course == .failed || hosts[place].course == .notReached) && !hosts[place].hasSpoken
        if hosts[place].isOpen || isSilent {
            (hosts[place].course, hosts[place].mayHaveIt, hosts[place].hardly) = (.left, false, false)
            // A machine of its name that comes later is another one.
            (hosts[place].isTold, hosts[place].hadItBefore) = (false, false)
        }
        if hosts[place].isAwaitedBack { (hosts[place].wayBack, hosts[place].mayHaveIt) = (.left, false) }
    }

    /// Semantics 2: a catch-up order stands. One that comes and goes for ever holds nobody up.
    private mutating func comesBack(_ place: Int, at now: UTCInstant) {
        (hosts[place].awayAt, hosts[place].cameBackAt) = (nil, now)
        guard hosts[place].returns < 8 else { return }
        let host = hosts[place]
        if host.wayBack == .unanswered {
            hosts[place].wayBack = .wanted(at: now)
            hosts[place].returns += 1
        } else if host.wayBack == .notWanted, !host.hasSpoken, catchesUp,
            host.course == .notReached || host.comesAndGoes && host.course == .left
        {
            (hosts[place].course, hosts[place].inTurnAt) = (.notYet, now)
            hosts[place].returns += 1
        }
    }

    private var catchesUp: Bool {
        switch state {
        case .running, .baking: true
        case .ended(let how): how == "succeeded"
        case .paused(let of, _, _), .halted(let of, _, _): !of.isBackingOut
        case .stopping, .backingOut: false
        }
    }

    /// Semantics 6: late joiners catch up with the last finished phase, and are never in the pilot.
    private mutating func joins(_ host: PlanHost, at now: UTCInstant) {
        guard takesBack == nil, catchesUp else { return }
        hosts.append(
            Host(
                id: host.id, phase: plan.phases.count, hadItBefore: host.running == plan.definition.release,
                comesAndGoes: host.isEphemeral, isUncounted: false, group: group(of: host)))
        begin(at: now)
    }

    // MARK: resuming

    /// Semantics 3: what failed so far is acknowledged; hosts that were not reached get another try.
    private mutating func resume(at now: UTCInstant) {
        let before = state
        (awaitsPromotion, isPausedByPerson) = (false, false)
        forgetGates()
        switch inner {
        case .baking:
            if case .paused(_, _, let left) = state { state = .baking(until: now + left) }
            if case .halted(_, _, let left) = state { state = .baking(until: now + left) }
        default: state = inner
        }
        guard case .halted = before else { return }
        if state.isBackingOut {
            for place in hosts.indices { tryStuckAgain(place, excuses: true, at: now) }
            return
        }
        if isHaltedByPilot, members(phase).contains(where: { $0.judgedCourse == .hadIt }) { pilotMayBeEmpty = true }
        for place in hosts.indices where hosts[place].phase <= phase {
            let course = hosts[place].judgedCourse
            guard course == .failed || course == .notReached || course == .skipped || course == .cancelled else {
                continue
            }
            hosts[place].excused = course
            guard course == .notReached, hosts[place].phase == phase else { continue }
            tryAgain(place, at: now)
        }
    }

    mutating func tryAgain(_ place: Int, at now: UTCInstant) {
        switch hosts[place].wayBack {
        case .notWanted: break
        case .back, .unanswered, .left:
            hosts[place].wayBack = .notWanted
            hosts[place].backAttempt += 1
            hosts[place].hasSpokenBack = false
        case .wanted, .ordered, .stuck: return
        }
        if hosts[place].hasSpoken { hosts[place].attempt += 1 }
        (hosts[place].hasSpoken, hosts[place].isTold) = (false, false)
        (hosts[place].course, hosts[place].inTurnAt) = (.notYet, now)
    }
}
