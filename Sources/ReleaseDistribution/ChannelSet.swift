import ReleaseDefinition

/// The channels that a host follows, where they are several: one small file, `director/sets/<id>.json`, has the digest of
/// each one's word, so that a host with nothing new asks for one file and not for one a channel.
///
/// It is not signed, and need not be: it says which channels to ask, never what to do. What a false or a forgotten one can
/// hold back ends with `askAnywayAfter` (decision 0019).
public struct ChannelSet: Hashable, Sendable {
    public static let channelsMax = 64
    /// After so long each channel is asked itself, whatever the set says: far sooner than the day in which channels are
    /// said anew, and the week for which a word is good.
    public static let askAnywayAfter = TimeSpan.hours(6)
    static let sizeMax = ByteCount(32 << 10)

    /// In the order of their names, each once.
    public let channels: [ChannelName]

    /// nil: for one alone its own file is asked, and for very many as well.
    public init?(_ channels: some Sequence<ChannelName>) {
        self.channels = Set(channels).sorted()
        guard (2...Self.channelsMax).contains(self.channels.count) else { return nil }
    }

    /// Whoever knows the names knows the file: 32 digits of the SHA-256 of the names, each ended by a line feed.
    var id: String {
        String(SHA256Digest(of: channels.flatMap { Array($0.text.utf8) + [UInt8(ascii: "\n")] }).hex.prefix(32))
    }
}

/// What the file says: the SHA-256 of the bytes of `director/<channel>.json`. A channel that says nothing is not in it.
struct ChannelSetWords: Codable {
    var channels: [String: SHA256Digest]
}
