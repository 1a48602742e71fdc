import ReleaseDefinition

/// What the controller sends down an agent's open event stream (`GET /v1/agent/stream`, `text/event-stream`): `event` is
/// the case's name, `data` the JSON of its value, `id` the controller's event sequence. A comment line every
/// `heartbeatInterval` keeps the stream alive; an agent that heard nothing for three of them reconnects.
public enum AgentOrder: Sendable, Equatable {
    /// A signed assignment, as a DSSE envelope; nothing about it is trusted before it is verified.
    case assignment(JSONValue)
    /// The signed metadata or the channels changed: refresh soon.
    case refresh

    public static let heartbeatInterval = TimeSpan.seconds(10)

    public var eventName: String {
        switch self {
        case .assignment: "assignment"
        case .refresh: "refresh"
        }
    }

    public var data: JSONValue {
        switch self {
        case .assignment(let envelope): envelope
        case .refresh: .object([])
        }
    }

    /// nil for an event that this version does not know: a newer controller may send some.
    public init?(eventName: String, data: JSONValue) {
        switch eventName {
        case "assignment": self = .assignment(data)
        case "refresh": self = .refresh
        default: return nil
        }
    }
}
