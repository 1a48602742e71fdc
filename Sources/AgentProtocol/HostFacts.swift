import ReleaseDefinition

/// How a host stands at this moment: no history, the last word counts. It comes with every batch of reports.
public struct HostFacts: Sendable, Equatable, Codable {
    public static let driftedMax = 100

    /// By the host's own clock, as the batch left.
    public var sentAt: UTCInstant
    /// On the file system of the agent's folder, where everything is fetched to.
    public var freeSpace: ByteCount?
    /// Products whose files are not as they were signed; nil: not looked at. Only where the controller asked: it takes
    /// reading every file.
    public var drifted: [ProductName]?
    /// How far the controller's log had come, by the newest timestamp that this host has verified.
    public var log: LogCheckpoint?
    /// A timestamp showed this, which the log that `log` is of cannot lead to: it was cut, or written anew.
    public var logContradiction: LogCheckpoint?

    public init(
        sentAt: UTCInstant, freeSpace: ByteCount? = nil, drifted: [ProductName]? = nil, log: LogCheckpoint? = nil,
        logContradiction: LogCheckpoint? = nil
    ) {
        self.sentAt = sentAt
        self.freeSpace = freeSpace
        self.drifted = drifted
        self.log = log
        self.logContradiction = logContradiction
    }
}
