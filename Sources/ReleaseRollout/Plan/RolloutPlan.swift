import AgentProtocol
import ReleaseDefinition

/// A host as the plan finds it.
public struct PlanHost: Sendable, Equatable, Codable {
    public var id: HostID
    public var labels: [String: String]
    /// Those that it goes by itself, where they are others: it has not heard of a change, or is too old to.
    public var labelsOnHost: [String: String]?
    public var delivery: DeliveryMode
    /// Of a pulling host.
    public var checkInterval: TimeSpan?
    /// What it runs of the product; nil: nothing.
    public var running: ReleaseName?
    /// What it runs of the product is not healthy; nil: it is, or it runs nothing.
    public var isUnhealthy: Bool?

    public init(
        id: HostID, labels: [String: String] = [:], labelsOnHost: [String: String]? = nil,
        delivery: DeliveryMode = .push, checkInterval: TimeSpan? = nil, running: ReleaseName? = nil,
        isUnhealthy: Bool? = nil
    ) {
        self.id = id
        self.labels = labels
        self.labelsOnHost = labelsOnHost
        self.delivery = delivery
        self.checkInterval = checkInterval
        self.running = running
        self.isUnhealthy = isUnhealthy
    }

    /// A machine that comes and goes, by its label: when it leaves, nothing is wrong.
    public var isEphemeral: Bool { labels["ephemeral"].map { $0 != "false" } ?? false }
}

/// How much a rollout may brush aside.
public enum RolloutUrgency: Sendable, Equatable, Codable {
    case ordinary
    /// To every host at once, without regard to windows, back-outs without a brake.
    case emergency(reason: String)

    public var isEmergency: Bool { self != .ordinary }
    public var ignoresWindows: Bool { isEmergency }
}

/// What a phase is to the others.
public enum PhaseKind: String, Sendable, Codable {
    case pilot, later, bigBang
    /// The hosts that run a migration, before everybody else.
    case migration
}

/// A phase with its hosts, frozen: who is in it never changes after the start.
public struct PlanPhase: Sendable, Equatable, Codable {
    public var kind: PhaseKind
    /// `migration`, `pilot`, `phase 2`, `phase 3`, …, or `everyone`.
    public var name: String
    /// In the order in which they start.
    public var hosts: [PlanHost]
    public var bake: TimeSpan
    public var failureTolerance: Tolerance
    /// Hosts that are changed at once; at least 1.
    public var parallelism: Int
    /// nil: what the tolerances leave.
    public var requiredSuccesses: PhaseSize?
    /// nil: automatic.
    public var promotion: PhasePromotion?
    /// The traffic is switched before its hosts start, and back before those of the phases before it are backed out.
    public var traffic: TrafficSwitch?
    /// Asked once it is done and baked; nil: none.
    public var gates: [GateName]?
}

public struct TrafficSwitch: Sendable, Equatable, Codable {
    public var hook: HookName
    public var timeout: TimeSpan
    /// How long it is watched before the other side is touched.
    public var bake: TimeSpan
}

/// A rollout as it was promised: made once by `make`, frozen at the start.
public struct RolloutPlan: Sendable, Equatable, Codable {
    public var id: RolloutID
    public var definition: RolloutDefinition
    public var manifest: SHA256Digest
    public var urgency: RolloutUrgency
    public var phases: [PlanPhase]
    /// When hosts may start: what windows and freezes leave, in order; nil: at any time.
    public var starts: [StartInterval]?

    /// Run once, on one host each, before the pilot; nil: none.
    public var migrations: [PlanMigration]?
    /// What the policy gives releases of this category, where the rollout does not say; nil: 24 h.
    public var earlyLife: TimeSpan?

    public var hosts: [PlanHost] { phases.flatMap(\.hosts) }

    /// Hosts that it changes at once, at most: those of one phase. Who comes late to an earlier one comes on top.
    var atOnce: Int { phases.map { min($0.parallelism, $0.hosts.count) }.max() ?? 0 }

    /// Bytes a second that the downloads of one of its hosts may take: its share of what all of a phase may that are changed at
    /// once, so that they keep to that however many they are. nil: what the host allows.
    public var hostBandwidth: ByteCount? {
        let share = definition.limits.totalBandwidth.map { ByteCount($0.value / Int64(max(1, atOnce))) }
        return [definition.limits.bandwidth, share].compactMap(\.self).min()
    }
}
