import AgentProtocol
import ReleaseDefinition
import ReleaseRollout
import Testing

@testable import ReleaseSimulation

/// The check of the model check: an engine that breaks one rule is found out.
@Suite("Mutants of the engine")
struct EngineMutantTests {
    private static let seedsMax: UInt64 = 4000

    @Test("An engine that is wrong in one way disagrees with the reference", arguments: EngineMutant.all)
    func caught(_ mutant: EngineMutant) throws {
        for seed in 0..<Self.seedsMax {
            var check = try #require(ModelCheck(seed: seed, mutant: mutant))
            do { try check.run() } catch { return }
        }
        Issue.record("\(mutant.name): nobody noticed in \(Self.seedsMax) histories")
    }
}

extension EngineMutant: CustomTestStringConvertible {
    public var testDescription: String { name }

    private static func phases(_ name: String, _ change: @escaping @Sendable (inout PlanPhase) -> Void) -> EngineMutant
    {
        EngineMutant(name: name, plan: { plan in for index in plan.phases.indices { change(&plan.phases[index]) } })
    }

    private static func limits(_ name: String, _ change: @escaping @Sendable (inout RolloutLimits) -> Void)
        -> EngineMutant
    {
        EngineMutant(name: name, plan: { change(&$0.definition.limits) })
    }

    private static func forgets(_ what: String) -> EngineMutant {
        EngineMutant(name: "forgets \(what)", event: { $0.fact.name == what ? nil : $0 })
    }

    static let all: [EngineMutant] =
        [
            phases("one more host at once") { $0.parallelism += 1 },
            phases("tolerates every failure of a phase") { $0.failureTolerance = Tolerance(percent: 100) },
            phases("does not watch what is done") { $0.bake = .zero },
            phases("promotes by itself") { $0.promotion = nil },
            phases("asks no gate") { $0.gates = nil },
            phases("takes what the tolerances leave for required successes") { $0.requiredSuccesses = nil },
            phases("takes the pilot for any phase") { if $0.kind == .pilot { $0.kind = .later } },
            phases("switches no traffic") { $0.traffic = nil },
            limits("does not look at the limit of the whole rollout") { $0.failureTolerance = nil },
            limits("tolerates everybody who is not reached") { $0.offlineTolerance = Tolerance(percent: 100) },
            limits("waits a second longer for who is away") { $0.offlineGrace = $0.offlineGrace + .seconds(1) },
            limits("waits a second longer for an answer") { $0.progressDeadline = $0.progressDeadline + .seconds(1) },
            limits("knows no groups") { $0.maxUnavailable = nil },
            limits("has one more of a group down") { $0.maxUnavailable?.count += 1 },
            limits("lets hosts begin that were unhealthy before") { $0.unhealthyBefore = nil },
            limits("looks away after the success") { $0.earlyLife = .zero },
            EngineMutant(name: "starts outside windows", plan: { $0.starts = nil }),
            EngineMutant(name: "releases the brake", plan: { $0.urgency = .emergency(reason: "x") }),
            EngineMutant(name: "takes back the whole rollout", plan: { $0.definition.backOut = .rollout }),
            EngineMutant(name: "takes back one host alone", plan: { $0.definition.backOut = .host }),
            EngineMutant(name: "takes back what cannot be", plan: { $0.definition.irreversible = nil }),
            EngineMutant(
                name: "takes back migrations that cannot be",
                plan: { plan in
                    for index in (plan.migrations ?? []).indices { plan.migrations?[index].isReversible = true }
                }),
            EngineMutant(
                name: "holds who never spoke for lost",
                event: { event in
                    guard case .hostEnded(var ending) = event.fact, ending.source == .engine, ending.outcome == .offline
                    else { return event }
                    ending.outcome = .failed(.lost)
                    return RolloutEvent(at: event.at, .hostEnded(ending))
                }),
            EngineMutant(
                name: "backs out a phase where the rollout was meant",
                event: { event in
                    guard case .backOutStarted(.rollout, let phase, let reason) = event.fact else { return event }
                    return RolloutEvent(at: event.at, .backOutStarted(scope: .phase, phase: phase, reason: reason))
                }),
            EngineMutant(
                name: "takes a resume for a promotion",
                event: { event in
                    guard case .resumed(let by, let reason) = event.fact else { return event }
                    return RolloutEvent(at: event.at, .promoted(phase: 0, by: by, reason: reason))
                }),
        ]
        + [
            "hostReturned", "hostBackOutStarted", "hostUnhealthy", "hostsRetried", "contactChanged", "hostJoined",
            "trafficSwitched", "gatesWaived",
        ].map(forgets)
}
