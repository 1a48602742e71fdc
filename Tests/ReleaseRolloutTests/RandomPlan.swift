import AgentProtocol
import ReleaseDefinition
import ReleaseRollout

extension SeededChoice {
    mutating func plan() throws -> RolloutPlan {
        let count = number(1..<25)
        let hosts = (0..<count).map { index in
            Fixture.host(
                "h\(index)", chance(10) ? ["pilot": "true"] : chance(20) ? ["critical": "true"] : [:],
                pulls: chance(30), checkInterval: one([.seconds(1), .seconds(30), .minutes(5)]),
                running: chance(8) ? Fixture.release : chance(10) ? nil : Fixture.before)
        }
        let bake = one([TimeSpan.zero, .zero, .seconds(20), .minutes(3)])
        let strategies: [RolloutStrategy] = [
            .bigBang, .phasedByDefault, Fixture.pilotThenAll(bake: bake),
            .phased([
                .init(size: .count(2), failureTolerance: chance(50) ? Tolerance(count: 1) : nil),
                .init(size: .percent(50), bake: bake), .init(size: .percent(100), failureTolerance: tolerance()),
            ]),
        ]
        let limits = RolloutLimits(
            parallelism: one([.percent(25), .percent(100), .count(1), .count(3)]),
            failureTolerance: chance(40) ? tolerance() : nil, offlineTolerance: tolerance(),
            offlineGrace: one([.seconds(5), .minutes(2), .minutes(15)]),
            progressDeadline: one([.seconds(30), .minutes(10)]))
        return try Fixture.plan(
            one(strategies), hosts: hosts, limits: limits, backOut: one(BackOutScope.allCases + [.phase, .phase]),
            urgency: chance(15) ? .emergency(reason: "CVE") : .ordinary)
    }

    private mutating func tolerance() -> Tolerance {
        one([
            .none, Tolerance(percent: 10), Tolerance(count: 1), Tolerance(count: 2, percent: 30),
            Tolerance(percent: 100),
        ])
    }

    mutating func verb(_ hosts: [HostID]) -> RolloutCommand {
        let target = one([BackOutTarget.phase, .rollout, .hosts([one(hosts)])])
        return one([
            .pause(by: "eva", reason: "p"), .halt(by: "eva", reason: "h"), .resume(by: "eva", reason: "r"),
            .resume(by: "eva", reason: "r"), .stop(by: "eva", reason: "s"), .abort(.keep, by: "eva", reason: "a"),
            .abort(.backOut(target), by: "eva", reason: "a"), .backOut(target, by: "eva", reason: "b"),
        ])
    }
}
