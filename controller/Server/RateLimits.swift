import ReleaseDefinition
import Synchronization

/// How often one may ask: so many at once, then so many a second.
public struct RateRule: Sendable, Equatable, Codable {
    public var burst: Int
    public var perSecond: Int

    public init(burst: Int, perSecond: Int) {
        self.burst = burst
        self.perSecond = perSecond
    }
}

/// `limits` in `controller.json`; what is absent is as here.
public struct RateRules: Sendable, Equatable, Codable {
    /// Of one person, by whatever token.
    public var person = RateRule(burst: 2000, perSecond: 200)
    /// Of one host.
    public var host = RateRule(burst: 500, perSecond: 50)
    /// Of one address that shows no credential: joining, renewing by proof, signing in. A whole fleet may come from one.
    public var address = RateRule(burst: 5000, perSecond: 500)
    /// Credentials that were wrong, from one address: tokens, join tokens, proofs.
    public var refusals = RateRule(burst: 200, perSecond: 1)
    /// What one host reports, in KiB: it goes into a log that is never shortened.
    public var reports = RateRule(burst: 32 << 10, perSecond: 1)
    /// Connections of one address that have no request of a host or a person in progress; a host in contact has one.
    public var waitingConnections = 1024
    /// Releases that are received, unpacked and built at once.
    public var uploads = 8
    /// Of the disk, in bytes: what submissions leave to the record.
    public var spaceKept: Int64 = 256 << 20

    public init() {}

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        person = try container.decodeIfPresent(RateRule.self, forKey: .person) ?? person
        host = try container.decodeIfPresent(RateRule.self, forKey: .host) ?? host
        address = try container.decodeIfPresent(RateRule.self, forKey: .address) ?? address
        refusals = try container.decodeIfPresent(RateRule.self, forKey: .refusals) ?? refusals
        reports = try container.decodeIfPresent(RateRule.self, forKey: .reports) ?? reports
        waitingConnections =
            try container.decodeIfPresent(Int.self, forKey: .waitingConnections) ?? waitingConnections
        uploads = try container.decodeIfPresent(Int.self, forKey: .uploads) ?? uploads
        spaceKept = try container.decodeIfPresent(Int64.self, forKey: .spaceKept) ?? spaceKept
    }
}

/// Buckets that fill again by time. Asked before any signature or hash is computed.
///
/// Bounded: beyond `bucketsMax` the one that was asked for least recently is forgotten, which gives its owner a full
/// one. Whoever has that many addresses is not stopped by counting them.
final class RateLimits: Sendable {
    enum Key: Hashable, Sendable {
        case person(String)
        case host(HostID)
        case reports(HostID)
        case address(String)
        case refusals(String)
    }

    private struct Bucket {
        /// Thousandths of a request.
        var level: Int64
        var at: UTCInstant
        var used: UInt64
    }

    private struct State {
        var buckets: [Key: Bucket] = [:]
        var clock: UInt64 = 0
    }

    /// Two for each of fifty thousand hosts.
    static let bucketsMax = 100_000
    let rules: RateRules
    private let bucketsMax: Int
    private let state = Mutex(State())

    init(_ rules: RateRules = RateRules(), bucketsMax: Int = RateLimits.bucketsMax) {
        self.rules = rules
        self.bucketsMax = bucketsMax
    }

    var count: Int { state.withLock { $0.buckets.count } }

    /// Takes one out.
    /// - Returns: nil, or how long until there is one.
    func take(_ key: Key, at now: UTCInstant) -> TimeSpan? { ask(key, at: now, taking: 1000) }

    /// Takes as much as these bytes are, in KiB, where there is one at least: what is lacking then is owed.
    func take(_ key: Key, at now: UTCInstant, bytes: Int) -> TimeSpan? {
        ask(key, at: now, taking: Int64(bytes) * 1000 / 1024 + 1)
    }

    /// Whether there is one, without taking it.
    func look(_ key: Key, at now: UTCInstant) -> TimeSpan? { ask(key, at: now, taking: 0) }

    private func rule(of key: Key) -> RateRule {
        switch key {
        case .person: rules.person
        case .host: rules.host
        case .reports: rules.reports
        case .address: rules.address
        case .refusals: rules.refusals
        }
    }

    private func ask(_ key: Key, at now: UTCInstant, taking amount: Int64) -> TimeSpan? {
        let rule = rule(of: key)
        let full = Int64(clamping: max(1, rule.burst)) * 1000
        let rate = Int64(clamping: max(1, rule.perSecond))
        return state.withLock { state in
            guard amount > 0 || state.buckets[key] != nil else { return nil }
            state.clock += 1
            if state.buckets[key] == nil { forgetOne(&state) }
            var bucket = state.buckets[key] ?? Bucket(level: full, at: now, used: 0)
            // A clock that is set back fills nothing; one that jumps ahead fills it once.
            let elapsed = max(0, min(now.since(bucket.at).milliseconds, full))
            bucket.level = min(full, bucket.level + elapsed * rate)
            bucket.at = now
            bucket.used = state.clock
            let missing = 1000 - bucket.level
            if missing <= 0 { bucket.level -= amount }
            state.buckets[key] = bucket
            return missing <= 0 ? nil : TimeSpan(milliseconds: (missing + rate - 1) / rate)
        }
    }

    private func forgetOne(_ state: inout State) {
        guard state.buckets.count >= bucketsMax else { return }
        // An eighth at once: looking for the oldest costs a walk.
        let oldest = state.buckets.sorted { $0.value.used < $1.value.used }.prefix(max(1, bucketsMax / 8))
        for (key, _) in oldest { state.buckets[key] = nil }
    }
}

extension RateLimits {
    /// An IPv6 address is a network of 64 bits: its owner has all of it.
    static func key(address: String) -> String {
        guard let bytes = NetworkAddress.bytes(of: address), bytes.count == 16 else { return address }
        return Hexadecimal.encode(bytes.prefix(8))
    }

    /// - Throws: `controller.request.rate` with the time to wait.
    func check(_ key: Key, at now: UTCInstant) throws {
        if let wait = take(key, at: now) { throw ControllerError.tooMany(wait) }
    }
}

extension ControllerError {
    static func tooMany(_ wait: TimeSpan) -> ControllerError {
        var error = ControllerError(
            .tooManyRequests, code: "request.rate",
            summary: "These are too many requests; the next is taken in \(wait).",
            remedy: "Wait as long as Retry-After says. An operator sets limits in controller.json.")
        error.retryAfter = wait
        return error
    }
}
