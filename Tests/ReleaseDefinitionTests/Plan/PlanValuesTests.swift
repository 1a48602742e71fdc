import ReleaseDefinition
import Testing

@Suite("Tolerances, sizes and buckets")
struct PlanValuesTests {
    @Test(
        "A phase's size is ⌊p × N⌋ or a count, never more than there are hosts",
        arguments: [
            (PhaseSize.percent(10), 6, 0), (.percent(10), 19, 1), (.percent(50), 5, 2), (.percent(100), 7, 7),
            (.percent(0), 9, 0), (.percent(-5), 9, 0), (.percent(500), 9, 9), (.percent(33), 100, 33),
            (.count(1), 6, 1), (.count(9), 6, 6), (.count(-1), 6, 0), (.count(.max), 6, 6), (.percent(50), 0, 0),
        ])
    func size(size: PhaseSize, total: Int, expected: Int) { #expect(size.hosts(of: total) == expected) }

    @Test(
        "A tolerance rounds down; of a count and a percentage the smaller wins; it is never negative",
        arguments: [
            (Tolerance(percent: 5), 19, 0), (Tolerance(percent: 5), 20, 1), (Tolerance(count: 3), 2, 2),
            (Tolerance(count: 1, percent: 50), 10, 1), (Tolerance(count: 9, percent: 10), 20, 2),
            (Tolerance(count: -4), 10, 0), (Tolerance(percent: -4), 10, 0), (Tolerance(percent: 400), 10, 10),
            (Tolerance.none, 10, 0), (Tolerance(percent: 10), 0, 0),
        ])
    func tolerance(tolerance: Tolerance, total: Int, expected: Int) {
        #expect(tolerance.allowed(of: total) == expected)
    }

    @Test("A bucket is the first 32 bits of SHA-256 over rollout and host: engine and hosts compute the same")
    func bucket() throws {
        // printf 'r1\nh0' | sha256sum
        let digest = SHA256Digest(of: Array("r1\nh0".utf8))
        let bucket = HostBucket(rollout: try RolloutID("r1"), host: try HostID("h0"))
        #expect(String(bucket.value, radix: 16) == "b6efa8b2")
        #expect(digest.hex.hasPrefix("b6efa8b2"))
    }

    @Test("Buckets spread hosts evenly, and each rollout in another order")
    func spread() throws {
        let hosts = try (0..<4000).map { try HostID("host-\($0)") }
        let rollouts = try [RolloutID("r1"), RolloutID("r2")]
        for rollout in rollouts {
            let low = hosts.count { HostBucket(rollout: rollout, host: $0).value < 1 << 31 }
            #expect((1850...2150).contains(low))
        }
        let order = rollouts.map { rollout in
            hosts.prefix(50).sorted { HostBucket(rollout: rollout, host: $0) < HostBucket(rollout: rollout, host: $1) }
        }
        #expect(order[0] != order[1])
    }

    @Test("Every bucket lies below the bound that means everyone")
    func everyone() { #expect(HostBucket.everyoneBound == Int64(UInt32.max) + 1) }

    @Test("An order is written in words and survives being written and read")
    func order() throws {
        let order = OrderID(rollout: try RolloutID("r1"), action: .backOut, attempt: 2)
        #expect(order.description == "r1/backOut/2")
        #expect(try JSONCoding.decode(OrderID.self, from: JSONCoding.canonicalBytes(of: order)) == order)
    }

    @Test("A rollout's definition has the defaults of the rules, and survives being written and read")
    func definition() throws {
        let definition = RolloutDefinition(
            release: try ReleaseName("web@1"), environment: try EnvironmentName("staging"), strategy: .phasedByDefault)
        #expect(definition.limits.parallelism == .percent(25))
        #expect(definition.limits.offlineTolerance == Tolerance(percent: 10))
        #expect(definition.limits.offlineGrace == .minutes(15))
        #expect(definition.limits.progressDeadline == .minutes(10))
        #expect(definition.backOut == .phase)
        #expect(definition.hosts == .all)
        guard case .phased(let phases) = definition.strategy else { return #expect(Bool(false)) }
        #expect(phases.map(\.size) == [.count(1), .percent(10), .percent(50), .percent(100)])
        #expect(
            try JSONCoding.decode(RolloutDefinition.self, from: JSONCoding.canonicalBytes(of: definition)) == definition
        )
    }
}
