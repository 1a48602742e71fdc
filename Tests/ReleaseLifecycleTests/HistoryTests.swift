import ReleaseDefinition
import ReleaseLifecycle
import Testing

@Suite("Random histories of releases")
struct HistoryTests {
    /// SplitMix64: the same seed, the same history.
    private struct Choice: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
        mutating func number(_ count: Int) -> Int { Int(next() % UInt64(count)) }
        mutating func one<T>(_ values: [T]) -> T { values[number(values.count)] }
    }

    private func command(_ choice: inout Choice, _ release: PlannedRelease) throws -> LifecycleCommand {
        let rollout = try RolloutID("r\(choice.number(4))")
        let package = SHA256Digest(of: [choice.one([1, 1, 1, 2])])
        switch choice.number(17) {
        case 0: return .plan(PlannedRelease.plan { $0.strategy = choice.one([.phased, .phased, .bigBang]) })
        case 1: return .built(package)
        case 2:
            let failed = choice.one([0, 0, 1])
            return .addEvidence(
                release.evidence(.tests, EvidenceSummary(counts: ["passed": 3, "failed": failed]), package: package))
        case 3: return .addEvidence(release.evidence(.rehearsal, package: package))
        case 4: return .addEvidence(release.evidence(.handOver, about: "desk", package: package))
        case 5, 6:
            return .approve(try release.approval("owner", choice.one(["bob", "zoe"])), excludesAuthor: true)
        case 7, 8: return .approve(try release.approval("board", choice.one(["cyd", "dan"])), excludesAuthor: true)
        case 9: return .rolloutStarted(rollout, environment: PlannedRelease.live, isEmergency: choice.number(4) == 0)
        case 10, 11: return .rolloutEnded(rollout, choice.one([.succeeded, .succeeded, .backedOut, .abandoned]))
        case 12:
            return .raise(
                Deviation(
                    id: "d\(choice.number(3))", kind: choice.one(Deviation.Kind.allCases), text: "x", owner: "ann",
                    raisedAt: release.now, raisedBy: "ann"))
        case 13: return .resolve(deviation: "d\(choice.number(3))", action: "done")
        case 14: return .review(ReviewConclusion(conclusion: "x", at: release.now, by: "ann"))
        case 15: return .close(ClosureFacts())
        default:
            return choice.number(40) == 0
                ? choice.one([.withdraw(reason: "x"), .decline(stage: "owner", person: "bob", reason: "x")]) : .tick
        }
    }

    @Test("Whatever comes in whatever order, the record comes to rest, replays, and closes only what was reviewed")
    func histories() throws {
        var reached: Set<LifecycleStage> = []
        for seed in 0..<60 {
            var choice = Choice(state: UInt64(seed))
            var release = PlannedRelease()
            for _ in 0..<60 {
                release.now = release.now + .hours(Int64(choice.one([0, 0, 0, 0, 0, 1, 30])))
                let before = release.lifecycle
                let next = try command(&choice, release)
                do { try release.tell(next) } catch {
                    #expect(release.lifecycle == before, "replay: seed \(seed)")
                    #expect(!(error as? LifecycleError ?? .init(code: "", summary: "", remedy: "")).remedy.isEmpty)
                }
                try release.settle()
                reached.insert(release.lifecycle.stage)
                let lifecycle = release.lifecycle
                // At rest: nothing follows by itself that did not follow already.
                let rest = try lifecycle.decide(.tick, by: "x", at: release.now)
                #expect(rest.isEmpty, "replay: seed \(seed)")
                #expect(lifecycle.pendingActions(at: release.now).isEmpty, "replay: seed \(seed)")
                if lifecycle.stage == .closed {
                    #expect(lifecycle.record.review != nil && lifecycle.record.openDeviations.isEmpty)
                }
                if lifecycle.stage == .scheduled || lifecycle.stage == .authorised {
                    #expect(lifecycle.approvalGates(at: release.now).allSatisfy { $0.isMet }, "replay: seed \(seed)")
                    #expect(lifecycle.validationGates(at: release.now).allSatisfy { $0.isMet }, "replay: seed \(seed)")
                }
            }
            var again = Lifecycle(PlannedRelease.name, live: PlannedRelease.live)
            for event in release.events { again.apply(event) }
            #expect(again == release.lifecycle, "replay: seed \(seed)")
        }
        #expect(reached.isSuperset(of: [.planned, .built, .validated, .deploying, .operational, .backedOut, .closed]))
    }
}
