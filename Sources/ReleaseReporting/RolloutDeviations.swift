import AgentProtocol
import ReleaseDefinition
import ReleaseLifecycle
import ReleaseRollout

/// What a rollout's own facts say of deviations: which arise, and which are put right by what the engine does about them.
/// What it does not put right waits for a person. Pure: the same log gives the same deviations.
public enum RolloutDeviations {
    /// Of one rollout, for single hosts; what is beyond is one deviation more.
    public static let hostsMax = 20
    /// The log's word for the engine.
    public static let raiser = "engine"

    /// An entry of the log, and whose affair a deviation of it is.
    public struct Source: Sendable {
        public var rollout: RolloutID?
        /// Of the entry.
        public var sequence: Int64
        public var at: UTCInstant
        public var owner: String

        public init(rollout: RolloutID?, sequence: Int64, at: UTCInstant, owner: String) {
            self.rollout = rollout
            self.sequence = sequence
            self.at = at
            self.owner = owner
        }

        public func deviation(_ kind: Deviation.Kind = .deviation, about: String, _ text: String) -> Deviation {
            Deviation(
                id: "e\(sequence)", kind: kind, text: String(text.prefix(500)), owner: owner, rollout: rollout,
                about: about, raisedAt: at, raisedBy: RolloutDeviations.raiser)
        }
    }

    /// Whether the fact can say something of a deviation: most, one for each step of each host, do not.
    public static func concerns(_ fact: RolloutFact) -> Bool {
        switch fact {
        case .hostEnded, .hostUnhealthy, .halted, .resumed, .gatesWaived, .backOutStarted, .trafficFailed,
            .trafficSwitched, .ended:
            true
        default: false
        }
    }

    /// - Parameter known: of the release.
    public static func facts(of fact: RolloutFact, _ source: Source, known: [Deviation]) -> [LifecycleFact] {
        let own = known.filter { $0.rollout == source.rollout && $0.about != nil }
        let open = own.filter { $0.resolution == nil }
        switch fact {
        case .hostEnded(let ending): return ended(ending, source, own)
        case .hostUnhealthy(let host, let detail, _):
            return raise(source.deviation(about: about(host), "\(host) became unhealthy: \(detail)"), own)
        case .halted(let reason): return [.deviationRaised(source.deviation(about: halt, "halted: \(reason.text)"))]
        case .resumed(let by, let reason): return resolve(open, { $0 == halt }, "resumed by \(by): \(reason)")
        case .promoted(_, let by, let reason): return resolve(open, { $0 == halt }, "promoted by \(by): \(reason)")
        case .gatesWaived(let phase, let by, let reason):
            let text = "phase \(phase + 1) passed whatever its gates say, by \(by): \(reason)"
            return [.deviationRaised(source.deviation(about: override, text))]
        case .backOutStarted(let scope, _, let reason):
            return resolve(open, { $0 == halt }, "the back-out of the \(scope.rawValue) began")
                + [
                    .deviationRaised(
                        source.deviation(about: backOut, "back-out of the \(scope.rawValue): \(reason.text)"))
                ]
        case .trafficFailed(_, let isBack, let detail):
            let text = "the traffic could not be switched\(isBack ? " back" : ""): \(detail)"
            return [.deviationRaised(source.deviation(.issue, about: traffic, text))]
        case .trafficSwitched: return resolve(open, { $0 == traffic }, "tried again: the traffic is switched")
        case .ended(let end): return ended(end, source, open)
        default: return []
        }
    }

    private static let halt = "halt"
    private static let backOut = "backOut"
    private static let traffic = "traffic"
    private static let moreHosts = "hosts"
    public static let override = "override"
    private static let hostPrefix = "host:"

    private static func about(_ host: HostID) -> String { hostPrefix + host.text }

    // MARK: hosts

    private static func ended(_ ending: HostEnding, _ source: Source, _ own: [Deviation]) -> [LifecycleFact] {
        let about = about(ending.host)
        let open = own.filter { $0.resolution == nil && $0.about == about }
        let now = ending.running.map { "\($0)" } ?? "what it ran before"
        let why = ending.error.map { ": \($0.summary)" } ?? ""
        switch ending.outcome {
        case .succeeded, .alreadyCurrent:
            return resolve(
                open, { _ in true },
                ending.action == .install ? "tried again: it has the release" : "taken back to \(now)")
        case .failed(let failure):
            return raise(source.deviation(about: about, "\(ending.host) failed (\(failure.rawValue))\(why)"), own)
        case .backedOut(let cause):
            let before = resolve(open, { _ in true }, "taken back to \(now)")
            guard let cause else { return before }
            let raised = raise(
                source.deviation(about: about, "\(ending.host) failed (\(cause.rawValue))\(why)"), own)
            guard case .deviationRaised(let deviation)? = raised.first, deviation.about == about else {
                return before + raised
            }
            return before + raised
                + [.deviationResolved(id: deviation.id, action: "it took itself back to \(now)")]
        case .backOutFailed:
            return [
                .deviationRaised(
                    source.deviation(.issue, about: about, "\(ending.host) could not be taken back\(why)"))
            ]
        case .skipped, .offline, .gone, .silent, .cancelled, .superseded: return []
        }
    }

    /// One for each host, and one for all that is beyond the bound.
    private static func raise(_ deviation: Deviation, _ own: [Deviation]) -> [LifecycleFact] {
        let hosts = own.count { $0.about?.hasPrefix(hostPrefix) == true }
        if hosts < hostsMax { return [.deviationRaised(deviation)] }
        guard !own.contains(where: { $0.about == moreHosts }) else { return [] }
        var more = deviation
        more.about = moreHosts
        more.text = "more than \(hostsMax) hosts failed"
        return [.deviationRaised(more)]
    }

    // MARK: the end

    private static func ended(_ end: RolloutEnd, _ source: Source, _ open: [Deviation]) -> [LifecycleFact] {
        switch end {
        case .succeeded: return resolve(open, { $0 == halt || $0 == backOut }, "the rollout went on to its end")
        case .backedOut:
            // Hosts that could not be taken back stay open, as issues. Who was taken back is resolved by then.
            let rest = open.filter { $0.kind != .issue }
            return resolve(rest, { $0 == halt || $0 == backOut }, "the rollout was backed out")
                + resolve(
                    rest, { $0 != halt && $0 != backOut && $0 != override },
                    "nothing was left to take back when the rollout was backed out")
        case .stopped(let reason): return resolve(open, { $0 == halt }, "stopped: \(reason.text)")
        case .superseded(let by): return resolve(open, { $0 == halt }, "superseded by \(by)")
        case .failed(let reason):
            return [.deviationRaised(source.deviation(.issue, about: backOut, "the back-out failed: \(reason.text)"))]
        }
    }

    private static func resolve(
        _ open: [Deviation], _ isMeant: (String) -> Bool, _ action: String
    ) -> [LifecycleFact] {
        open.filter { $0.about.map(isMeant) ?? false }.map { .deviationResolved(id: $0.id, action: action) }
    }
}
