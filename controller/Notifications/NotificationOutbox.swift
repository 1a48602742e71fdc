import ReleaseDefinition

/// What is on its way to whom: a document of the store, so that a restart goes on where it was. The log itself holds the
/// notices; this holds how far each sink is.
struct NotificationOutbox: Sendable, Equatable, Codable {
    static let documentName = "notifications"
    static let attemptsMax = 12
    static let deadMax = 10_000

    struct Letter: Sendable, Equatable, Codable {
        var sink: String
        /// Of the entry of the log that it is made of.
        var sequence: Int64
        var attempts = 0
        var nextAt: UTCInstant
        var lastError: String?
    }

    /// The last entry of the log that was looked at.
    var cursor: Int64
    /// In the order of the log.
    var pending: [Letter] = []
    /// Given up; `replay` puts them back.
    var dead: [Letter] = []
    var delivered: Int64 = 0

    /// Each sink's oldest letter that is due: what comes later waits for it, so that nobody reads the end first.
    func due(at now: UTCInstant) -> [Letter] {
        var seen: Set<String> = []
        return pending.filter { seen.insert($0.sink).inserted && $0.nextAt <= now }
    }

    /// When to look again; nil: nothing is pending, these sinks' apart.
    func nextAt(besides sinks: Set<String>) -> UTCInstant? {
        var seen = sinks
        return pending.filter { seen.insert($0.sink).inserted }.map(\.nextAt).min()
    }

    private func place(of letter: Letter) -> Int? {
        pending.firstIndex { $0.sink == letter.sink && $0.sequence == letter.sequence }
    }

    mutating func deliver(_ letter: Letter) {
        guard let place = place(of: letter) else { return }
        pending.remove(at: place)
        delivered += 1
    }

    /// No longer to be told.
    mutating func drop(_ letter: Letter) { if let place = place(of: letter) { pending.remove(at: place) } }

    /// 1 s, 2 s, 4 s … 5 min; then it is a dead letter, and the next one of the sink has its turn.
    mutating func fail(_ letter: Letter, _ error: String, at now: UTCInstant) {
        guard let place = place(of: letter) else { return }
        pending[place].attempts += 1
        pending[place].lastError = String(error.prefix(500))
        let attempts = pending[place].attempts
        guard attempts < Self.attemptsMax else { return giveUp(place) }
        let wait = min(TimeSpan.seconds(1 << Int64(min(attempts - 1, 20))), .minutes(5))
        pending[place].nextAt = now + wait
    }

    /// A message that is not taken is a dead letter at once: the ones after it do not wait for it.
    mutating func refuse(_ letter: Letter, _ error: String) {
        guard let place = place(of: letter) else { return }
        pending[place].attempts += 1
        pending[place].lastError = String(error.prefix(500))
        giveUp(place)
    }

    private mutating func giveUp(_ place: Int) {
        dead.append(pending.remove(at: place))
        if dead.count > Self.deadMax { dead.removeFirst(dead.count - Self.deadMax) }
    }

    /// - Returns: how many.
    mutating func replay(sink: String?, at now: UTCInstant) -> Int {
        let chosen = dead.filter { sink == nil || $0.sink == sink }
        dead.removeAll { sink == nil || $0.sink == sink }
        pending += chosen.map { Letter(sink: $0.sink, sequence: $0.sequence, nextAt: now) }
        pending.sort { $0.sequence < $1.sequence }
        return chosen.count
    }
}
