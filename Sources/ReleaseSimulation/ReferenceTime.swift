import AgentProtocol
import ReleaseDefinition
import ReleaseRollout

/// What becomes of hosts when their time is up.
extension ReferenceRollout {
    /// Semantics 2: a host that had started and vanished is lost; one that never said a word was not reached.
    mutating func timesUp(at now: UTCInstant) -> Bool {
        var changed = false
        for place in hosts.indices {
            let host = hosts[place]
            if isDue(host, at: now) {
                endByTime(place)
                changed = true
            }
            if isDueBack(host, at: now) {
                changed = true
                guard case .ordered(_, hasBegun: true) = host.wayBack else {
                    hosts[place].wayBack = host.comesAndGoes && host.awayAt != nil ? .left : .unanswered
                    continue
                }
                hosts[place].wayBack = host.comesAndGoes && host.awayAt != nil ? .left : .stuck
            }
        }
        return changed
    }

    private func isDue(_ host: Host, at now: UTCInstant) -> Bool {
        let limits = plan.definition.limits
        switch host.course {
        case .notYet:
            // Who waits and is away counts against the reach, while others start.
            guard mayStart, let inTurn = host.inTurnAt, let away = host.awayAt else { return false }
            return now >= max(inTurn, away) + limits.offlineGrace
        case .ordered(let at, hasBegun: false) where host.isTold: return now >= at + .seconds(60)
        case .ordered(let at, hasBegun: let hasBegun): return now >= answerDue(host, at, hasBegun)
        default: return false
        }
    }

    private func isDueBack(_ host: Host, at now: UTCInstant) -> Bool {
        guard !host.isUnderWay else { return false }
        switch host.wayBack {
        case .wanted(let at):
            guard mayTakeBack, let away = host.awayAt else { return false }
            return now >= max(at, away) + plan.definition.limits.offlineGrace
        case .ordered(let at, let hasBegun): return now >= answerDue(host, at, hasBegun)
        default: return false
        }
    }

    /// Who is away has the grace if it has said nothing, who is back has half a minute to say what it kept.
    private func answerDue(_ host: Host, _ at: UTCInstant, _ hasBegun: Bool) -> UTCInstant {
        let limits = plan.definition.limits
        let late = at + limits.progressDeadline
        if let away = host.awayAt {
            return hasBegun ? late : min(max(at, away) + limits.offlineGrace, late + limits.offlineGrace)
        }
        guard let back = host.cameBackAt else { return late }
        return max(late, min(back + .seconds(30), late + limits.offlineGrace))
    }

    private mutating func endByTime(_ place: Int) {
        let host = hosts[place]
        let hasLeft = host.comesAndGoes && host.awayAt != nil
        switch host.course {
        case .notYet:
            hosts[place].course = hasLeft ? .left : .notReached
            return wantBackIfCovered(place, at: nil)
        case .ordered(_, hasBegun: true):
            hosts[place].course = hasLeft ? .left : .failed
            if !host.hadItBefore { (hosts[place].mayHaveIt, hosts[place].hardly) = (true, false) }
        case .ordered:
            hosts[place].course = host.isTold ? .cancelled : hasLeft ? .left : .notReached
            if !host.hadItBefore {
                if !host.mayHaveIt { hosts[place].hardly = true }
                hosts[place].mayHaveIt = true
            }
        default: break
        }
        hosts[place].isTold = false
        wantBackIfCovered(place, at: nil)
    }

    /// `at` nil: this very moment, which settling knows.
    mutating func wantBackIfCovered(_ place: Int, at now: UTCInstant?) {
        guard isTakenBack(hosts[place]), hosts[place].canBeTakenBack else { return }
        hosts[place].wayBack = .wanted(at: now ?? settlingAt)
    }
}
