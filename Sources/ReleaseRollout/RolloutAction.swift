import AgentProtocol
import ReleaseDefinition

/// What the controller is to do. An action stays pending until the command that records it was decided; doing one
/// twice is harmless, because hosts carry out an order at most once.
public enum RolloutAction: Sendable, Hashable, Codable {
    /// Put the manifest on the revocation list and publish every channel of the environment and product again; then
    /// `revocationPublished`. Comes first: a channel must not offer the release once more.
    case revoke(SHA256Digest)
    /// To a pushed host; then `orderSent`.
    case sendOrder(host: HostID, order: OrderID)
    /// The host is to drop an order that it has not switched for: `AgentOrder.cancel`; then `cancelSent`.
    case cancelOrder(host: HostID, order: OrderID)
    /// Start the program; then `trafficBegun`, and `trafficAnswered` once it has ended.
    case switchTraffic(TrafficOrder)
    /// For pulling hosts; then `channelPublished` with the same value.
    case publishChannel(ChannelView)
    /// Ask it, which takes its time; then `gateJudged` with the same phase and round.
    case judgeGate(phase: Int, gate: GateName, round: Int)
}

/// One switch of the traffic: the program may be started again with the same after the controller was away.
public struct TrafficOrder: Sendable, Hashable, Codable {
    public var phase: Int
    public var hook: HookName
    public var timeout: TimeSpan
    public var isBack: Bool
    /// From 1.
    public var attempt: Int
}

/// What the channel `<environment>.<product>` says to pulling hosts.
public struct ChannelView: Sendable, Hashable, Codable {
    public var order: OrderID
    /// Sorted.
    public var included: [HostID]
    /// Every host that follows the channel, enrolled or not: only when the rollout succeeded and meant all hosts.
    public var everyone: Bool
    /// Sorted; of interest where `everyone` or `bound` is set: hosts that are not to have it.
    public var excluded: [HostID]
    /// Hosts whose bucket is below it are meant too: where more are than can be named one by one. nil: 0.
    public var bound: Int64?

    /// So many hosts are named one by one at most (semantics 6), and so many left out.
    public static let namedMax = 1000

    public init(
        order: OrderID, included: [HostID], everyone: Bool = false, excluded: [HostID] = [], bound: Int64? = nil
    ) {
        self.order = order
        self.included = included.sorted()
        self.everyone = everyone
        self.excluded = excluded.sorted()
        self.bound = bound
    }

    /// For the assignment.
    public var bucketBound: Int64 { everyone ? HostBucket.everyoneBound : bound ?? 0 }

    /// As the host itself reads the assignment.
    public func names(_ host: HostID) -> Bool { reader.names(host, bucket: nil) }

    /// For many questions.
    var reader: Reader { Reader(self) }

    struct Reader {
        private let order: OrderID
        private let included: Set<HostID>
        private let excluded: Set<HostID>
        private let bound: Int64

        init(_ view: ChannelView) {
            order = view.order
            included = Set(view.included)
            excluded = Set(view.excluded)
            bound = view.bucketBound
        }

        /// `bucket`: where it is known already.
        func names(_ host: HostID, bucket: UInt32?) -> Bool {
            if excluded.contains(host) { return false }
            if bound >= HostBucket.everyoneBound || included.contains(host) { return true }
            guard bound > 0 else { return false }
            return Int64(bucket ?? HostBucket(rollout: order.rollout, host: host).value) < bound
        }
    }
}
