import AgentProtocol
import ReleaseDefinition

/// A release as this host knows it: its name and the manifest that the approvers signed.
public struct HostRelease: Sendable, Hashable, Codable, CustomStringConvertible {
    public var name: ReleaseName
    public var manifest: SHA256Digest

    public init(name: ReleaseName, manifest: SHA256Digest) {
        self.name = name
        self.manifest = manifest
    }

    /// `1.4-1a2b3c4d`: the folder below `<installTo>.releases`.
    public var folder: String { "\(name.version)-\(manifest.short)" }
    public var description: String { "\(name) (\(manifest.short))" }
}

/// What one order asks of this host, fixed when it is taken up.
public struct InstallationTask: Sendable, Equatable, Codable {
    public var order: OrderID
    /// The director's signed envelope, verified anew after every restart; nil only where a person orders on
    /// the host itself.
    public var envelope: JSONValue?
    /// What ran when the order was taken up; nil: nothing of this product.
    public var from: HostRelease?
    /// What shall run at the end; nil: nothing (a first install that is backed out).
    public var to: HostRelease?

    public init(order: OrderID, envelope: JSONValue?, from: HostRelease?, to: HostRelease?) {
        self.order = order
        self.envelope = envelope
        self.from = from
        self.to = to
    }

    /// The release that the order names: the one to install, or the one to leave.
    public var subject: HostRelease? { order.action == .install ? to : from }
}

/// What happens to one release unit, and how long each part may take.
public struct UnitChange: Sendable, Equatable, Codable {
    public enum Kind: String, Sendable, Codable { case add, replace, remove }

    public var unit: UnitName
    public var kind: Kind
    /// For all hooks of one step together, retries by exit 75 included, and the service's own stop.
    public var stepTimeout: TimeSpan
    public var healthyDeadline: TimeSpan
    /// False: once it was switched there is no way back. nil is true.
    public var isReversible: Bool?
    /// Set where the new release runs in a slot of its own; nil: it takes the old one's place.
    public var parallel: ParallelChange?
    /// Set where the host is restarted before the unit is started; nil: never.
    public var reboot: RebootPolicy?
    /// The unit's number in the release that the way back restores, whose units start in that order; nil: it has none.
    public var orderBack: Int?

    public init(
        unit: UnitName, kind: Kind, stepTimeout: TimeSpan, healthyDeadline: TimeSpan, isReversible: Bool? = nil
    ) {
        self.unit = unit
        self.kind = kind
        self.stepTimeout = stepTimeout
        self.healthyDeadline = healthyDeadline
        self.isReversible = isReversible
    }
}

/// In which slots the two releases of a unit run.
public struct ParallelChange: Sendable, Equatable, Codable {
    /// Of the release that the way back restores; nil: it has no slots, or there is none.
    public var old: SlotName?
    /// Of the release that the way back leaves.
    public var new: SlotName?
    /// How long the one that is left goes on for the requests it has.
    public var drain: TimeSpan
    public var warm: TimeSpan

    public init(old: SlotName?, new: SlotName?, drain: TimeSpan, warm: TimeSpan) {
        self.old = old
        self.new = new
        self.drain = drain
        self.warm = warm
    }

    /// Both run at once, so that one takes over from the other; else the old one is stopped first.
    public var isBeside: Bool { old != nil && new != nil }
}

extension [UnitChange] {
    func parallel(_ unit: Int) -> ParallelChange? { indices.contains(unit) ? self[unit].parallel : nil }

    func isBeside(_ unit: Int) -> Bool { parallel(unit)?.isBeside ?? false }

    /// The first unit up to `last` from which there is no way back.
    func irreversible(upTo last: Int) -> UnitName? { prefix(last + 1).first { $0.isReversible == false }?.unit }

    func orderBack(of unit: Int) -> Int { (indices.contains(unit) ? self[unit].orderBack : nil) ?? unit }

    /// A number from a journal is never trusted as an index.
    func kind(of unit: Int) -> UnitChange.Kind { indices.contains(unit) ? self[unit].kind : .replace }
}

/// What is to be compared with after the switch.
public struct StateBefore: Sendable, Equatable, Codable {
    /// Whom the host could reach; it must reach one of them again before it commits.
    public var peers: [String]
    /// nil: 2 minutes.
    public var confirmWithin: TimeSpan?
    /// Why what ran was not healthy; nil: it was.
    public var unhealthy: String?

    public init(peers: [String] = [], confirmWithin: TimeSpan? = nil, unhealthy: String? = nil) {
        self.peers = peers
        self.confirmWithin = confirmWithin
        self.unhealthy = unhealthy
    }
}

/// Why an installation went wrong, with what was seen before anything was restored.
public struct InstallationFailure: Sendable, Equatable, Codable {
    public var failureClass: FailureClass
    public var evidence: FailureEvidence

    public init(failureClass: FailureClass, evidence: FailureEvidence) {
        self.failureClass = failureClass
        self.evidence = evidence
    }
}
