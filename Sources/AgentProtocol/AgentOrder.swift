import ReleaseDefinition

/// What the controller sends down an agent's open event stream (`GET /v1/agent/stream`, `text/event-stream`): `event` is
/// the case's name, `data` the JSON of its value, `id` the controller's event sequence. A comment line every
/// `heartbeatInterval` keeps the stream alive; an agent that heard nothing for three of them reconnects.
public enum AgentOrder: Sendable, Equatable {
    /// A signed assignment, as a DSSE envelope; nothing about it is trusted before it is verified.
    case assignment(JSONValue)
    /// The order is not wanted any more: before its first stop it is given up and cleaned up after, later it goes on. Its
    /// word is `cancelled` then, also from a host that never heard of it. It can only keep a host from beginning.
    case cancel(OrderCancel)
    /// The signed metadata or the channels changed: refresh soon.
    case refresh
    /// A new certificate is to be had: the authority is being replaced.
    case renew
    /// Say how you stand, with what was changed on the disk: an empty batch of reports with `HostFacts`.
    case facts
    /// Ask the checks of what runs now; say so (`HostReportBody.health`) where it is not healthy any more, or is again.
    case health
    /// The first word of every stream: what the controller has of this host's reports, and whether it takes more now.
    case heard(HeardReports)
    /// Reports are taken again, which could not be written down for a while: what waits is sent soon, by each host at a moment
    /// of its own.
    case ready
    /// This controller ends. The stream is opened anew within the time that it says, wherever its address leads then.
    case leaving(Leaving)
    /// The host may not stay; the stream ends after it.
    case identity(IdentityNotice)

    public static let heartbeatInterval = TimeSpan.seconds(10)

    public var eventName: String {
        switch self {
        case .assignment: "assignment"
        case .cancel: "cancel"
        case .refresh: "refresh"
        case .renew: "renew"
        case .facts: "facts"
        case .health: "health"
        case .heard: "heard"
        case .ready: "ready"
        case .leaving: "leaving"
        case .identity: "identity"
        }
    }

    public var data: JSONValue {
        switch self {
        case .assignment(let envelope): envelope
        case .cancel(let cancel): (try? JSONCoding.value(of: cancel)) ?? .object([])
        case .refresh, .renew, .facts, .health, .ready: .object([])
        case .heard(let heard): (try? JSONCoding.value(of: heard)) ?? .object([])
        case .leaving(let leaving): (try? JSONCoding.value(of: leaving)) ?? .object([])
        case .identity(let notice): (try? JSONCoding.value(of: notice)) ?? .object([])
        }
    }

    /// nil for an event that this version does not know: a newer controller may send some.
    public init?(eventName: String, data: JSONValue) {
        switch eventName {
        case "assignment": self = .assignment(data)
        case "cancel":
            guard let cancel = try? JSONCoding.decode(OrderCancel.self, from: data) else { return nil }
            self = .cancel(cancel)
        case "refresh": self = .refresh
        case "renew": self = .renew
        case "facts": self = .facts
        case "health": self = .health
        case "heard":
            guard let heard = try? JSONCoding.decode(HeardReports.self, from: data) else { return nil }
            self = .heard(heard)
        case "ready": self = .ready
        case "leaving":
            guard let leaving = try? JSONCoding.decode(Leaving.self, from: data) else { return nil }
            self = .leaving(leaving)
        case "identity":
            guard let notice = try? JSONCoding.decode(IdentityNotice.self, from: data) else { return nil }
            self = .identity(notice)
        default: return nil
        }
    }
}

/// How far a controller knows a host's own word.
public struct HeardReports: Sendable, Equatable, Codable {
    /// The highest sequence of a report that is in its record; 0: none is. Lower than what it acknowledged before: it was set
    /// up from a backup, and is told again what it lost.
    public var through: Int64
    /// false: its record cannot be written, and `ready` will say when it can; nil, as of older controllers: it takes reports.
    public var isReady: Bool?

    public init(through: Int64, isReady: Bool? = nil) {
        self.through = through
        self.isReady = isReady
    }

    public var takesReports: Bool { isReady ?? true }
}

/// The end of a stream that its controller means.
public struct Leaving: Sendable, Equatable, Codable {
    /// In which its hosts come back, each at a moment of its own: the more there are, the longer.
    public var within: TimeSpan

    public init(within: TimeSpan) { self.within = within }
}

/// Which order is not wanted any more.
public struct OrderCancel: Sendable, Equatable, Codable {
    public var order: OrderID
    /// What it would have brought.
    public var release: ReleaseName

    public init(order: OrderID, release: ReleaseName) {
        self.order = order
        self.release = release
    }
}
