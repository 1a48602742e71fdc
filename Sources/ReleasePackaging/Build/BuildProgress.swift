import ReleaseDefinition
import Synchronization

/// How far a build is, in bytes of the tar streams of all units.
public struct BuildProgress: Equatable, Sendable {
    public var done: ByteCount
    public var total: ByteCount

    public init(done: ByteCount, total: ByteCount) {
        self.done = done
        self.total = total
    }

    /// 0 to 1.
    public var share: Double { total.value == 0 ? 1 : Double(done.value) / Double(total.value) }

    /// Bytes in a second; nil while that would be a guess.
    public func rate(after elapsed: Duration) -> ByteCount? {
        let seconds = elapsed / .seconds(1)
        guard done.value > 0, seconds >= 0.1 else { return nil }
        return ByteCount(Int64(Double(done.value) / seconds))
    }

    /// How long the rest takes at this rate.
    public func timeLeft(after elapsed: Duration) -> Duration? {
        guard let rate = rate(after: elapsed), rate.value > 0 else { return nil }
        return .seconds(Double(total.value - done.value) / Double(rate.value))
    }
}

/// Adds up what several threads finish and tells it on, one call at a time, never backwards.
final class BuildProgressReport: Sendable {
    private let progress = Mutex(BuildProgress(done: ByteCount(0), total: ByteCount(0)))
    private let report: @Sendable (BuildProgress) -> Void

    init(_ report: @escaping @Sendable (BuildProgress) -> Void) { self.report = report }

    func begin(total: ByteCount) {
        progress.withLock {
            $0.total = total
            report($0)
        }
    }

    func advance(_ bytes: ByteCount) {
        progress.withLock {
            $0.done = ByteCount($0.done.value + bytes.value)
            report($0)
        }
    }
}
