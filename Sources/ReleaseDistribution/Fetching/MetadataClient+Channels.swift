import Effects
import ReleaseDefinition

/// What a channel said last.
struct HeardWord {
    var tag: String?
    /// nil: the channel said nothing.
    var envelope: JSONValue?
    /// Of the bytes in which it came.
    var digest: SHA256Digest?
    /// When they came: from then on the tag grows old.
    var at: TimeSpan
    /// When the channel itself was asked last.
    var askedAt: TimeSpan
}

/// What the file of the host's channels said last.
struct HeardSet {
    var tag: String?
    var words: [String: SHA256Digest] = [:]
    var at = TimeSpan.zero
    /// Until then it is not asked for: the repository has none.
    var absentUntil: TimeSpan?
}

extension MetadataClient {
    private static let assignmentSizeMax = ByteCount(1 << 20)
    private static let absentFor = TimeSpan.minutes(10)

    /// The current word on each channel, fetched where it changed; nil where the channel says nothing. Not verified yet.
    /// Where nothing is new, one request for all of them: for the one channel, or for the file of its set.
    public func fetchAssignments(of channels: [ChannelName]) async -> [ChannelName: Result<JSONValue?, any Error>] {
        let stale = await stale(channels)
        var words: [ChannelName: Result<JSONValue?, any Error>] = [:]
        for channel in channels {
            if let known = heard[channel], !stale.contains(channel) {
                words[channel] = .success(known.envelope)
                continue
            }
            do { words[channel] = .success(try await fetchAssignment(channel: channel)) } catch {
                words[channel] = .failure(error)
            }
        }
        return words
    }

    /// Which of them must be asked themselves.
    private func stale(_ channels: [ChannelName]) async -> Set<ChannelName> {
        let now = update.time.monotonic()
        let due = Set(
            channels.filter { heard[$0].map { now >= $0.askedAt + ChannelSet.askAnywayAfter } ?? true })
        // Whatever keeps the set from being read, it is no reason to hear less than without it.
        guard due.count < channels.count, let set = ChannelSet(channels), let words = try? await fetch(set) else {
            return Set(channels)
        }
        return due.union(channels.filter { words[$0.text] != heard[$0]?.digest })
    }

    /// nil: the repository has none for these channels.
    private func fetch(_ set: ChannelSet) async throws -> [String: SHA256Digest]? {
        let now = update.time.monotonic()
        if let until = heardSet.absentUntil, now < until { return nil }
        // A tag is worth here what it is worth for a channel, for the same reasons.
        let known = heardSet.tag.flatMap { now < heardSet.at + EntityTag.channelAgeMax ? $0 : nil }
        let request = update.address.request(
            RepositoryLayout.set(set), headers: known.map { [HTTPField("If-None-Match", $0)] } ?? [],
            sizeMax: ChannelSet.sizeMax)
        let response = try await update.send(request)
        if response.status == 304, known != nil { return heardSet.words }
        heardSet = HeardSet()
        guard response.status == 200 else {
            if response.status == 404 { heardSet.absentUntil = now + Self.absentFor }
            return nil
        }
        let words = try JSONCoding.decode(ChannelSetWords.self, from: response.body).channels
        heardSet = HeardSet(tag: response.head.lastingTag, words: words, at: now)
        return words
    }

    /// The current word on one channel, asked itself.
    public func fetchAssignment(channel: ChannelName) async throws -> JSONValue? {
        let path = RepositoryLayout.channel(channel)
        let now = update.time.monotonic()
        let known = heard[channel].flatMap { now < $0.at + EntityTag.channelAgeMax ? $0 : nil }
        let condition = known?.tag.map { [HTTPField("If-None-Match", $0)] } ?? []
        let address = update.address
        let request = address.request(path, headers: condition, sizeMax: Self.assignmentSizeMax)
        let response = try await update.send(request)
        switch response.status {
        case 200:
            heard[channel] = nil
            let envelope: JSONValue
            do { envelope = try JSONValue(parsing: response.body) } catch {
                throw DistributionError(
                    code: "channel.form", summary: "\(request.url) is no JSON.",
                    remedy: "Nothing was done. Check that the repository's address is right.", cause: "\(error)")
            }
            heard[channel] = HeardWord(
                tag: response.head.lastingTag, envelope: envelope, digest: SHA256Digest(of: response.body), at: now,
                askedAt: now)
            return envelope
        case 304:
            guard let envelope = known?.envelope, known?.tag != nil else { throw address.error(304, path) }
            heard[channel]?.askedAt = now
            return envelope
        case 404:
            heard[channel] = HeardWord(at: now, askedAt: now)
            return nil
        default: throw address.error(response.status, path)
        }
    }
}
