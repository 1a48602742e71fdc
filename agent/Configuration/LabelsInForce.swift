import Effects
import ReleaseDefinition
import ReleaseTrust
import Synchronization

/// `labels.json`: what the controller's director said last that this host is called by. Beside the journal, so that the agent
/// before this one, which does not know of it, is not disturbed.
struct DecidedLabels: Sendable, Equatable, Codable {
    static let fileName = "labels.json"
    private static let sizeMax = ByteCount(1 << 18)

    /// Whom it was said to: a folder may become another host's.
    var host: HostID
    var labels: [String: String]
    var counter: Int64
    /// The director's keys then.
    var director: [String]

    init(_ verified: VerifiedLabels) {
        host = verified.word.host
        labels = verified.word.labels
        counter = verified.word.counter
        director = verified.director
    }

    /// nil where nothing was said to this host; and where the file is damaged, as the controller says it again then.
    static func read(in folder: Directory, of host: HostID) -> DecidedLabels? {
        guard let bytes = try? folder.readIfPresent(fileName, sizeMax: sizeMax),
            let read = try? JSONCoding.decode(DecidedLabels.self, from: bytes), read.host == host,
            HostLabels.areGood(read.labels)
        else { return nil }
        return read
    }

    func write(in folder: Directory) throws {
        try folder.writeDurably(Self.fileName, JSONCoding.value(of: self).prettyBytes, mode: 0o600)
    }

    /// A counter counts within one director: whoever stole the keys of one before may have driven it up.
    func precedes(_ next: DecidedLabels) -> Bool {
        next.counter >= counter || Set(director).isDisjoint(with: next.director)
    }
}

/// What this host is called by now, for whatever starts next: as the controller said last, else as `agent.json` has it from
/// the day it joined.
final class LabelsInForce: Sendable {
    private let labels: Mutex<[String: String]>

    init(_ labels: [String: String]) { self.labels = Mutex(labels) }

    convenience init(in folder: Directory, _ configuration: AgentConfiguration) {
        self.init(DecidedLabels.read(in: folder, of: configuration.host)?.labels ?? configuration.labels)
    }

    var current: [String: String] { labels.withLock { $0 } }

    func hold(_ new: [String: String]) { labels.withLock { $0 = new } }
}
