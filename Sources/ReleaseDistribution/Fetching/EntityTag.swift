import Effects
import ReleaseDefinition
import Synchronization

/// Why a tag is not simply kept and sent back: whoever answered once, and lied, could hold this host after he is gone.
/// Honest servers answer `If-None-Match: *` with 304 whatever they hold, and a tag made of time and length, as plain
/// web servers make it, can be guessed for a file that does not exist yet. So three things bound what a tag is worth:
/// it has the form of one tag (`lastingTag`); it goes with the bytes that it names when these are refused; and it has an
/// end, after which the host asks without a condition. No 304 moves that end.
enum EntityTag {
    /// The longest that a liar of the past keeps a channel's next word from a host, past its next check.
    static let channelAgeMax = TimeSpan.minutes(10)
    /// … and the next timestamp, where that has two hours to live or more.
    static let timestampAgeMax = TimeSpan.hours(1)

    private static let lengthMax = 128

    /// For how long a timestamp's tag is used: so short that an honest server is heard before the host would be without
    /// valid metadata.
    static func age(ofTimestampUntil expiry: UTCInstant, at now: UTCInstant) -> TimeSpan {
        min(timestampAgeMax, .milliseconds(expiry.since(now).milliseconds / 2))
    }

    /// One entity-tag, weak or strong (RFC 9110 8.8.3), without the bytes beyond ASCII that its grammar still allows.
    static func isWellFormed(_ text: String) -> Bool {
        var bytes = Array(text.utf8)[...]
        guard bytes.count <= lengthMax else { return false }
        if bytes.starts(with: "W/".utf8) { bytes = bytes.dropFirst(2) }
        let quote = UInt8(ascii: "\"")
        guard bytes.count >= 2, bytes.first == quote, bytes.last == quote else { return false }
        return bytes.dropFirst().dropLast().allSatisfy { (0x21...0x7e).contains($0) && $0 != quote }
    }
}

extension HTTPHead {
    /// A tag that no later bytes under the same name share. Plain web servers make tags of the time of the last change, in
    /// seconds, and the length: such a tag means nothing before that second is over.
    var lastingTag: String? {
        let tags = headers.filter { $0.name.lowercased() == "etag" }.map(\.value)
        guard tags.count == 1, let tag = tags.first, EntityTag.isWellFormed(tag) else { return nil }
        return self["Last-Modified"] != nil && self["Last-Modified"] == self["Date"] ? nil : tag
    }
}

/// The last timestamp that was accepted, by the name that the server gave to its bytes.
final class LastTimestamp: Sendable {
    struct Answer {
        var tag: String
        var body: [UInt8]
        /// Monotonic.
        var end: TimeSpan
    }

    private let state = Mutex<Answer?>(nil)

    func answer(at now: TimeSpan) -> Answer? { state.withLock { $0.flatMap { now < $0.end ? $0 : nil } } }

    func keep(_ response: HTTPResponse, until end: TimeSpan) {
        let tag = response.head.lastingTag
        state.withLock { $0 = tag.map { Answer(tag: $0, body: response.body, end: end) } }
    }

    func forget() { state.withLock { $0 = nil } }
}
