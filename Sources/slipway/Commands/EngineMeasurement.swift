import AgentProtocol
import Glibc
import ReleaseDefinition
import ReleaseRollout

/// Figures of the engine alone, on one core, for scripts/bench.
struct EngineMeasurement: Presentable, Decodable {
    var hosts: Int
    var planMilliseconds: Int
    var reports: Int
    /// Of processor time.
    var reportsPerSecond: Int
    /// What the process grew by, beside the plan: with every order out, and with every host done.
    var bytesPerHostUnderWay: Int
    var bytesPerHostDone: Int
    var records: Int
    var queryMilliseconds: Int

    static let columns = [
        "HOSTS", "PLAN MS", "REPORTS", "REPORTS/S", "BYTES/HOST UNDER WAY", "BYTES/HOST DONE", "RECORDS", "QUERY MS",
    ]
    var cells: [String] {
        [
            hosts, planMilliseconds, reports, reportsPerSecond, bytesPerHostUnderWay, bytesPerHostDone, records,
            queryMilliseconds,
        ].map(String.init)
    }
    var name: String { "\(reportsPerSecond)" }

    static func take(hosts count: Int) throws -> EngineMeasurement {
        let release = try ReleaseName("app@2.0")
        let hosts = (0..<count).map { index in
            PlanHost(
                id: HostID(unchecked: "host-\(index)"),
                labels: [
                    "role": index % 3 == 0 ? "web" : "db", "zone": "abcd".map(String.init)[index % 4],
                    "pinned": index % 50 == 0 ? "true" : "false", "rack": "r\(index % 97)",
                ], running: try? ReleaseName("app@1.0"))
        }
        let definition = RolloutDefinition(
            release: release, environment: try EnvironmentName("production"), strategy: .bigBang,
            limits: RolloutLimits(parallelism: .percent(100)))
        var plan: RolloutPlan?
        let planSeconds = try seconds {
            plan = try RolloutPlan.make(
                definition, manifest: SHA256Digest(of: []), id: RolloutID("r1"), hosts: hosts)
        }
        guard let plan else { return try take(hosts: count) }
        let run = try EngineRun(plan)
        let query = try HostQuery("role=web and zone in (a,b) and not pinned")
        let rounds = max(1, 1_000_000 / count)
        var matched = 0
        let querySeconds = seconds {
            for _ in 0..<rounds { matched += hosts.count { query.matches(id: $0.id, labels: $0.labels) } }
        }
        precondition(matched > 0, "the query matches hosts of each kind")
        return EngineMeasurement(
            hosts: count, planMilliseconds: Int(planSeconds * 1000), reports: run.reports,
            reportsPerSecond: Int(Double(run.reports) / run.seconds),
            bytesPerHostUnderWay: run.bytesUnderWay / count, bytesPerHostDone: run.bytesDone / count,
            records: rounds * count, queryMilliseconds: Int(querySeconds * 1000))
    }

    /// Processor time: a busy machine does not make the engine slower.
    static func seconds(_ body: () throws -> Void) rethrows -> Double {
        let start = clock()
        try body()
        return max(Double(clock() - start) / Double(CLOCKS_PER_SEC), 1e-6)
    }
}

/// Every host takes its order, says two steps and a final word, in an order that is not that of the plan.
private struct EngineRun {
    var reports = 0
    var seconds = 0.0
    var bytesUnderWay = 0
    var bytesDone = 0

    init(_ plan: RolloutPlan) throws {
        let now = UTCInstant(secondsSince1970: 1_800_000_000)
        let order = OrderID(rollout: plan.id, action: .install)
        let ids = plan.hosts.map(\.id)
        let places = ids.indices.map { $0 * 7919 % ids.count }
        let before = Self.resident
        var rollout = Rollout()
        func take(_ command: ReleaseRollout.RolloutCommand) throws {
            for event in try rollout.decide(command, at: now) { rollout.apply(event) }
        }
        try take(.start(plan, by: "bench"))
        for id in ids { try take(.orderSent(id, order)) }
        bytesUnderWay = Self.resident - before
        let release = plan.definition.release
        let running = InstalledRelease(release: release, manifest: plan.manifest, isHealthy: true)
        let words: [(HostID) -> ReleaseRollout.RolloutCommand] = [
            { .progress($0, OrderProgress(order: order, release: release, step: .received)) },
            { .progress($0, OrderProgress(order: order, release: release, step: .switched)) },
            { .outcome($0, OrderOutcome(order: order, release: release, outcome: .succeeded, running: running)) },
        ]
        seconds = try EngineMeasurement.seconds {
            for word in words { for place in places { try take(word(ids[place])) } }
        }
        bytesDone = Self.resident - before
        reports = places.count * words.count
        precondition(rollout.isOver, "every host has succeeded")
    }

    /// Bytes of the process that are in memory; 0 where the system does not say.
    private static var resident: Int {
        guard let file = fopen("/proc/self/statm", "r") else { return 0 }
        defer { fclose(file) }
        var buffer = [CChar](repeating: 0, count: 200)
        guard fgets(&buffer, Int32(buffer.count), file) != nil else { return 0 }
        let text = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let words = text.split(separator: " ")
        return words.count > 1 ? (Int(words[1]) ?? 0) * Int(getpagesize()) : 0
    }
}
