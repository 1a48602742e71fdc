import AgentProtocol
import ReleaseDefinition
import ReleaseRollout
import Testing

@Suite("Metric gates between phases")
struct MetricGateTests {
    private let errors = GateName(unchecked: "errors")

    private func driver(bake: TimeSpan = .zero, _ gates: [String] = ["errors"]) throws -> Driver {
        let pilot = PhaseDefinition(
            size: .count(1), bake: bake, gates: gates.map { GateName(unchecked: $0) })
        return try Driver(
            Fixture.plan(
                .phased([pilot, .init(size: .percent(100))]), hosts: Fixture.fleet(4), limits: Fixture.atOnce()))
    }

    @Test("A phase passes once each of its gates has passed, after its bake")
    func pass() throws {
        var driver = try driver(bake: .minutes(5), ["errors", "smoke"])
        try driver.report("h0", .succeeded)
        #expect(driver.gatesAsked.isEmpty)
        #expect(driver.ordered.isEmpty)
        try driver.wait()
        #expect(driver.gatesAsked == ["errors", "smoke"])
        #expect(driver.ordered.count == 3)
        try driver.succeedAll()
        #expect(driver.state == "succeeded")
        driver.expectReplay()
    }

    @Test("A gate that fails halts; resuming asks again, promoting lets the phase pass")
    func fail() throws {
        var driver = try driver()
        driver.gateVerdicts = [GateJudgement(.fail, "0.2, below 0.1 is good"), GateJudgement(.fail, "still")]
        try driver.report("h0", .succeeded)
        #expect(driver.state == "halted")
        #expect(driver.reason == .gateFailed)
        try driver.do(.resume(by: "eva", reason: "look again"))
        #expect(driver.gatesAsked.count == 2)
        #expect(driver.state == "halted")
        try driver.do(.promote(by: "eva", reason: "known noise"))
        #expect(driver.state == "running")
        #expect(driver.gatesAsked.count == 2)
        #expect(driver.ordered.count == 3)
        driver.expectReplay()
    }

    @Test(
        "What decides nothing pauses; once the source answers, resuming goes on",
        arguments: [GateVerdict.inconclusive, .noData])
    func undecided(verdict: GateVerdict) throws {
        var driver = try driver()
        driver.gateVerdicts = [GateJudgement(verdict, "x")]
        try driver.report("h0", .succeeded)
        #expect(driver.state == "paused")
        #expect(driver.reason == .gateUndecided)
        try driver.do(.resume(by: "eva", reason: "the source is back"))
        #expect(driver.state == "running")
        #expect(driver.ordered.count == 3)
        driver.expectReplay()
    }

    @Test("A gate that never answers pauses the rollout in a quarter of an hour, and what it says then is too late")
    func silence() throws {
        var driver = try driver()
        driver.carriesOut = false
        try driver.report("h0", .succeeded)
        #expect(driver.pending == [.judgeGate(phase: 0, gate: errors, round: 1)])
        #expect(driver.rollout.nextDeadlineAt == driver.now + .minutes(15))
        try driver.wait()
        #expect(driver.state == "paused")
        #expect(driver.pending.isEmpty)
        try driver.do(.resume(by: "eva", reason: "again"))
        #expect(driver.pending == [.judgeGate(phase: 0, gate: errors, round: 2)])
        let late = RolloutCommand.gateJudged(errors, phase: 0, round: 1, GateJudgement(.pass, "late"))
        #expect(try driver.do(late).isEmpty)
        let other = RolloutCommand.gateJudged(
            GateName(unchecked: "other"), phase: 0, round: 2, GateJudgement(.fail, "not asked"))
        #expect(try driver.do(other).isEmpty)
        let answer = RolloutCommand.gateJudged(errors, phase: 0, round: 2, GateJudgement(.pass, "now"))
        #expect(try !driver.do(answer).isEmpty)
        #expect(try driver.do(answer).isEmpty)
        #expect(driver.state == "running")
        driver.expectReplay()
    }

    @Test("The last phase has its gates too: a rollout does not succeed before they have passed")
    func lastPhase() throws {
        let last = PhaseDefinition(size: .percent(100), gates: [errors])
        var driver = try Driver(
            Fixture.plan(.phased([last]), hosts: Fixture.fleet(2), limits: Fixture.atOnce()))
        driver.gateVerdicts = [GateJudgement(.fail, "x")]
        try driver.report("h0", .succeeded)
        try driver.report("h1", .succeeded)
        #expect(driver.state == "halted")
        try driver.do(.promote(by: "eva", reason: "known"))
        #expect(driver.state == "succeeded")
        driver.expectReplay()
    }

    @Test("A host that turns bad while gates are asked trips the phase all the same")
    func trip() throws {
        var driver = try driver()
        driver.carriesOut = false
        try driver.report("h0", .succeeded)
        try driver.do(.halt(by: "eva", reason: "wait"))
        #expect(driver.pending.isEmpty)
        try driver.do(.resume(by: "eva", reason: "on"))
        #expect(driver.pending == [.judgeGate(phase: 0, gate: errors, round: 2)])
    }
}
