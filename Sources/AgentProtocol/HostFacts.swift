import ReleaseDefinition

/// How a host stands at this moment: no history, the last word counts. It comes with every batch of reports.
public struct HostFacts: Sendable, Equatable, Codable {
    public static let driftedMax = 100
    /// Characters of `unwritable` that are kept.
    public static let unwritableMax = 300

    /// By the host's own clock, as the batch left.
    public var sentAt: UTCInstant
    /// On the file system of the agent's folder, where everything is fetched to.
    public var freeSpace: ByteCount?
    /// Why the agent can write nothing down there, in words, as on a disk that fails: until it can, it takes up no order.
    /// nil: it can, or an older agent.
    public var unwritable: String?
    /// Products whose files are not as they were signed; nil: not looked at. Only where the controller asked: it takes
    /// reading every file.
    public var drifted: [ProductName]?
    /// How far the controller's log had come, by the newest timestamp that this host has verified.
    public var log: LogCheckpoint?
    /// A timestamp showed this, which the log that `log` is of cannot lead to: it was cut, or written anew.
    public var logContradiction: LogCheckpoint?

    public init(
        sentAt: UTCInstant, freeSpace: ByteCount? = nil, drifted: [ProductName]? = nil, log: LogCheckpoint? = nil,
        logContradiction: LogCheckpoint? = nil, unwritable: String? = nil
    ) {
        self.sentAt = sentAt
        self.freeSpace = freeSpace
        self.unwritable = unwritable
        self.drifted = drifted
        self.log = log
        self.logContradiction = logContradiction
    }
}
