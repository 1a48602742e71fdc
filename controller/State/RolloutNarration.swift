import AgentProtocol
import ControllerAPI
import ReleaseDefinition
import ReleaseRollout

/// A rollout's facts in one line each, and its states in the API's words.
enum RolloutNarration {
    static func state(of rollout: Rollout) -> ControllerAPI.RolloutState {
        switch rollout.state {
        case .planned, .running, .baking: .running
        case .paused: .paused
        case .halted: .halted
        case .stopping: .stopping
        case .backingOut: .backingOut
        case .ended(let end, _):
            switch end {
            case .succeeded: .succeeded
            case .backedOut: rollout.hasNotBackedOut ? .backOutFailed : .backedOut
            case .stopped: .stopped
            case .failed: .backOutFailed
            case .superseded: .superseded
            }
        }
    }

    /// - Parameters:
    ///   - isPromotion: it waited for a person to let the next phase start.
    ///   - notBackedOut: hosts that could not go back, as far as it ends there.
    static func text(
        of fact: RolloutFact, isPromotion: Bool = false, notBackedOut: [HostID] = [], phaseName: (Int) -> String
    ) -> String {
        switch fact {
        case .started(let plan, let by): started(plan, by)
        case .phaseStarted(let phase): "\(phaseName(phase)) begins"
        case .hostAdmitted(let host, let action): "\(host): \(words(action)) may begin"
        case .orderSent(let host, let order): "\(host): order \(order) sent"
        case .cancelSent(let host, let order): "\(host): told to drop its order \(order)"
        case .channelPublished(let view):
            "channel: \(words(view.order.action)) for \(view.everyone ? "everyone" : view.included.count.of("host"))"
        case .revocationPublished: "the release is revoked: no host installs it again"
        case .hostProgressed(let host, _, let step, let heldUntil):
            "\(host): \(step.rawValue)" + (heldUntil.map { ", held by the host itself until \($0.wholeSeconds)" } ?? "")
        case .hostEnded(let ending): ended(ending)
        case .hostUnhealthy(let host, let detail, _): "\(host): became unhealthy: \(oneLine(detail))"
        case .contactChanged(let host, let contact): "\(host): \(contact.rawValue)"
        case .hostReturned(let host, _): "\(host): back in contact, its order stands"
        case .clocksRestarted: "the controller is back: clocks of hosts start again"
        case .bakeStarted(let phase, let until): "\(phaseName(phase)) is watched until \(until.wholeSeconds)"
        case .phasePassed(let phase): "\(phaseName(phase)) passed"
        case .gatesAsked(let phase, _, let until):
            "the gates of \(phaseName(phase)) are asked, until \(until.wholeSeconds)"
        case .gateJudged(let phase, let gate, _, let it):
            "the gate \(gate) of \(phaseName(phase)): \(it.verdict.rawValue): \(oneLine(it.detail))"
        case .gatesWaived(let phase, let by, let reason):
            "\(phaseName(phase)) passes whatever its gates say, by \(by): \(oneLine(reason))"
        case .paused(let reason): "paused\(words(reason))"
        case .halted(let reason): "halted\(words(reason))"
        case .haltReminded: "still halted: somebody must resume, back out or let it end"
        case .resumed(let by, let reason): "\(isPromotion ? "promoted" : "resumed") by \(by): \(reason)"
        case .stopping(let reason): "stopping\(words(reason))"
        case .hostBackOutStarted(let hosts, let reason):
            "backing out \(hosts.map(\.text).joined(separator: ", "))\(words(reason))"
        case .backOutStarted(let scope, _, let reason): "backing out the \(scope.rawValue)\(words(reason))"
        case .superseded(let by): "superseded by \(by)"
        case .hostsReclaimed(let hosts):
            "\(hosts.map(\.text).joined(separator: ", ")): still on this release, taken back by the rollout that brought it"
        case .promoted(let phase, let by, let reason): "\(phaseName(phase)) promoted by \(by): \(oneLine(reason))"
        case .channelHeld(let reason):
            "no newer release starts by itself: held by \(reason.by ?? "nobody"): \(reason.text)"
        case .channelReleased(let by, let reason):
            "newer releases start by themselves again, by \(by): \(oneLine(reason))"
        case .ended(let end): text(of: end, notBackedOut: notBackedOut)
        case .startsOpened(let until): "hosts may start until \(until.wholeSeconds)"
        case .startsShut(let next):
            "no host starts"
                + (next.map { " before \($0.wholeSeconds): no window is open, or a freeze holds" }
                    ?? " any more: no window is left")
        case .hostFound(let host): "\(host.id): gets its orders by \(host.delivery.rawValue), as it says now"
        case .hostJoined(let host): "\(host.id): came late and is to catch up"
        case .trafficSwitching(_, let isBack, let attempt):
            "the traffic is to be switched\(isBack ? " back" : "")" + (attempt > 1 ? ", attempt \(attempt)" : "")
        case .trafficBegun: "the program that switches the traffic was started"
        case .trafficSwitched(_, let isBack): "the traffic is switched\(isBack ? " back" : "")"
        case .trafficWatched: "the traffic was watched for long enough"
        case .trafficFailed(_, let isBack, let detail):
            "the traffic could not be switched\(isBack ? " back" : ""): \(oneLine(detail))"
        case .nothingToDo: "nothing to do: every host runs the release and is healthy"
        case .hostsRetried(let hosts, let by, let reason):
            "\(hosts.map(\.text).joined(separator: ", ")): tried again by \(by): \(oneLine(reason))"
        case .silentAdmitted: "hosts that never report may have the release"
        case .earlyLifePaged(let reason): "look at it: \(reason.text)"
        }
    }

    /// ` by admin: the reason`, or `: the reason` where it was the engine's.
    private static func words(_ reason: StatusReason) -> String {
        "\(reason.by.map { " by \($0)" } ?? ""): \(oneLine(reason.text))"
    }

    static func text(of end: RolloutEnd, notBackedOut: [HostID] = []) -> String {
        switch end {
        case .succeeded: "succeeded"
        case .backedOut(let reason): "backed out\(couldNot(notBackedOut))\(words(reason))"
        case .stopped(let reason): "stopped\(words(reason))"
        case .failed(let reason): "failed\(words(reason))"
        case .superseded(let by): "superseded by \(by)"
        }
    }

    /// `, but 2 hosts could not (web-1, web-2)`; empty where all could.
    static func couldNot(_ hosts: [HostID]) -> String {
        let named = hosts.prefix(5).map(\.text).joined(separator: ", ") + (hosts.count > 5 ? ", …" : "")
        return hosts.isEmpty ? "" : ", but \(hosts.count.of("host")) could not (\(named))"
    }

    private static func started(_ plan: RolloutPlan, _ by: String) -> String {
        let kind = plan.urgency.isEmergency ? "emergency push" : "rollout"
        return "\(kind) of \(plan.definition.release) to \(plan.hosts.count.of("host")) in "
            + "\(plan.phases.count.of("phase")), by \(by)"
    }

    private static func words(_ action: OrderAction) -> String { action == .install ? "installation" : "back-out" }

    private static func ended(_ ending: HostEnding) -> String {
        let action: String
        switch ending.outcome {
        // The outcome names it.
        case .backedOut where ending.action == .backOut, .backOutFailed where ending.action == .backOut: action = ""
        default: action = words(ending.action) + " "
        }
        let text = "\(ending.host): \(action)\(words(ending.outcome))"
        guard let error = ending.error else { return text }
        return "\(text): \(oneLine(error.summary))"
    }

    /// What a host says may hold line feeds and control characters; a line for people holds none.
    private static func oneLine(_ text: String) -> String {
        let words = text.unicodeScalars.split { $0.value < 0x20 || $0.value == 0x7F || $0.properties.isWhitespace }
        return String(words.map { String($0) }.joined(separator: " ").prefix(500))
    }

    private static func words(_ outcome: HostOutcome) -> String {
        switch outcome {
        case .succeeded: "succeeded"
        case .alreadyCurrent: "was not needed"
        case .failed(let failure): "failed (\(failure.rawValue))"
        case .backedOut(let cause): cause.map { "backed out (\($0.rawValue))" } ?? "backed out"
        case .backOutFailed: "could not be backed out"
        case .skipped(let reason): "skipped (\(reason))"
        case .offline: "waits: the host is offline"
        case .gone: "ended: the host is gone"
        case .silent: "is unknown: the host never reports"
        case .cancelled: "cancelled"
        case .superseded: "superseded"
        }
    }
}
