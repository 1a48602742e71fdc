import AgentProtocol
import ReleaseDefinition
import ReleaseRollout
import ReleaseSimulation
import Testing

/// Rows of faults.md that a simulated fleet shows.
@Suite("Rows of the faults, simulated")
struct RowTests {
    /// Plays worlds of one kind; each promise of the engine is checked after every step (I2, I4, I5, I7, I10, I12).
    @discardableResult
    private func play(
        _ seeds: Range<UInt64>, hosts: Int = 20, pulling: Int = 0,
        strategy: RolloutStrategy = .phasedByDefault, _ change: (inout SimulationConditions) -> Void
    ) throws -> [(summary: SimulationSummary, log: [RolloutEvent])] {
        var conditions = SimulationConditions()
        change(&conditions)
        let definition = RolloutDefinition(
            release: try ReleaseName("web@2.0"), environment: try EnvironmentName("staging"), strategy: strategy)
        return try seeds.map { seed in
            let fleet = SimulatedFleet.hosts(
                hosts, product: definition.release.product, pullingPercent: pulling, seed: seed)
            var simulation = Simulation(
                plan: try SimulatedFleet.plan(definition, hosts: fleet), conditions: conditions, seed: seed)
            do {
                return (try simulation.run(), simulation.log)
            } catch {
                Issue.record("replay: seed \(seed): \(error)")
                return (SimulationSummary(), [])
            }
        }
    }

    @Test(
        "R22: every message comes three times, delayed, re-ordered: each order has one effect on a host",
        arguments: [0, 50])
    func tripled(_ pulling: Int) throws {
        for world in try play(
            0..<20, pulling: pulling,
            { conditions in
                conditions.duplicatePercent = 100
                conditions.duplicateCopies = 2
                conditions.slowPercent = 100
                conditions.isReordering = true
            })
        {
            #expect(world.summary.state == "succeeded")
            let taken = world.log.filter {
                if case .hostEnded(let ending) = $0.fact {
                    ending.action == .install && ending.source == .host
                } else {
                    false
                }
            }
            #expect(taken.count == 20, "each host's word counts once")
        }
    }

    @Test("R23: the controller dies again and again, between a decision and its storing: each report is there once")
    func controllerDies() throws {
        for world in try play(0..<20, { $0.restarts = 12 }) where !world.log.isEmpty {
            let said = world.log.compactMap { event -> String? in
                guard case .hostEnded(let ending) = event.fact, ending.source == .host else { return nil }
                return "\(ending.host) \(ending.action) \(ending.attempt ?? 1)"
            }
            #expect(Set(said).count == said.count)
        }
    }

    @Test("R25: every host vanishes sooner or later: every rollout ends, and none after its last deadline")
    func vanishing() throws {
        let limits = RolloutLimits()
        for world in try play(
            0..<60,
            { conditions in
                conditions.vanishPercent = 100
                conditions.isAttended = false
            })
        {
            #expect(
                !["", "running", "baking", "paused", "halted", "stopping", "backingOut"].contains(world.summary.state))
            // Per host at most its grace and its progress, in the worst case one after the other; and the halt's day.
            let most = (limits.offlineGrace + limits.progressDeadline) * 40 + .hours(24)
            #expect(world.summary.simulated <= most)
        }
    }

    @Test("R27: the network parts and heals in mid-canary, 1 000 times: never more hosts are touched than planned")
    func partitions() throws {
        try play(0..<1000, hosts: 8, { $0.partitions = 3 })
    }

    @Test("A revoked release is never installed again: after a back-out began no host starts")
    func revoked() throws {
        var backOuts = 0
        for world in try play(
            0..<80, pulling: 20,
            { conditions in
                conditions.failurePercents = [0, 30]
                conditions.cutPercent = 40
                conditions.partitions = 1
            })
        {
            guard
                let began = world.log.firstIndex(where: {
                    if case .backOutStarted = $0.fact { true } else { false }
                })
            else { continue }
            backOuts += 1
            let starts = world.log[began...].contains {
                if case .hostAdmitted(_, .install) = $0.fact { true } else { false }
            }
            #expect(!starts)
        }
        #expect(backOuts > 20)
    }

    @Test(
        "A back-out never cascades: a host is asked back at most three times, and then left alone"
    )
    func noCascade() throws {
        for world in try play(
            0..<60,
            { conditions in
                conditions.failurePercents = [0, 60]
                conditions.backOutFailurePercent = 60
            })
        {
            var asked: [HostID: Int] = [:]
            for event in world.log {
                guard case .orderSent(let host, let order) = event.fact, order.action == .backOut else { continue }
                asked[host, default: 0] += 1
                #expect(order.rollout.text == "r1")
            }
            #expect(asked.values.allSatisfy { $0 <= 3 })
        }
    }
}
