import Effects
import Logging
import ReleaseDefinition

/// What this host has seen of the controller's log: the furthest end that a verified timestamp named, on its disk. A log that
/// goes back or aside is said and reported; nothing is held up by it (trust.md "Audit log").
struct LogWitness: Sendable, Codable, Equatable {
    static let fileName = "log-witness.json"
    private static let sizeMax = ByteCount(4096)

    private(set) var log: LogCheckpoint?
    private(set) var contradiction: LogCheckpoint?

    /// One that cannot be read counts as none.
    init(in folder: Directory) {
        guard let bytes = try? folder.readIfPresent(Self.fileName, sizeMax: Self.sizeMax),
            let read = try? JSONCoding.decode(LogWitness.self, from: bytes)
        else { return }
        self = read
    }

    init() {}

    mutating func see(_ checkpoint: LogCheckpoint) {
        guard let log else { return self.log = checkpoint }
        if log.contradicts(checkpoint) {
            contradiction = checkpoint
        } else {
            self.log = checkpoint
            // A controller that was restored and has gone on beyond is one log again; what was lost stays lost.
            contradiction = nil
        }
    }

    /// After an update that went well.
    static func see(_ checkpoint: LogCheckpoint?, in folder: Directory, log: Logger) {
        guard let checkpoint else { return }
        let before = LogWitness(in: folder)
        var after = before
        after.see(checkpoint)
        guard after != before else { return }
        if let contradiction = after.contradiction, contradiction != before.contradiction {
            log.critical(
                "the controller's log is not the one that this host has witnessed",
                metadata: [
                    "witnessed": "\(after.log?.sequence ?? 0)", "shown": "\(contradiction.sequence)",
                ])
        }
        do {
            try folder.writeDurably(fileName, JSONCoding.value(of: after).wireBytes, mode: 0o600)
        } catch {
            log.error("what was witnessed was not stored", metadata: ["error": "\(ReportedError(error))"])
        }
    }
}
