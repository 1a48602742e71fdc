import AgentProtocol
import ControllerAPI
import Effects
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

@Suite("How often one may ask")
struct RateLimitTests: EnrolmentAttack {
    private func rules(_ edit: (inout RateRules) -> Void) -> RateRules {
        var rules = RateRules()
        edit(&rules)
        return rules
    }

    private func controller(_ time: ManualTime, _ edit: (inout RateRules) -> Void) throws -> TestController {
        let test = try TestController(time: time)
        try test.configure { $0.limits = rules(edit) }
        return test
    }

    @Test("A bucket gives its burst, then as many a second as its rule says, however the clock is set")
    func bucket() throws {
        let limits = RateLimits(rules { $0.person = RateRule(burst: 3, perSecond: 2) })
        let start = UTCInstant(secondsSince1970: 1_000_000)
        let key = RateLimits.Key.person("alice")
        for _ in 1...3 { #expect(limits.take(key, at: start) == nil) }
        #expect(limits.take(key, at: start) == .milliseconds(500))
        #expect(limits.take(.person("bob"), at: start) == nil)
        #expect(limits.take(key, at: start - .days(1)) == .milliseconds(500))
        #expect(limits.take(key, at: start - .days(1) + .milliseconds(500)) == nil)
        for _ in 1...3 { #expect(limits.take(key, at: start + .days(9)) == nil) }
        #expect(limits.take(key, at: start + .days(9)) != nil)
    }

    @Test("A million addresses take no more memory than the bound, and those who ask are not forgotten first")
    func memory() {
        let limits = RateLimits(rules { $0.refusals = RateRule(burst: 2, perSecond: 1) }, bucketsMax: 1000)
        let now = UTCInstant(secondsSince1970: 1_000_000)
        for number in 0..<100_000 {
            _ = limits.take(.refusals("a\(number)"), at: now)
            if number % 100 == 0 { _ = limits.take(.refusals("guesser"), at: now) }
        }
        #expect(limits.count <= 1000)
        #expect(limits.look(.refusals("guesser"), at: now) != nil)
    }

    @Test("An IPv6 network of 64 bits is one address")
    func addresses() {
        #expect(RateLimits.key(address: "2001:db8::1") == RateLimits.key(address: "2001:db8::ffff"))
        #expect(RateLimits.key(address: "2001:db8::1") != RateLimits.key(address: "2001:db8:0:1::1"))
        #expect(RateLimits.key(address: "192.0.2.1") != RateLimits.key(address: "192.0.2.2"))
    }

    @Test("Guessing join tokens is slowed down to nothing, and those who hold one still get in")
    func guessing() async throws {
        let time = ManualTime(now: SystemTime().now())
        let test = try controller(time) { $0.refusals = RateRule(burst: 5, perSecond: 1) }
        try await test.run { running in
            let host = try await TestHost.join(test, running).client(test, running)
            let token = try await TestHost.invite(test, running)
            for _ in 1...5 { expect(try await attempt(test, running, token: "guess"), 401, "access.joinToken") }
            let refused = try await attempt(test, running, token: token)
            expect(refused, 429, "request.rate")
            #expect(refused.head["retry-after"] == "1")
            // The console and people's tokens count with them.
            let client = try TestClient(test, running, token: "guess")
            expect(try await client.send("GET", "/v1/hosts"), 429, "request.rate")
            // Whoever holds a token that is right is not held up by a guesser behind the same proxy.
            let admin = try TestClient(test, running, token: test.adminToken)
            #expect(try await admin.send("GET", "/v1/hosts").status == 200)
            await admin.close()
            time.setNow(time.now() + .seconds(1))
            #expect(try await attempt(test, running, token: token).status == 200)
            // What is read by fleets is not held up, nor who proves to be a host.
            for _ in 1...3 { _ = try await client.send("GET", "/v1/hosts") }
            #expect(try await client.send("GET", "/v1/authority").status == 200)
            #expect(try await host.post("/v1/agent/reports", HostReportBatch(reports: [])).status == 200)
            await host.close()
            await client.close()
        }
    }

    @Test("A person who asks too often is told when to ask again, and others are not held up")
    func persons() async throws {
        let time = ManualTime(now: SystemTime().now())
        let test = try controller(time) { $0.person = RateRule(burst: 20, perSecond: 1) }
        try await test.run { running in
            let admin = try TestClient(test, running, token: test.adminToken)
            let alice = try TestClient(
                test, running, token: try await TokenTests.person("alice", ["viewer"], admin).token)
            var last = 200
            for _ in 1...21 { last = try await alice.send("GET", "/v1/hosts").status }
            #expect(last == 429)
            #expect(try await admin.send("GET", "/v1/hosts").status == 200)
            await admin.close()
            await alice.close()
        }
    }

    @Test("A host that reports more than the log can bear is told when to go on, and others are not held up")
    func reports() async throws {
        let time = ManualTime(now: SystemTime().now())
        let test = try controller(time) { $0.reports = RateRule(burst: 64, perSecond: 1) }
        try await test.run { running in
            func report(_ sequence: Int64) -> HostReportBatch {
                let words = (0..<10).map { "\($0) " + String(repeating: "x", count: 900) }
                let inventory = HostInventory(
                    agentVersion: "1", machineID: "m", delivery: .push, installed: [], drift: words)
                return HostReportBatch(
                    reports: [HostReport(sequence: sequence, at: time.now(), body: .inventory(inventory))])
            }
            let host = try await TestHost.join(test, running).client(test, running)
            for sequence in 1...7 {
                #expect(try await host.post("/v1/agent/reports", report(Int64(sequence))).status == 200)
            }
            var last = 200
            for sequence in 8...9 { last = try await host.post("/v1/agent/reports", report(Int64(sequence))).status }
            #expect(last == 429)
            let other = try await TestHost.join(test, running).client(test, running)
            #expect(try await other.post("/v1/agent/reports", report(1)).status == 200)
            time.setNow(time.now() + .seconds(60))
            #expect(try await host.post("/v1/agent/reports", report(9)).status == 200)
            await host.close()
            await other.close()
        }
    }
}
