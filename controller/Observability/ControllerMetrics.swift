import Hummingbird
import Synchronization

/// What this process has counted since it began. Base units, no label with a host's name in it.
final class ControllerMetrics: Sendable {
    /// Upper bounds in seconds.
    static let bounds: [Double] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

    struct Histogram: Sendable {
        /// One more than there are bounds: what is beyond the last.
        private(set) var counts = [Int](repeating: 0, count: ControllerMetrics.bounds.count + 1)
        private(set) var sum: Double = 0

        mutating func observe(_ seconds: Double) {
            counts[ControllerMetrics.bounds.firstIndex { seconds <= $0 } ?? ControllerMetrics.bounds.count] += 1
            sum += seconds
        }
    }

    struct RequestKey: Hashable, Sendable, Comparable {
        var method: String
        /// As in the route table; `other` where none matches.
        var route: String
        var status: Int

        static func < (one: RequestKey, other: RequestKey) -> Bool {
            (one.route, one.method, one.status) < (other.route, other.method, other.status)
        }
    }

    struct Counts: Sendable {
        var requests: [RequestKey: Int] = [:]
        var requestSeconds: [String: Histogram] = [:]
        var appends = Histogram()
        var appendsFailed = 0
        var reports = 0
    }

    private let counts = Mutex(Counts())

    var snapshot: Counts { counts.withLock { $0 } }

    func noteRequest(_ method: HTTPRequest.Method, _ route: Route?, status: Int, took: Duration, isStream: Bool) {
        let name = route?.path ?? "other"
        // Anybody may invent a method.
        let key = RequestKey(method: route == nil ? "other" : method.rawValue, route: name, status: status)
        counts.withLock { counts in
            counts.requests[key, default: 0] += 1
            // How long a stream is open says nothing about how fast it was answered.
            if !isStream { counts.requestSeconds[name, default: Histogram()].observe(took.inSeconds) }
        }
    }

    func timing<Value>(_ change: StoreChange, _ append: () throws -> Value) throws -> Value {
        let started = ContinuousClock.now
        do {
            let value = try append()
            let took = (ContinuousClock.now - started).inSeconds
            counts.withLock { counts in
                counts.appends.observe(took)
                counts.reports += change.reports.count
            }
            return value
        } catch {
            counts.withLock { $0.appendsFailed += 1 }
            throw error
        }
    }
}

extension Duration {
    fileprivate var inSeconds: Double {
        Double(components.seconds) + Double(components.attoseconds) / 1e18
    }
}
