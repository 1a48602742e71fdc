import AgentProtocol
import ReleaseDefinition
import ReleaseReporting
import ReleaseRollout

/// Figures of the measures alone, on one core, for scripts/bench: a log with so many rollouts of one host each, read once,
/// then asked for its measures.
struct LedgerMeasurement: Presentable, Decodable {
    var rollouts: Int
    /// Of processor time.
    var readMilliseconds: Int
    var measuresMilliseconds: Int
    var failures: Int

    static let columns = ["ROLLOUTS", "READ MS", "MEASURES MS", "FAILURES"]
    var cells: [String] { [rollouts, readMilliseconds, measuresMilliseconds, failures].map(String.init) }
    var name: String { "\(measuresMilliseconds)" }

    private static let start = UTCInstant(secondsSince1970: 1_800_000_000)
    private static let products = 20

    /// Each rollout of a product begins an hour after the one before and takes half of one; each fiftieth is followed by a
    /// hot fix.
    static func take(rollouts count: Int) throws -> LedgerMeasurement {
        let live = try EnvironmentName("production")
        let (plan, story) = try story(in: live)
        var ledger = MeasureLedger()
        let read = try EngineMeasurement.seconds {
            for number in 0..<count {
                let (product, place) = (number % products, number / products)
                let beganAt = start + .hours(Int64(place))
                let isFix = place % 50 == 49
                let release = try ReleaseName("p\(product)@1.\(place)")
                var own = plan
                own.id = RolloutID(unchecked: "r\(number)")
                own.definition.release = release
                ledger.noteRelease(release, category: isFix ? .emergency : .minor, builtAt: beganAt - .hours(2))
                ledger.note(own.id, RolloutEvent(at: beganAt, .started(plan: own, by: "bench")))
                for fact in story { ledger.note(own.id, RolloutEvent(at: beganAt + .minutes(30), fact)) }
            }
        }
        var measures: [ReleaseMeasures] = []
        let asked = EngineMeasurement.seconds {
            measures = ledger.measures(
                from: start - .days(1), until: start + .hours(Int64(count / products + 2)), live: [live])
        }
        guard let all = measures.first else { return try take(rollouts: count) }
        precondition(all.rollouts == count, "every rollout counts")
        return LedgerMeasurement(
            rollouts: count, readMilliseconds: Int(read * 1000), measuresMilliseconds: Int(asked * 1000),
            failures: all.failures)
    }

    /// What the engine says of a rollout to one host that goes well, but for its beginning.
    private static func story(in live: EnvironmentName) throws -> (RolloutPlan, [RolloutFact]) {
        let release = try ReleaseName("p0@1.0")
        let plan = try RolloutPlan.make(
            RolloutDefinition(release: release, environment: live, strategy: .bigBang),
            manifest: SHA256Digest(of: []), id: RolloutID("r0"), hosts: [PlanHost(id: HostID("host-1"))])
        var (rollout, facts) = (Rollout(), [RolloutFact]())
        let order = OrderID(rollout: plan.id, action: .install)
        let running = InstalledRelease(release: release, manifest: plan.manifest, isHealthy: true)
        let commands: [ReleaseRollout.RolloutCommand] = try [
            .start(plan, by: "bench"), .orderSent(HostID("host-1"), order),
            .outcome(
                HostID("host-1"),
                OrderOutcome(order: order, release: release, outcome: .succeeded, running: running)),
        ]
        for command in commands {
            for event in try rollout.decide(command, at: start) {
                rollout.apply(event)
                facts.append(event.fact)
            }
        }
        return (plan, Array(facts.dropFirst()))
    }
}
