import Effects
import ReleaseDefinition

/// When a renewal that failed is tried again. While the certificate is in force there are days left, and an hour between
/// tries spares a controller that has trouble. Without it the host hears nothing: it tries every few minutes, and a
/// controller that comes back after days has every host again within `expiredMax`.
struct RenewalPace: Sendable {
    static let pause = TimeSpan.minutes(1)
    /// Between two tries of a host whose certificate has run out.
    static let expiredMax = pause + .minutes(5)

    private var backoff = Backoff(least: .minutes(1), most: .hours(1))
    private var hadExpired = false

    mutating func reset() { self = RenewalPace() }

    /// - Parameter notAfter: of the certificate that is to be replaced; nil where it cannot be read.
    mutating func next(_ notAfter: UTCInstant?, at now: UTCInstant, _ random: any RandomDoor) -> TimeSpan {
        let left = notAfter.map { $0.since(now) }
        let hasExpired = left.map { $0 <= .zero } ?? false
        if hasExpired != hadExpired {
            backoff = Backoff(least: .minutes(1), most: hasExpired ? .minutes(5) : .hours(1))
            hadExpired = hasExpired
        }
        let wait = Self.pause + backoff.next(random)
        guard let left, !hasExpired else { return wait }
        // The hour must not reach far beyond the end; and a fleet that joined together does not come together.
        return min(wait, left + TimeSpan(milliseconds: random.fraction(of: Self.pause.milliseconds)))
    }
}
