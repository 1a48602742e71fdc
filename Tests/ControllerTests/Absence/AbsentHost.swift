import AgentProtocol
import Effects
import ReleaseDefinition
import ReleaseTrust

@testable import AgentLibrary
@testable import ControllerLibrary

/// One of ten thousand hosts, as far as it matters to its return: the agent's own pieces, without its process.
struct AbsentHost {
    let id: HostID
    let delivery: DeliveryMode
    let session: AgentSession
    /// This many milliseconds are missing on its clock.
    var clockIsLateBy: Int64 = 0
    /// The files of the store that it had when the controller went, by number.
    let store: Int
    var facts: StoredIdentity.Facts
    /// The key and the chain themselves, where the test lets the host renew.
    var identity: StoredIdentity?
    var stream = Backoff.stream
    var pace = RenewalPace()
    var highest: HighestTime.Mark
    /// An order that was given and not carried out.
    var heldOrder: JSONValue?
    var sequence: Int64 = 1
    /// When it spoke as the host that it is and, where it pulls, had fresh metadata; after the controller's return.
    var admittedAt: Int64?
    var refreshedAt: Int64?
    var installed: [SHA256Digest] = []
    /// When it had a certificate in force again, where it had none.
    var renewedAt: Int64?

    static let checkInterval = TimeSpan.minutes(5)

    func isExpired(at now: UTCInstant) -> Bool { facts.notAfter <= now }

    var isBack: Bool { admittedAt != nil && (delivery == .push || refreshedAt != nil) }
    var backAt: Int64? { isBack ? max(admittedAt ?? 0, refreshedAt ?? 0) : nil }
}

/// What a web server has at one time.
struct ServedRepository {
    var number: Int
    private let files: [String: [UInt8]]

    init(_ files: [MetadataFile], number: Int) {
        self.number = number
        self.files = Dictionary(files.map { ($0.name, $0.bytes) }, uniquingKeysWith: { first, _ in first })
    }

    /// One whole update, as `MetadataClient` runs it.
    func run(_ refresh: inout MetadataRefresh, store: inout [String: [UInt8]]) throws {
        while let request = refresh.nextRequest {
            guard let bytes = files[request.fileName] else {
                guard request.mayBeAbsent else { throw TestFailure("\(request.fileName) is not there") }
                try refresh.receiveAbsent()
                continue
            }
            for change in try refresh.receive(bytes) {
                switch change {
                case .write(let name, let bytes): store[name] = bytes
                case .remove(let name): store[name] = nil
                }
            }
        }
    }
}

/// The client core, asked once for each different question: it is pure, so ten thousand hosts ask a few hundred.
final class ClientCore {
    private struct Question: Hashable {
        var store: Int
        var served: Int
        var start: UTCInstant
    }

    private let stores: [[String: [UInt8]]]
    private let opened: [MetadataRefresh]
    private var answers: [Question: Result<MetadataRefresh, any Error>] = [:]
    let target: String

    init(stores: [[String: [UInt8]]], target: String, at now: UTCInstant) throws {
        self.stores = stores
        self.target = target
        opened = try stores.map { try MetadataRefresh(stored: $0, at: now) }
    }

    var questions: Int { answers.count }

    /// What the host believes by its own disk alone.
    func stored(_ store: Int, at start: UTCInstant) -> TrustedMetadata {
        opened[store].again(at: start, stored: stores[store])?.trusted ?? opened[store].trusted
    }

    /// What it believes after an update from this server, the target's role looked up.
    func refreshed(_ store: Int, from served: ServedRepository, at start: UTCInstant) throws -> TrustedMetadata {
        let question = Question(store: store, served: served.number, start: start)
        if let known = answers[question] { return try known.get().trusted }
        let answer = Result<MetadataRefresh, any Error> {
            guard var refresh = opened[store].again(at: start, stored: stores[store]) else {
                throw TestFailure("the store is another")
            }
            var files = stores[store]
            refresh.want(target: target)
            try served.run(&refresh, store: &files)
            return refresh
        }
        answers[question] = answer
        return try answer.get().trusted
    }
}
