import Effects
import Synchronization

/// One line of `GET /readyz?verbose`.
struct ReadinessCheck: Sendable, Equatable {
    enum Standing: String, Sendable {
        case good = "+"
        /// It serves, and no other controller would do better.
        case degraded = "~"
        case bad = "-"
    }

    var name: String
    var standing: Standing

    var line: String { "[\(standing.rawValue)] \(name)\n" }

    /// How long a shared database may be away before a controller asks to be spared. One that starts anew or moves to its
    /// replica is away for all controllers alike, and to take them from their hosts helps nobody; after this time it may be this
    /// one that is cut off from it.
    static let recordPatience = Duration.seconds(60)

    /// - Parameter away: how long the shared database has not answered, or not taken a write; nil: it does.
    static func record(away: Duration?) -> ReadinessCheck {
        let standing = away.map { $0 < recordPatience ? Standing.degraded : .bad } ?? .good
        return ReadinessCheck(name: "record", standing: standing)
    }
}

extension Controller {
    /// What a balancer wants to know before it sends anybody here. With a shared database nobody waits for it here: a check that
    /// takes long counts as one that failed.
    nonisolated func readiness() async -> [ReadinessCheck] {
        let record: ReadinessCheck
        if let shared {
            record = .record(away: shared.awayFor)
        } else {
            record = ReadinessCheck(name: "record", standing: await ownRecord())
        }
        let isServing = runs.load(ordering: .relaxed) && !leaves.load(ordering: .relaxed)
        let hasRepository = (try? folder.repository().status("metadata")) != nil
        return [
            record, ReadinessCheck(name: "repository", standing: hasRepository ? .good : .bad),
            ReadinessCheck(name: "engine", standing: isServing ? .good : .bad),
        ]
    }

    /// Of a controller that is alone: no other would do better where its disk is full, and who reports tries the disk again.
    private func ownRecord() -> ReadinessCheck.Standing {
        guard (try? store.ping()) != nil else { return .bad }
        return failedUses.isEmpty ? .good : .degraded
    }

    /// Whether the record answers and takes what it is given, as far as this controller knows.
    func hasRecord() -> Bool { shared.map { $0.awayFor == nil } ?? (ownRecord() == .good) }
}
