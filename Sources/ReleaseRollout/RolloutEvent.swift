import AgentProtocol
import ReleaseDefinition

/// A fact about a rollout, with its moment. The events of a rollout, applied in order, rebuild the same value.
public struct RolloutEvent: Sendable, Equatable, Codable {
    public var at: UTCInstant
    public var fact: RolloutFact

    public init(at: UTCInstant, _ fact: RolloutFact) {
        self.at = at
        self.fact = fact
    }

    /// The name for log, API and docs: `rollout.hostEnded`.
    public var name: String { "rollout." + fact.name }
}

public enum RolloutFact: Sendable, Equatable, Codable {
    case started(plan: RolloutPlan, by: String)
    case phaseStarted(phase: Int)
    /// The engine decided that this host may have its order now: it occupies a place.
    case hostAdmitted(host: HostID, action: OrderAction)
    case orderSent(host: HostID, order: OrderID)
    case channelPublished(view: ChannelView)
    case cancelSent(host: HostID, order: OrderID)
    case revocationPublished
    /// `heldUntil`: it begins by a clock of its own, not before then.
    case hostProgressed(host: HostID, action: OrderAction, step: InstallationStep, heldUntil: UTCInstant? = nil)
    case hostEnded(HostEnding)
    /// A host that had succeeded became unhealthy with this release while the rollout was still watching. In early life
    /// support with what hosts without the release were like then; nil: nobody looked.
    case hostUnhealthy(host: HostID, detail: String, others: OtherHosts? = nil)
    case contactChanged(host: HostID, contact: HostContact)
    /// A host that had counted as offline is back in contact: its order stands.
    case hostReturned(host: HostID, action: OrderAction)
    case clocksRestarted
    case bakeStarted(phase: Int, until: UTCInstant)
    case phasePassed(phase: Int)
    /// The phase is done and baked; what is not judged by then has no data.
    case gatesAsked(phase: Int, round: Int, until: UTCInstant)
    case gateJudged(phase: Int, gate: GateName, round: Int, judgement: GateJudgement)
    /// A person lets the phase pass whatever its gates say.
    case gatesWaived(phase: Int, by: String, reason: String)
    case paused(reason: StatusReason)
    case halted(reason: StatusReason)
    case haltReminded
    case resumed(by: String, reason: String)
    case stopping(reason: StatusReason)
    /// Hosts that are to be backed out by themselves, outside a wave.
    case hostBackOutStarted(hosts: [HostID], reason: StatusReason)
    case backOutStarted(scope: BackOutScope, phase: Int, reason: StatusReason)
    case ended(RolloutEnd)
    /// Hosts may start until then.
    case startsOpened(until: UTCInstant)
    /// No host starts before then; nil: never again.
    case startsShut(next: UTCInstant?)
    /// Every host ran the release before.
    case nothingToDo
    case hostsRetried(hosts: [HostID], by: String, reason: String)
    /// Hosts that never report may have the release.
    case silentAdmitted
    /// In early life support more hosts turned unhealthy than may, and nothing says that it is the release.
    case earlyLifePaged(reason: StatusReason)
    /// How a host gets its orders is known now: it had said nothing when it was planned.
    case hostFound(PlanHost)
    /// A host came late and is to catch up.
    case hostJoined(PlanHost)
    /// The traffic is to be switched, or back.
    case trafficSwitching(phase: Int, isBack: Bool, attempt: Int)
    /// The program that does it was started.
    case trafficBegun
    case trafficSwitched(phase: Int, isBack: Bool)
    /// It was watched on its new side for long enough.
    case trafficWatched(phase: Int)
    case trafficFailed(phase: Int, isBack: Bool, detail: String)
    /// A newer rollout has the hosts: nothing of this one is sent any more.
    case superseded(by: RolloutID)
    /// A newer rollout has the others, and left these on this one's release.
    case hostsReclaimed(hosts: [HostID])
    /// A person let the phase pass that waited for it.
    case promoted(phase: Int, by: String, reason: String)
    /// A person holds the channel of a continuous rollout that is over: no newer release starts by itself.
    case channelHeld(reason: StatusReason)
    case channelReleased(by: String, reason: String)

    /// A case's name, without its values.
    public var name: String {
        switch self {
        case .started: "started"
        case .phaseStarted: "phaseStarted"
        case .hostAdmitted: "hostAdmitted"
        case .orderSent: "orderSent"
        case .channelPublished: "channelPublished"
        case .cancelSent: "cancelSent"
        case .revocationPublished: "revocationPublished"
        case .hostProgressed: "hostProgressed"
        case .hostEnded: "hostEnded"
        case .hostUnhealthy: "hostUnhealthy"
        case .contactChanged: "contactChanged"
        case .hostReturned: "hostReturned"
        case .clocksRestarted: "clocksRestarted"
        case .bakeStarted: "bakeStarted"
        case .phasePassed: "phasePassed"
        case .gatesAsked: "gatesAsked"
        case .gateJudged: "gateJudged"
        case .gatesWaived: "gatesWaived"
        case .paused: "paused"
        case .halted: "halted"
        case .haltReminded: "haltReminded"
        case .resumed: "resumed"
        case .stopping: "stopping"
        case .hostBackOutStarted: "hostBackOutStarted"
        case .backOutStarted: "backOutStarted"
        case .ended: "ended"
        case .superseded: "superseded"
        case .hostsReclaimed: "hostsReclaimed"
        case .promoted: "promoted"
        case .channelHeld: "channelHeld"
        case .channelReleased: "channelReleased"
        case .hostFound: "hostFound"
        case .hostJoined: "hostJoined"
        case .trafficSwitching: "trafficSwitching"
        case .trafficBegun: "trafficBegun"
        case .trafficSwitched: "trafficSwitched"
        case .trafficWatched: "trafficWatched"
        case .trafficFailed: "trafficFailed"
        case .startsOpened: "startsOpened"
        case .startsShut: "startsShut"
        case .nothingToDo: "nothingToDo"
        case .hostsRetried: "hostsRetried"
        case .silentAdmitted: "silentAdmitted"
        case .earlyLifePaged: "earlyLifePaged"
        }
    }
}

/// Whose word the end of an order is.
public enum EndingSource: String, Sendable, Codable { case host, engine }

/// How an order ended on a host: by the host's own word, or by the engine's, when a deadline passed.
public struct HostEnding: Sendable, Equatable, Codable {
    public var host: HostID
    public var action: OrderAction
    public var outcome: HostOutcome
    public var source: EndingSource
    /// What runs now, as far as the host said.
    public var running: ReleaseName?
    /// The step that failed.
    public var step: InstallationStep?
    public var error: ReportedError?
    /// The host was not healthy just before, as it said itself: what became of it counts neither way.
    public var wasUnhealthy: Bool?
    /// A machine that comes and goes did not answer: it has left, for all that one knows.
    public var isPresumed: Bool?
    /// Of the order, where a pulling host answered the channel's newer one, which another host's retry had raised.
    public var attempt: Int?
}

/// The final state of a rollout. A closed verdict never changes; a person may still order a back-out after it.
public enum RolloutEnd: Sendable, Equatable, Codable {
    case succeeded
    case backedOut(StatusReason)
    case stopped(StatusReason)
    case failed(StatusReason)
    case superseded(by: RolloutID)
}
