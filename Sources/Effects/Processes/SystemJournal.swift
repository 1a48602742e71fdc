import Glibc
import Logging

/// What an entry of the system's journal is about, for `journalctl -x` and `journalctl MESSAGE_ID=…`. The identifiers are for
/// ever; what a reader is told of each is in packaging/debian/*.catalog.
public enum JournalMessage: String, Sendable, CaseIterable {
    case deploymentFailed = "1b52d31120190329e1e13e8d5998fde5"
    case backedOut = "0b2e01e4958fca1f289f9efb487eca95"
    case locked = "93f0bc0303492f92bbff0701b70dbaec"
    case leadershipLost = "eef785f04854da63bbbd5598b44d54a0"
}

/// systemd's journal, where stderr leads to it: entries with fields of their own, by its native protocol (systemd.io,
/// JOURNAL_NATIVE_PROTOCOL). Nothing depends on it: what cannot be said so is said on stderr.
public struct SystemJournal: Sendable {
    static let usual = "/run/systemd/journal/socket"
    let socket: String

    /// nil where stderr leads elsewhere: under a shell, in a container, in tests.
    public static func ofThisProcess() -> SystemJournal? {
        var status = stat()
        guard let stream = getenv("JOURNAL_STREAM"), fstat(STDERR_FILENO, &status) == 0,
            String(cString: stream) == "\(status.st_dev):\(status.st_ino)"
        else { return nil }
        return SystemJournal(socket: usual)
    }

    /// - Parameter fields: names in capitals, as `SLIPWAY_ORDER`.
    /// - Returns: whether the journal took it; a long one it does not.
    func take(_ fields: [(name: String, value: String)]) -> Bool {
        LocalDatagram.send(Self.bytes(fields), to: socket)
    }

    /// `NAME=VALUE`, or where the value has lines: `NAME`, its length in 8 bytes little-endian, the value.
    static func bytes(_ fields: [(name: String, value: String)]) -> [UInt8] {
        fields.flatMap { name, value -> [UInt8] in
            let bytes = Array(value.utf8)
            guard bytes.contains(0x0A) else { return Array("\(name)=".utf8) + bytes + [0x0A] }
            let length = withUnsafeBytes(of: UInt64(bytes.count).littleEndian) { Array($0) }
            return Array("\(name)\n".utf8) + length + bytes + [0x0A]
        }
    }
}

extension Logger {
    /// As `log`; in the system's journal with the message's identifier, so that `journalctl -x` says what to do.
    public func note(_ message: JournalMessage, _ level: Level, _ words: String, metadata: [String: String]) {
        let sorted = metadata.sorted { $0.key < $1.key }
        let details = sorted.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
        let fields =
            [
                ("MESSAGE", details.isEmpty ? words : "\(words): \(details)"), ("MESSAGE_ID", message.rawValue),
                ("PRIORITY", level >= .error ? "3" : "4"), ("SYSLOG_IDENTIFIER", label),
            ] + sorted.map { ("SLIPWAY_\($0.key.uppercased())", $0.value) }
        if level >= logLevel, let journal = SystemJournal.ofThisProcess(), journal.take(fields) { return }
        log(level: level, "\(words)", metadata: Metadata(uniqueKeysWithValues: sorted.map { ($0.key, "\($0.value)") }))
    }
}
