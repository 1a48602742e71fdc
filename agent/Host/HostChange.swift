import AgentProtocol
import ReleaseDefinition

/// One line of the journal: what changed, and what the controller is told about it, together or not at all.
public struct JournalEntry: Sendable, Equatable, Codable {
    /// Of the steady clock.
    public var at: UTCInstant
    public var changes: [HostChange]

    public init(at: UTCInstant, changes: [HostChange]) {
        self.at = at
        self.changes = changes
    }
}

public enum HostChange: Sendable, Equatable, Codable {
    /// An order is taken up. `counter` of its assignment; nil where the host orders itself.
    case received(task: InstallationTask, counter: Int64?)
    case installation(event: InstallationEvent)
    /// An order that got its final word without being taken up.
    case refused(order: FinishedOrder, counter: Int64?)
    /// The whole set for the product, as the latest assignment gives it. `director`: its keys, where they are others than
    /// were known; with none of those among them, all counters begin anew.
    case revoked(product: ProductName, manifests: [SHA256Digest], counter: Int64, director: [String]? = nil)
    case unlocked(product: ProductName)
    /// What ran there before any agent became the release to go back to.
    case adopted(release: HostRelease)
    /// How many releases the running release asks to keep.
    case keep(product: ProductName, count: Int)
    /// A release folder was deleted.
    case deleted(release: HostRelease)
    /// A release that was kept running in its slot was ended.
    case cooled(product: ProductName, unit: UnitName)
    case report(report: HostReport)
    /// The controller has everything up to this sequence.
    case acknowledged(sequence: Int64)
    /// The controller knows higher sequences of this host than it does itself, as after its disk was restored: what
    /// waits is numbered anew from here.
    case renumbered(first: Int64)
    case checkpoint(checkpoint: HostCheckpoint)
}
