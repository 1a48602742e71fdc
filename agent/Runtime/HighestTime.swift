import Effects
import Logging
import ReleaseDefinition
import Synchronization

/// The highest time that this host ever accepted, on its disk: a clock that is set back does not bring expired metadata to
/// life again (trust.md 8).
///
/// What is accepted is the start time of an update that succeeded, and nothing else: all metadata had to be in force at
/// it, the timestamp among it, which is signed anew every day. So a clock that is far ahead is never stored: with it
/// everything has expired, and the update fails.
final class HighestTime: Sendable {
    static let fileName = "highest-time"
    /// Not every update is worth a write; an attacker wins no more than this.
    static let step = TimeSpan.minutes(1)
    private static let sizeMax = ByteCount(64)

    private let folder: Directory
    private let log: Logger
    private let highest: Mutex<Mark>

    /// The time itself, without its disk.
    struct Mark: Sendable {
        private(set) var highest: UTCInstant

        func start(_ now: UTCInstant) -> UTCInstant { max(now, highest) }

        /// - Returns: whether it is worth a write.
        mutating func accept(_ start: UTCInstant) -> Bool {
            guard start >= highest + HighestTime.step else { return false }
            highest = start
            return true
        }
    }

    /// One that cannot be read counts as none: this host then trusts its clock until the next update, but never before the
    /// time of which the program itself knows.
    init(in folder: Directory, log: Logger) {
        self.folder = folder
        self.log = log
        var read = SlipwayVersion.notBefore
        do {
            if let bytes = try folder.readIfPresent(Self.fileName, sizeMax: Self.sizeMax) {
                read = max(read, try UTCInstant(String(decoding: bytes.filter { $0 > 0x20 }, as: UTF8.self)))
            }
        } catch {
            log.error("the highest time cannot be read", metadata: ["error": "\(ReportedError(error))"])
        }
        highest = Mutex(Mark(highest: read))
    }

    /// The start time of one update: the clock's, but never before what was accepted.
    func start(_ now: UTCInstant) -> UTCInstant { highest.withLock { $0.start(now) } }

    /// After an update that began at this time succeeded.
    func accept(_ start: UTCInstant) {
        guard highest.withLock({ $0.accept(start) }) else { return }
        do { try folder.writeDurably(Self.fileName, Array("\(start.wholeSeconds)\n".utf8), mode: 0o600) } catch {
            log.error("the highest time was not stored", metadata: ["error": "\(ReportedError(error))"])
        }
    }
}
