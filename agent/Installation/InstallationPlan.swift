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

extension [UnitChange] {
    /// The first unit up to `last` from which there is no way back.
    func irreversible(upTo last: Int) -> UnitName? { prefix(last + 1).first { $0.isReversible == false }?.unit }

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
