/// The end of the controller's log at some moment: whoever has kept it can tell later that everything up to there is still
/// what it was. The controller signs it into the timestamp, so that every agent is a witness (trust.md "Audit log").
public struct LogCheckpoint: Sendable, Hashable, Codable {
    public var sequence: Int64
    /// Of the entry's stored bytes.
    public var digest: SHA256Digest

    public init(sequence: Int64, digest: SHA256Digest) {
        self.sequence = sequence
        self.digest = digest
    }

    /// Of `x-slipway` in a timestamp; nil where there is none that could be read.
    public init?(json value: JSONValue?) {
        guard let value, let read = try? JSONCoding.decode(LogCheckpoint.self, from: value), read.sequence >= 0 else {
            return nil
        }
        self = read
    }

    public var json: JSONValue {
        .object([
            JSONMember("sequence", .integer(sequence)), JSONMember("digest", .string(digest.hex)),
        ])
    }

    /// Whether a log that led here cannot lead there as well.
    public func contradicts(_ later: LogCheckpoint) -> Bool {
        later.sequence < sequence || later.sequence == sequence && later.digest != digest
    }
}
