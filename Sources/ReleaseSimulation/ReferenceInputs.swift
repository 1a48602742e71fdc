import AgentProtocol
import ReleaseDefinition
import ReleaseRollout

/// What a rollout is told, in the words of the reference.
enum ReferenceInput: Equatable {
    case tick
    case begins(Int)
    case says(Int, HostOutcome)
    case saysBack(Int, succeeded: Bool)
    case leaves(Int)
    case pause, halt, resume, stop, backOutPhase, backOutRollout
}

extension ReferenceRollout {
    mutating func take(_ input: ReferenceInput, at now: UTCInstant) {
        switch input {
        case .tick: break
        case .begins(let place):
            if case .ordered(let at, _) = hosts[place].course { hosts[place].course = .ordered(at: at, hasBegun: true) }
        case .says(let place, let outcome): says(place, outcome)
        case .saysBack(let place, let succeeded): saysBack(place, succeeded: succeeded)
        case .leaves(let place):
            // What it had said before it left stands.
            let isSilent =
                (hosts[place].course == .failed || hosts[place].course == .notReached) && !hosts[place].hasSpoken
            if hosts[place].isOpen || isSilent {
                (hosts[place].course, hosts[place].mayHaveIt) = (.left, false)
            }
            if hosts[place].isAwaitedBack { (hosts[place].wayBack, hosts[place].mayHaveIt) = (.left, false) }
        case .pause: state = .paused(of: inner, since: now, left: left(at: now))
        case .halt:
            state = .halted(of: inner, since: now, left: left(at: now))
            isHaltedByPilot = false
        case .resume: resume(at: now)
        case .stop:
            if isHeld, inner.isBackingOut { end("failed", at: now) } else { stop(at: now) }
        case .backOutPhase: takeBack(wholeRollout: false, at: now)
        case .backOutRollout: takeBack(wholeRollout: true, at: now)
        }
        settle(at: now)
    }

    private mutating func says(_ place: Int, _ outcome: HostOutcome) {
        let wasLost = hosts[place].course == .failed && !hosts[place].hasSpoken
        hosts[place].hasSpoken = true
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
        wantBackIfCovered(place)
    }

    private mutating func saysBack(_ place: Int, succeeded: Bool) {
        hosts[place].wayBack = succeeded ? .back(wasOrdered: true) : .stuck
        if succeeded { (hosts[place].mayHaveIt, hosts[place].hardly) = (false, false) }
    }

    /// Semantics 3: what failed so far is acknowledged; hosts that were not reached get another try.
    private mutating func resume(at now: UTCInstant) {
        let before = state
        switch inner {
        case .baking:
            if case .paused(_, _, let left) = state { state = .baking(until: now + left) }
            if case .halted(_, _, let left) = state { state = .baking(until: now + left) }
        default: state = inner
        }
        guard case .halted = before else { return }
        if state.isBackingOut {
            for place in hosts.indices { tryStuckAgain(place, excuses: true) }
            return
        }
        if isHaltedByPilot, members(phase).contains(where: { $0.judgedCourse == .hadIt }) { pilotMayBeEmpty = true }
        for place in hosts.indices where hosts[place].phase <= phase {
            let course = hosts[place].judgedCourse
            guard course == .failed || course == .notReached || course == .skipped else { continue }
            hosts[place].excused = course
            guard course == .notReached, hosts[place].phase == phase else { continue }
            tryAgain(place)
        }
    }

    private mutating func tryAgain(_ place: Int) {
        switch hosts[place].wayBack {
        case .notWanted: break
        case .back, .unanswered, .left:
            hosts[place].wayBack = .notWanted
            hosts[place].backAttempt += 1
        case .wanted, .ordered, .stuck: return
        }
        if hosts[place].hasSpoken { hosts[place].attempt += 1 }
        (hosts[place].hasSpoken, hosts[place].isTold) = (false, false)
        hosts[place].course = .notYet
    }
}
