import AgentProtocol
import ReleaseDefinition

/// One thing that stands between a host and the end of its order.
public struct Hold: Sendable, Equatable {
    public enum What: String, Sendable, CaseIterable {
        case window, paused, halted, promotion, stopping, backOut, bake, traffic, phase, parallelism, group, contact,
            answer, gate
        case ended
    }

    public var what: What
    /// One sentence.
    public var text: String
    /// When it lets go by itself; nil: it does not, or nobody knows.
    public var until: UTCInstant?
}

/// A host that something holds.
public struct HeldHost: Sendable, Equatable {
    public var host: HostID
    /// From 1.
    public var phase: Int
    /// As in `HostView`.
    public var state: String
    public var hold: Hold
}

/// Why: what holds a rollout and each of its hosts, and when it tries next.
extension Rollout {
    /// What holds all of its hosts, the widest first.
    public var holds: [Hold] {
        var holds: [Hold] = []
        switch state {
        case .planned: holds.append(Hold(what: .phase, text: "It has not started."))
        case .paused(let held):
            let what = held.reason.code == .awaitsPromotion ? Hold.What.promotion : .paused
            let halts = " Unless somebody acts it halts at \((held.since + RolloutClocks.pauseMax).wholeSeconds)."
            holds.append(Hold(what: what, text: Self.text(held.reason, "It is paused") + halts))
            holds += heldBackOut(held.of)
        case .halted(let held):
            let stops = " Unless somebody acts it stops at \((held.since + RolloutClocks.haltMax).wholeSeconds)."
            holds.append(Hold(what: .halted, text: Self.text(held.reason, "It is halted") + stops))
            holds += heldBackOut(held.of)
        case .stopping(let reason): holds.append(Hold(what: .stopping, text: Self.text(reason, "It is being stopped")))
        case .backingOut(let it):
            holds.append(Hold(what: .backOut, text: Self.text(it.reason, "It is being backed out")))
        case .baking(let phase, let until):
            let name = phasePlan(phase)?.name ?? "a phase"
            holds.append(
                Hold(what: .bake, text: "The \(name) is done and watched until \(until.wholeSeconds).", until: until))
        case .running: break
        case .ended:
            if let successor {
                holds.append(Hold(what: .ended, text: "Rollout \(successor) has its hosts."))
            } else if stateName != "succeeded" {
                holds.append(
                    Hold(what: .ended, text: "It has ended: \(stateName)\(leftWords). No host starts any more."))
            }
        }
        if isBetweenSides, !isOver {
            let hook = phasePlan(phase)?.traffic?.hook.text ?? "the switch"
            let text =
                isSwitchingTraffic
                ? "The traffic is being switched by \(hook)." : "The traffic is not yet settled on its new side."
            holds.append(Hold(what: .traffic, text: text, until: trafficDeadlineAt))
        }
        if let round = openGateRound {
            let names = gateActions.compactMap { if case .judgeGate(_, let gate, _) = $0 { gate.text } else { nil } }
            let text = "Gates are being asked: \(names.joined(separator: ", "))."
            holds.append(Hold(what: .gate, text: text, until: round.until))
        }
        if let schedule, schedule.isShut, !isOver || hosts.hasHostToStart {
            let text =
                schedule.nextAt.map { "No window is open, or a freeze holds, until \($0.wholeSeconds)." }
                ?? "No window opens any more."
            holds.append(Hold(what: .window, text: text, until: schedule.nextAt))
        }
        return holds
    }

    /// A phase that is done waits for a person to let the next one start.
    public var waitsForPromotion: Bool {
        if case .paused(let held) = state { held.reason.code == .awaitsPromotion } else { false }
    }

    /// Its hosts are another rollout's now.
    public var followedBy: RolloutID? { successor }

    private static func text(_ reason: StatusReason, _ state: String) -> String {
        "\(state)\(reason.by.map { " by \($0)" } ?? ""): \(reason.text.sentence)"
    }

    /// `, and 1 host could not go back: web-2`
    private var leftWords: String {
        let stuck = notBackedOut
        let named = stuck.prefix(5).map(\.text).joined(separator: ", ") + (stuck.count > 5 ? ", …" : "")
        return stuck.isEmpty ? "" : ", and \(stuck.count.of("host")) could not go back: \(named)"
    }

    /// A back-out that is held leaves hosts on the release: which.
    private func heldBackOut(_ held: RolloutState.Interrupted) -> [Hold] {
        guard case .backingOut(let backOut) = held else { return [] }
        let left = hosts.filter { host in
            guard let order = host.backOut else { return false }
            if case .ended = order { return host.backOutSucceeded == false }
            return true
        }
        guard !left.isEmpty else { return [] }
        func words(_ what: String, _ hosts: [HostRecord]) -> String {
            let named = hosts.prefix(5).map(\.id.text).joined(separator: ", ") + (hosts.count > 5 ? ", …" : "")
            return hosts.isEmpty ? "" : ", \(hosts.count) \(what): \(named)"
        }
        let text =
            "The back-out of the \(backOut.scope.rawValue) is held: \(left.count.of("host")) \(left.count == 1 ? "is" : "are") "
            + "not back" + words("out of contact", left.filter(\.isOutOfContact))
            + words("that could not be brought back", left.filter { $0.backOutSucceeded == false }) + "."
        return [Hold(what: .backOut, text: text)]
    }

    /// Of the hosts that something holds the first ones, by phase.
    /// - Parameter only: nil: of all.
    public func heldHosts(only: HostID? = nil, max: Int) -> [HeldHost] {
        guard !isRetired else { return [] }
        let held = hosts.lazy.filter { only == nil || $0.id == only }.compactMap { host -> HeldHost? in
            guard let hold = hold(of: host.id) else { return nil }
            let words = HostWords(
                host, phaseName: phasePlan(host.phase)?.name ?? "", holdsStarts: !startsHosts && !isOver)
            return HeldHost(host: host.id, phase: host.phase + 1, state: words.state, hold: hold)
        }
        return Array(held.prefix(max))
    }

    /// What holds one host; nil: it is done, or not one of this rollout's.
    public func hold(of id: HostID) -> Hold? {
        guard let place = hosts.place(of: id), !isRetired else { return nil }
        let host = hosts[place]
        let until = deadline(of: host)?.at
        if let backOut = host.backOut { return hold(ofBackOut: backOut, host, until: until) }
        guard var hold = hold(ofInstall: place, host, until: until) else { return nil }
        if !host.install.isEnded { hold.text = catchUpWords(host) + hold.text }
        return hold
    }

    /// Which order it is, and why it comes when the others' are done.
    private func catchUpWords(_ host: HostRecord) -> String {
        guard let plan, host.returns > 0 || host.phase >= plan.phases.count else { return "" }
        let why = host.returns > 0 ? "it was not reached in time and is back" : "it came after the start"
        let end =
            if case .ended(_, let at) = state {
                ", and for it alone the rollout goes on, which ended at \(at.wholeSeconds)"
            } else {
                ""
            }
        return "Order \(order(.install, for: host)) is to catch up: \(why)\(end). "
    }

    private func hold(ofInstall place: Int, _ host: HostRecord, until: UTCInstant?) -> Hold? {
        switch host.install {
        case .ended(.offline):
            let copy =
                host.delivery == .pull
                ? " It pulls: if a copy of the repository serves it, bring that up to date (slipway repository publish)."
                : ""
            guard catchesUp else { return Hold(what: .contact, text: "It was not reached in time.") }
            let order = order(.install, for: host)
            return Hold(
                what: .contact,
                text: "It was not reached in time; its order, \(order), stands for when it is back." + copy)
        case .ended: return nil
        case .admitted, .ordered, .working:
            let words = HostWords(host, phaseName: "", holdsStarts: false)
            return Hold(what: .answer, text: "\(words.reason) Its answer is waited for.", until: until)
        case .waiting(since: nil):
            let name = phasePlan(host.phase)?.name ?? "its phase"
            let before = phasePlan(phase)?.name ?? "the phase before"
            return Hold(what: .phase, text: "Its phase, \(name), starts when \(before) has passed.", until: nil)
        case .waiting:
            if host.isOutOfContact {
                return Hold(
                    what: .contact, text: "It is out of contact; after that moment it counts as offline.", until: until)
            }
            if !startsHosts, let hold = holds.last { return hold }
            if hosts.isHeldByGroup(place) {
                return Hold(
                    what: .group, text: "As many hosts with the same \(hosts.groupLabel) as may be down are, or may be."
                )
            }
            let atOnce = phasePlan(host.phase)?.parallelism ?? 1
            return Hold(what: .parallelism, text: "It waits for its turn: \(atOnce) of its phase are changed at once.")
        }
    }

    private func hold(ofBackOut order: OrderState, _ host: HostRecord, until: UTCInstant?) -> Hold? {
        switch order {
        case .ended: return nil
        case .waiting where host.isOutOfContact:
            return Hold(what: .contact, text: "It is out of contact and is to be backed out.", until: until)
        case .waiting where !backsOut:
            guard let hold = holds.first else { return nil }
            return Hold(what: hold.what, text: "It is to be backed out and waits. \(hold.text)", until: hold.until)
        case .waiting: return Hold(what: .backOut, text: "It waits for its turn to be backed out.", until: nil)
        case .admitted, .ordered, .working:
            return Hold(what: .answer, text: "It is being backed out; its answer is waited for.", until: until)
        }
    }
}

extension String {
    /// With its full stop.
    fileprivate var sentence: String { last.map { ".!?…".contains($0) } == true ? self : self + "." }
}
