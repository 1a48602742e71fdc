import ReleaseDefinition
import Testing

@testable import AgentLibrary

@Suite("Health")
struct HealthWatchTests {
    private func watch(startPeriod: TimeSpan = .zero, count: Int = 1) -> HealthWatch {
        let check = HealthCheck(
            probe: .http(url: "http://127.0.0.1/", status: 200), every: .seconds(2), startPeriod: startPeriod,
            failures: 3)
        return HealthWatch(
            checks: Array(repeating: check, count: count), minimumHealthy: .seconds(10), healthyDeadline: .seconds(60),
            startedAt: start)
    }

    @Test("Passing without a break for the minimum healthy time is healthy, and not a moment earlier")
    func passes() {
        var watch = watch()
        for second in stride(from: Int64(1), through: 11, by: 2) {
            watch.observe(check: 0, passed: true, detail: "", at: start + .seconds(second))
            #expect(watch.verdict(at: start + .seconds(second)) == (second >= 11 ? .healthy : .waiting))
        }
    }

    @Test("A flap restarts the clock")
    func flap() {
        var watch = watch()
        watch.observe(check: 0, passed: true, detail: "", at: start)
        watch.observe(check: 0, passed: false, detail: "500", at: start + .seconds(9))
        watch.observe(check: 0, passed: true, detail: "", at: start + .seconds(12))
        #expect(watch.verdict(at: start + .seconds(20)) == .waiting)
        #expect(watch.verdict(at: start + .seconds(22)) == .healthy)
    }

    @Test("Three failures in a row fail at once; two and a success do not")
    func inARow() {
        var watch = watch()
        for (second, passed) in [(1, false), (3, false), (5, true), (7, false), (9, false)] as [(Int64, Bool)] {
            watch.observe(check: 0, passed: passed, detail: "answered 500", at: start + .seconds(second))
            #expect(watch.verdict(at: start + .seconds(second)) == .waiting)
        }
        watch.observe(check: 0, passed: false, detail: "answered 500", at: start + .seconds(11))
        let problem = HealthProblem(check: 0, failuresInRow: 3, detail: "answered 500")
        #expect(watch.verdict(at: start + .seconds(11)) == .unhealthy(problem))
        watch.observe(check: 0, passed: true, detail: "", at: start + .seconds(12))
        #expect(watch.verdict(at: start + .seconds(40)) == .unhealthy(problem), "a verdict stands")
    }

    @Test("Failures within the start period do not count")
    func startPeriod() {
        var watch = watch(startPeriod: .seconds(20))
        for second in Int64(1)...20 { watch.observe(check: 0, passed: false, detail: "", at: start + .seconds(second)) }
        #expect(watch.verdict(at: start + .seconds(20)) == .waiting)
        for second in Int64(21)...23 {
            watch.observe(check: 0, passed: false, detail: "", at: start + .seconds(second))
        }
        #expect(watch.verdict(at: start + .seconds(23)) != .waiting)
    }

    @Test("Not healthy by the deadline is a failure, although no check failed three times in a row")
    func deadline() {
        var watch = watch(count: 2)
        watch.observe(check: 0, passed: true, detail: "", at: start)
        #expect(watch.verdict(at: start + .seconds(59)) == .waiting)
        guard case .unhealthy(let problem) = watch.verdict(at: start + .seconds(60)) else {
            Issue.record("still waiting")
            return
        }
        #expect(problem.isLate && problem.check == 1)
    }

    @Test("Every check must pass, from the moment on when the last one began to")
    func allChecks() {
        var watch = watch(count: 2)
        watch.observe(check: 0, passed: true, detail: "", at: start)
        watch.observe(check: 1, passed: true, detail: "", at: start + .seconds(8))
        #expect(watch.verdict(at: start + .seconds(12)) == .waiting)
        #expect(watch.nextInstant == start + .seconds(2))
        #expect(watch.verdict(at: start + .seconds(18)) == .healthy)
    }
}
