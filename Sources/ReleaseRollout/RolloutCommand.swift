import AgentProtocol
import ReleaseDefinition

/// Whether a pushed host's stream is open. Of pulling hosts nothing is known between two checks.
public enum HostContact: String, Sendable, Codable { case online, offline }

/// What an abort does with the hosts that have the release already.
public enum AbortChoice: Sendable, Equatable {
    case keep
    case backOut(BackOutTarget)
}

/// Which hosts a person wants back on what they ran before.
public enum BackOutTarget: Sendable, Equatable, Codable {
    case hosts([HostID])
    /// The newest phase that was started.
    case phase
    case rollout
}

/// Everything a rollout can be told. Facts from outside (`orderSent` … `tick`) never throw; verbs of people do where
/// they do not fit.
public enum RolloutCommand: Sendable, Equatable {
    case start(RolloutPlan, by: String)

    // What the controller did.
    /// An order went out on a host's stream (more than once is fine).
    case orderSent(HostID, OrderID)
    case channelPublished(ChannelView)
    /// A host was told to drop its order (more than once is fine).
    case cancelSent(HostID, OrderID)
    /// The manifest is on the revocation list of the environment and every channel's assignment says so.
    case revocationPublished
    /// What a gate said; of an older round it is ignored.
    case gateJudged(GateName, phase: Int, round: Int, GateJudgement)
    /// The controller was away: hosts cannot be blamed for the silence, their clocks start again.
    case controllerReturned

    // What hosts say.
    case progress(HostID, OrderProgress)
    case outcome(HostID, OrderOutcome)
    /// - `others`: hosts without the release at that moment, where `comparesHealth`; nil: nobody looked.
    case health(HostID, ProductHealth, others: OtherHosts? = nil)
    case contact(HostID, HostContact)
    /// A host that matches came after the start.
    case joined(PlanHost)
    /// The program that switches the traffic was started; `trafficAnswered` follows, or nothing.
    case trafficBegun(TrafficOrder)
    case trafficAnswered(TrafficOrder, succeeded: Bool, detail: String)
    /// An ephemeral host left for good.
    case gone(HostID)

    /// Time passed: due at `nextDeadlineAt`, harmless at any other moment.
    case tick

    // What people want.
    case pause(by: String, reason: String)
    case halt(by: String, reason: String)
    case resume(by: String, reason: String)
    /// Hosts that failed or were not reached are tried once more.
    case retry([HostID], by: String, reason: String)
    /// Hosts that have not begun are left out.
    case skip([HostID], by: String, reason: String)
    /// Lets a phase pass that waits for it; `resume` does not.
    case promote(by: String, reason: String)
    /// Freeze now: halts, whatever it is at but a back-out.
    case freeze(by: String, reason: String)
    case stop(by: String, reason: String)
    case abort(AbortChoice, by: String, reason: String)
    case backOut(BackOutTarget, by: String, reason: String)
    /// A newer rollout of the same product takes the hosts over. Tell the ones that have succeeded too: else a host that
    /// comes back late still catches up with them.
    case supersede(by: RolloutID)
    /// Hosts that run the release of this superseded rollout still, because it brought it and no newer one changed that, and
    /// that no rollout under way has: a back-out reaches them again. Hosts of which that cannot be are left out.
    case reclaim([HostID])
}
