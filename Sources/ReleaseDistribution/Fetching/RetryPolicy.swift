import Effects
import ReleaseDefinition

/// How often and how patiently a transfer is tried again.
public struct RetryPolicy: Sendable, Equatable {
    /// Tries in a row that brought nothing new.
    public var triesMax: Int
    public var delayFirst: TimeSpan
    /// So many bytes are something new, of however many tries: a server that gives a byte at each must not hold a place for
    /// ever.
    static let progressLeast: Int64 = 30 << 10
    /// Delays double up to this, in the mean: each is anything up to twice that, so that those who lost one server at the same
    /// moment do not come back as one (R43, R44).
    public var delayMax: TimeSpan

    public init(triesMax: Int, delayFirst: TimeSpan, delayMax: TimeSpan) {
        self.triesMax = triesMax
        self.delayFirst = delayFirst
        self.delayMax = delayMax
    }

    /// For packages: ten tries, 1 s to 60 s apart in the mean, some four minutes in all.
    public static let patient = RetryPolicy(triesMax: 10, delayFirst: .seconds(1), delayMax: .seconds(60))
    /// For small files that will be asked for again anyway: covers a connection that broke at that moment.
    public static let brief = RetryPolicy(triesMax: 2, delayFirst: .milliseconds(200), delayMax: .seconds(1))
    /// For what an order needs before its downloads, within the 15 minutes that it has for that: some two minutes, in which a
    /// controller is back that was started again or moved.
    public static let order = RetryPolicy(triesMax: 10, delayFirst: .seconds(1), delayMax: .seconds(20))
    public static let none = RetryPolicy(triesMax: 1, delayFirst: .zero, delayMax: .zero)

    /// Before the try after so many in vain.
    func delay(afterTries tries: Int, _ random: any RandomDoor) -> TimeSpan {
        var delay = delayFirst
        for _ in 1..<max(tries, 1) where delay < delayMax { delay = delay * 2 }
        return TimeSpan(milliseconds: random.fraction(of: min(delay, delayMax).milliseconds * 2))
    }

    /// Whether the same request may succeed later without anybody's doing.
    static func isPassing(_ error: any Error) -> Bool {
        switch error {
        case let error as EffectsError:
            [
                "effects.http.unreachable", "effects.http.closed", "effects.http.timeout", "effects.http.stalled",
                "effects.http.protocol", "effects.http.proxy.refused",
            ].contains(error.code)
        case let error as DistributionError: error.code == "distribution.unavailable"
        default: false
        }
    }

    /// Runs `attempt` until it succeeds, fails for good, or has failed too often. `attempt` is told nothing and keeps
    /// what it got; its answer after a passing failure is whether it got any further, which starts the count anew.
    /// - Parameter mayPass: of what else the caller knows that it may be otherwise in a moment.
    public func run<Value>(
        _ time: any TimeDoor, _ random: any RandomDoor = SystemRandom(), hasProgressed: () -> Bool = { false },
        mayPass: (any Error) -> Bool = { _ in false },
        _ attempt: () async throws -> Value
    ) async throws -> Value {
        var tries = 0
        while true {
            do { return try await attempt() } catch {
                tries = hasProgressed() ? 1 : tries + 1
                guard Self.isPassing(error) || mayPass(error), tries < triesMax else { throw error }
                try await time.sleep(for: delay(afterTries: tries, random))
            }
        }
    }
}
