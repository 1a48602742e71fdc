import FoundationEssentials
import NIOCore
import NIOPosix
import ReleaseDefinition
import Synchronization

/// What was counted, over all hosts.
struct LoadCounts {
    var connected = 0
    var attempts = 0
    var refused = 0
    var silences = 0
    var heartbeats = 0
    var unreadable = 0
    var repeated = 0
    /// When the last of them was connected.
    var connectedAt = 0.0
    /// Milliseconds that an order takes a host.
    var work: Int64 = 2000
    var arrivals: [(release: String, at: Double)] = []
    var made = 0
    var acknowledged = 0
    var notTaken = 0
    var acknowledgedByHost: [String: Int] = [:]
    /// Milliseconds from a report's making to its acknowledgement.
    var latencies: [Double] = []

    mutating func noteConnected() {
        connected += 1
        connectedAt = Date().timeIntervalSince1970
    }
}

final class LoadTally: Sendable {
    private let counts = Mutex(LoadCounts())

    @discardableResult
    func change<Value: Sendable>(_ body: (inout LoadCounts) -> Value) -> Value { counts.withLock { body(&$0) } }
}

/// All hosts, and what is asked of them on stdin.
struct LoadFleet {
    private let tally = LoadTally()
    private let hosts: [LoadHost]

    struct Unknown: Error { var words: [String] }

    init(_ identities: [LoadIdentity], port: Int, group: MultiThreadedEventLoopGroup) throws {
        let tally = tally
        hosts = try identities.enumerated().map { number, identity in
            try LoadHost(identity, number: number, port: port, tally: tally, on: group.next())
        }
    }

    /// - Returns: one line of JSON.
    func obey(_ words: [String]) throws -> String {
        let numbers = words.dropFirst().compactMap { Int64($0) }
        switch (words.first, numbers.count) {
        case ("connect", 1): each(perSecond: numbers[0]) { $0.start(after: $1) }
        case ("inventories", 1): each(perSecond: numbers[0]) { $0.sayInventory(after: $1) }
        case ("chatter", 2):
            for (number, host) in hosts.enumerated() {
                host.chat(each: number < numbers[0] ? .milliseconds(numbers[1]) : nil)
            }
        case ("checkins", 2):
            for host in hosts.prefix(Int(numbers[0])) { host.checkIn(each: .milliseconds(numbers[1])) }
        case ("work", 1): tally.change { $0.work = numbers[0] }
        case ("mark", 0):
            tally.change { counts in
                counts.arrivals = []
                counts.latencies = []
            }
        case ("arrivals", 0): return arrivals()
        case ("byhost", 0):
            let counts = tally.change { $0.acknowledgedByHost }
            return "{\(counts.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ","))}"
        case ("status", 0): return status()
        default: throw Unknown(words: words)
        }
        return "{}"
    }

    private func each(perSecond rate: Int64, _ body: (LoadHost, TimeAmount) -> Void) {
        for (number, host) in hosts.enumerated() {
            body(host, .microseconds(Int64(number) * 1_000_000 / max(1, rate)))
        }
    }

    private func arrivals() -> String {
        let all = tally.change { $0.arrivals }
        let byRelease = Dictionary(grouping: all, by: \.release).map { release, times in
            "\"\(release)\":[\(times.map { "\($0.at)" }.joined(separator: ","))]"
        }
        return "{\(byRelease.joined(separator: ","))}"
    }

    private func status() -> String {
        let it = tally.change { $0 }
        let sorted = it.latencies.sorted()
        func percentile(_ share: Double) -> Double {
            sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
        }
        let members: [(String, any CustomStringConvertible)] = [
            ("connected", it.connected), ("attempts", it.attempts), ("refused", it.refused), ("silences", it.silences),
            ("heartbeats", it.heartbeats), ("unreadable", it.unreadable), ("repeated", it.repeated),
            ("connectedAt", it.connectedAt), ("orders", it.arrivals.count), ("made", it.made),
            ("acknowledged", it.acknowledged), ("notTaken", it.notTaken), ("p50", percentile(0.5)),
            ("p99", percentile(0.99)), ("worst", sorted.last ?? 0),
        ]
        return "{\(members.map { "\"\($0.0)\":\($0.1)" }.joined(separator: ","))}"
    }
}
