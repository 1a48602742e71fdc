import AgentProtocol
import ReleaseDefinition
import ReleaseRollout

/// Plans to try: made-up hosts under a given definition, or everything made up.
public enum SimulatedFleet {
    static let manifest = SHA256Digest(of: Array("simulated".utf8))

    /// Hosts named `host-0` …, on version 0.0.1 of the product before; each tenth is labelled critical, they stand in
    /// clusters of eight.
    public static func hosts(_ count: Int, product: ProductName, pullingPercent: Int, seed: UInt64) -> [PlanHost] {
        var choice = SeededChoice(seed: seed)
        return (0..<count).map { index in
            let pulls = choice.chance(pullingPercent)
            return PlanHost(
                id: HostID(unchecked: "host-\(index)"),
                labels: ["critical": index % 10 == 9 ? "true" : "false", "cluster": "c\(index / 8)"],
                delivery: pulls ? .pull : .push, checkInterval: pulls ? .minutes(5) : nil,
                running: (try? ReleaseVersion("0.0.1")).map { ReleaseName(product: product, version: $0) })
        }
    }

    public static func plan(
        _ definition: RolloutDefinition, hosts: [PlanHost], starts: [StartInterval]? = nil
    ) throws(RolloutError) -> RolloutPlan {
        try RolloutPlan.make(
            definition, manifest: manifest, id: RolloutID(unchecked: "r1"), hosts: hosts, starts: starts)
    }

    /// Any plan at all; nil never happens but for a defect of the plan's making.
    static func madeUpPlan(_ choice: inout SeededChoice, hosts count: Int?, pullPercent: Int? = nil) -> RolloutPlan? {
        let count = count ?? (choice.chance(20) ? choice.number(1..<6) : choice.number(6..<100))
        guard let new = try? ReleaseName("app@2.0"), let old = try? ReleaseName("app@1.0"),
            let environment = try? EnvironmentName("staging")
        else { return nil }
        let pulling = pullPercent ?? choice.one([0, 0, 30, 100])
        let hosts = (0..<count).map { index in
            let pulls = choice.chance(pulling)
            return PlanHost(
                id: HostID(unchecked: "host-\(index)"),
                labels: (choice.chance(5) ? ["pilot": "true"] : choice.chance(10) ? ["critical": "true"] : [:])
                    .merging(["cluster": "c\(index / 6)"]) { label, _ in label },
                delivery: pulls ? .pull : .push,
                checkInterval: pulls ? choice.one([.seconds(30), .minutes(5), .minutes(30)]) : nil,
                running: choice.chance(4) ? new : choice.chance(10) ? nil : old)
        }
        var definition = RolloutDefinition(
            release: new, environment: environment, strategy: choice.strategy(), limits: choice.limits(),
            backOut: choice.one([.host, .phase, .phase, .rollout]))
        var rare = RareRules(choice)
        let found = rare.hosts(hosts)
        rare.limits(&definition)
        addRareRules(&definition, choice)
        let starts = rare.starts()
        let migrations = rare.migrations()
        let urgency: RolloutUrgency = choice.chance(10) ? .emergency(reason: "CVE") : .ordinary
        func plan(_ definition: RolloutDefinition) -> RolloutPlan? {
            try? RolloutPlan.make(
                definition, manifest: manifest, id: RolloutID(unchecked: "r1"), hosts: found, urgency: urgency,
                starts: starts, migrations: migrations)
        }
        var rarer = definition
        rare.strategy(&rarer)
        // A small fleet may have nobody on one of two sides.
        return plan(rarer) ?? plan(definition)
    }
}

extension SimulatedFleet {
    /// By choices of its own, so that older seeds keep their worlds otherwise.
    fileprivate static func addRareRules(_ definition: inout RolloutDefinition, _ choice: SeededChoice) {
        var choice = choice
        if choice.chance(20) {
            definition.limits.maxUnavailable = MaxUnavailable(by: "cluster", count: choice.one([1, 2]))
        }
        guard case .phased(var phases) = definition.strategy else { return }
        for index in phases.indices {
            if choice.chance(15) { phases[index].promotion = .manual }
            if choice.chance(10) { phases[index].requiredSuccesses = choice.one([.percent(80), .count(2)]) }
        }
        definition.strategy = .phased(phases)
    }
}

extension SeededChoice {
    fileprivate mutating func strategy() -> RolloutStrategy {
        let bake = one([TimeSpan.zero, .zero, .seconds(20), .minutes(30)])
        switch number(0..<4) {
        case 0: return .bigBang
        case 1: return .phasedByDefault
        case 2: return .phased([.init(size: .count(1), bake: bake), .init(size: .percent(100), bake: bake)])
        default:
            return .phased([
                .init(size: .count(2), failureTolerance: chance(50) ? Tolerance(count: 1) : nil),
                .init(size: .percent(50), bake: bake), .init(size: .percent(100), failureTolerance: tolerance()),
            ])
        }
    }

    fileprivate mutating func limits() -> RolloutLimits {
        RolloutLimits(
            parallelism: one([.percent(25), .percent(100), .count(1), .count(3)]),
            failureTolerance: chance(40) ? tolerance() : nil, offlineTolerance: tolerance(),
            offlineGrace: one([.seconds(5), .minutes(2), .minutes(15)]),
            progressDeadline: one([.seconds(30), .minutes(10)]))
    }

    private mutating func tolerance() -> Tolerance {
        one([
            .none, Tolerance(percent: 10), Tolerance(count: 1), Tolerance(count: 2, percent: 30),
            Tolerance(percent: 100),
        ])
    }
}
