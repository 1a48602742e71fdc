import ReleaseDefinition
import ReleaseRollout
import Testing

@Suite("Plan")
struct PlanTests {
    private func sizes(_ plan: RolloutPlan) -> [Int] { plan.phases.map(\.hosts.count) }

    @Test("Phases are cumulative and round down: 100 hosts go 1, 9, 40, 50")
    func cumulative() throws {
        #expect(try sizes(Fixture.plan(hosts: Fixture.fleet(100))) == [1, 9, 40, 50])
    }

    @Test("A phase that adds no host merges into the next: 6 hosts go 1, 2, 3")
    func merges() throws {
        let plan = try Fixture.plan(hosts: Fixture.fleet(6))
        #expect(sizes(plan) == [1, 2, 3])
        #expect(plan.phases.map(\.name) == ["pilot", "phase 2", "phase 3"])
        #expect(plan.phases.map(\.kind) == [.pilot, .later, .later])
    }

    @Test("A merged phase keeps the longer bake", arguments: [(10, 60), (60, 10)])
    func mergedBake(skipped: Int64, next: Int64) throws {
        let strategy = RolloutStrategy.phased([
            .init(size: .count(1)), .init(size: .percent(10), bake: .seconds(skipped)),
            .init(size: .percent(100), bake: .seconds(next)),
        ])
        #expect(try Fixture.plan(strategy, hosts: Fixture.fleet(6)).phases.map(\.bake) == [.zero, .seconds(60)])
    }

    @Test("A last phase without hosts merges into the one before, with its bake")
    func trailingPhase() throws {
        let strategy = RolloutStrategy.phased([
            .init(size: .count(1)), .init(size: .count(5)), .init(size: .percent(100), bake: .seconds(9)),
        ])
        let plan = try Fixture.plan(strategy, hosts: Fixture.fleet(3))
        #expect(sizes(plan) == [1, 2])
        #expect(plan.phases[1].bake == .seconds(9))
    }

    @Test("The first phase that has a host is the pilot, with a tolerance of 0")
    func mergedPilot() throws {
        let strategy = RolloutStrategy.phased([
            .init(size: .percent(10)), .init(size: .percent(50)), .init(size: .percent(100)),
        ])
        let plan = try Fixture.plan(strategy, hosts: Fixture.fleet(6))
        #expect(sizes(plan) == [3, 3])
        #expect(plan.phases[0].kind == .pilot)
        #expect(plan.phases[0].failureTolerance == .none)
        #expect(plan.phases[0].hosts[0].id.text == "h0")
    }

    @Test("A fleet of one host is a pilot")
    func oneHost() throws {
        let plan = try Fixture.plan(hosts: Fixture.fleet(1))
        #expect(plan.phases.map(\.kind) == [.pilot])
    }

    @Test("The pilot is a host labelled pilot=true")
    func labelledPilot() throws {
        for seed in 0..<20 {
            let hosts = (0..<12).map { Fixture.host("h\($0)", $0 == 7 ? ["pilot": "true"] : [:]) }
            let plan = try Fixture.plan(hosts: hosts, id: "r\(seed)")
            #expect(plan.phases[0].hosts.map(\.id.text) == ["h7"])
        }
    }

    @Test("Without the label the pilot goes by bucket and avoids critical=true")
    func pilotAvoidsCritical() throws {
        for seed in 0..<20 {
            let hosts = (0..<12).map { Fixture.host("h\($0)", $0 == 7 ? [:] : ["critical": "true"]) }
            #expect(try Fixture.plan(hosts: hosts, id: "r\(seed)").phases[0].hosts.map(\.id.text) == ["h7"])
        }
        let critical = (0..<3).map { Fixture.host("h\($0)", ["critical": "true"]) }
        #expect(try sizes(Fixture.plan(hosts: critical)).first == 1)
    }

    @Test("Of equals, the pilot is a host that does not run the release yet")
    func pilotTellsSomething() throws {
        for seed in 0..<20 {
            let hosts = (0..<9).map { Fixture.host("h\($0)", running: $0 == 4 ? Fixture.before : Fixture.release) }
            #expect(try Fixture.plan(hosts: hosts, id: "r\(seed)").phases[0].hosts.map(\.id.text) == ["h4"])
        }
    }

    @Test("The other hosts follow in the order of their buckets, whatever order they came in")
    func bucketOrder() throws {
        let plan = try Fixture.plan(hosts: Fixture.fleet(40))
        let buckets = plan.hosts.dropFirst().map { HostBucket(rollout: plan.id, host: $0.id) }
        #expect(buckets == buckets.sorted())
        #expect(try Fixture.plan(hosts: Fixture.fleet(40).reversed()) == plan)
    }

    @Test("Parallelism is a share of the phase, at least 1; 25 % by default")
    func parallelism() throws {
        #expect(try Fixture.plan(hosts: Fixture.fleet(100)).phases.map(\.parallelism) == [1, 2, 10, 12])
    }

    @Test("R44: hosts that are changed at once share what all may take, and no phase exceeds it")
    func sharedBandwidth() throws {
        var limits = RolloutLimits(totalBandwidth: ByteCount(1 << 20))
        let plan = try Fixture.plan(hosts: Fixture.fleet(100), limits: limits)
        let share = try #require(plan.hostBandwidth)
        #expect(plan.phases.map(\.parallelism) == [1, 2, 10, 12])
        #expect(share == ByteCount((1 << 20) / 12))
        #expect(plan.phases.allSatisfy { Int64($0.parallelism) * share.value <= 1 << 20 })
        limits.bandwidth = ByteCount(2000)
        #expect(try Fixture.plan(hosts: Fixture.fleet(100), limits: limits).hostBandwidth == ByteCount(2000))

        limits.totalBandwidth = ByteCount(10 << 10)
        let error = #expect(throws: RolloutError.self) { try Fixture.plan(hosts: Fixture.fleet(100), limits: limits) }
        let words = "totalBandwidth is 10240 bytes a second and 12 hosts are changed at once"
        #expect(error?.summary.contains(words) == true)
    }

    @Test("Tolerances by default: pilot 0, later phases 5 %, big bang 10 %")
    func tolerances() throws {
        let phased = try Fixture.plan(hosts: Fixture.fleet(6))
        #expect(phased.phases.map(\.failureTolerance) == [.none, Tolerance(percent: 5), Tolerance(percent: 5)])
        let bang = try Fixture.plan(.bigBang, hosts: Fixture.fleet(6))
        #expect(bang.phases.map(\.failureTolerance) == [Tolerance(percent: 10)])
        #expect(bang.phases[0].name == "everyone")
    }

    @Test("R28: a rollout over 0 hosts is refused, with the query and the number it chose from")
    func noHosts() throws {
        let error = #expect(throws: RolloutError.self) {
            try Fixture.plan(hosts: Fixture.fleet(6), query: "role=database")
        }
        #expect(error?.code == "rollout.plan.noHosts")
        #expect(error?.summary.contains("\"role=database\" matches 0 of 6 hosts") == true)
    }

    @Test("Hosts that the query does not match are left out")
    func query() throws {
        #expect(try Fixture.plan(hosts: Fixture.fleet(6), query: "pilot").hosts.map(\.id.text) == ["h0"])
    }

    @Test("Every problem of a plan is said at once, with both values")
    func problems() throws {
        let limits = RolloutLimits(
            parallelism: .percent(0), offlineTolerance: Tolerance(), offlineGrace: .seconds(-1), progressDeadline: .zero
        )
        let strategy = RolloutStrategy.phased([.init(size: .count(0)), .init(size: .percent(50), bake: .days(9999))])
        let hosts = Fixture.fleet(6) + [Fixture.host("h3")]
        let error = #expect(throws: RolloutError.self) { try Fixture.plan(strategy, hosts: hosts, limits: limits) }
        #expect(error?.code == "rollout.plan.invalid")
        for part in [
            "parallelism is 0%, it must be 1% to 100%", "names neither a count nor a percentage",
            "the offline grace is -1s", "must be longer than 0s", "the size of phase 1 is 0, it must be 1 or more",
            "the bake of phase 2 is 9999d, it must be 0s to 3650d", "host h3 is there twice",
            "its phases reach 3 of 7 hosts",
        ] {
            #expect(error?.summary.contains(part) == true, "\(part)")
        }
    }

    @Test("The healthy deadline of the release must be shorter than the progress deadline")
    func deadlineOrder() throws {
        let error = #expect(throws: RolloutError.self) {
            try RolloutPlan.make(
                Fixture.definition(), manifest: Fixture.manifest, id: RolloutID("r1"), hosts: Fixture.fleet(2),
                healthyDeadline: .minutes(10))
        }
        #expect(
            error?.summary.contains("healthy deadline, 10m, is not shorter than the progress deadline, 10m") == true)
    }

    @Test("An emergency goes to every host at once, whatever the definition says, and ignores windows")
    func emergency() throws {
        let plan = try Fixture.plan(hosts: Fixture.fleet(40), urgency: .emergency(reason: "CVE"))
        #expect(sizes(plan) == [40])
        #expect(plan.phases[0].parallelism == 40)
        #expect(plan.urgency.ignoresWindows)
        #expect(throws: RolloutError.self) {
            try Fixture.plan(hosts: Fixture.fleet(40), urgency: .emergency(reason: ""))
        }
    }

    @Test("A plan survives being written and read")
    func coding() throws {
        let plan = try Fixture.plan(
            hosts: Fixture.fleet(6, pulling: 4..<6), limits: Fixture.atOnce(failures: Tolerance.none),
            urgency: .emergency(reason: "CVE"))
        #expect(try JSONCoding.decode(RolloutPlan.self, from: JSONCoding.canonicalBytes(of: plan)) == plan)
    }
}
