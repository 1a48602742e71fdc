import Foundation
import ReleaseDefinition
import ReleaseRollout
import ReleaseSimulation
import Testing

@Suite("Simulation")
struct SimulationTests {
    @Test("The promises of the engine hold in every made-up world of a short run")
    func shortRun() throws {
        for seed in 0..<UInt64(80) { try play(seed) }
    }

    @Test("A seed that once broke a promise does not do so again")
    func failedSeeds() throws {
        let file = try #require(Bundle.module.url(forResource: "failed", withExtension: "txt", subdirectory: "Seeds"))
        let seeds = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
            .filter { !$0.hasPrefix("#") }
            .compactMap { $0.split(separator: " ").first.flatMap { UInt64($0) } }
        #expect(!seeds.isEmpty)
        for seed in seeds { try play(seed) }
    }

    @Test("The same seed gives the same history")
    func repeatable() throws {
        for seed in UInt64(7)..<12 {
            var one = try #require(Simulation.madeUp(seed: seed))
            var other = try #require(Simulation.madeUp(seed: seed))
            #expect(try one.run() == other.run())
            #expect(one.log == other.log)
        }
    }

    @Test("A calm world: a healthy fleet takes a good release, by push and by pull, and nobody is hurt")
    func calm() throws {
        for pulling in [0, 40, 100] {
            let summary = try run(pulling: pulling, .calm)
            #expect(summary.state == "succeeded")
            #expect(summary.hostsChanged == 60)
            #expect(summary.blastRadius == 0)
        }
    }

    @Test("A release that fails everywhere hurts the pilot and nobody else")
    func badRelease() throws {
        var conditions = SimulationConditions.calm
        conditions.failurePercents = [100]
        let summary = try run(pulling: 0, conditions)
        #expect(summary.hostsChanged == 1)
        #expect(summary.state != "succeeded")
    }

    private func run(pulling: Int, _ conditions: SimulationConditions) throws -> SimulationSummary {
        let definition = RolloutDefinition(
            release: try ReleaseName("web@2.0"), environment: try EnvironmentName("staging"),
            strategy: .phasedByDefault)
        let hosts = SimulatedFleet.hosts(60, product: definition.release.product, pullingPercent: pulling, seed: 3)
        var simulation = Simulation(
            plan: try SimulatedFleet.plan(definition, hosts: hosts), conditions: conditions, seed: 3)
        return try simulation.run()
    }

    private func play(_ seed: UInt64) throws {
        var simulation = try #require(Simulation.madeUp(seed: seed))
        do {
            _ = try simulation.run()
        } catch {
            Issue.record("replay: seed \(seed): \(error)")
        }
    }
}
