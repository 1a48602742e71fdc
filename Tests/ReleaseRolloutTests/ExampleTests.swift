import Foundation
import ReleaseDefinition
import ReleaseRollout
import Testing

/// docs/rollouts.md: its worked examples are computed, its table of rules names tests that are there.
@Suite("The page about rollouts")
struct ExampleTests {
    private static let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    private static let page = (try? String(contentsOfFile: root + "/docs/rollouts.md", encoding: .utf8)) ?? ""

    /// The numbers of the example after its colon.
    private func numbers(_ example: Int) throws -> [Int] {
        let line = try #require(Self.page.split(separator: "\n").first { $0.hasPrefix("\(example). ") })
        let tail = line.split(separator: ":", maxSplits: 1).last.map(String.init) ?? ""
        let said = line.contains("{") ? tail.split(separator: ":").last.map(String.init) ?? "" : tail
        return said.split { !$0.isNumber }.compactMap { Int($0) }
    }

    private func plan(_ hosts: Int, _ strategy: RolloutStrategy, failures: Tolerance? = nil) throws -> RolloutPlan {
        try Fixture.plan(
            strategy, hosts: Fixture.fleet(hosts), limits: RolloutLimits(failureTolerance: failures))
    }

    private func view(_ plan: RolloutPlan, phase: Int) throws -> PhaseView { try Driver(plan).view.phases[phase] }

    @Test("Examples 1 and 2: sizes of phases", arguments: [(1, 100), (2, 6)])
    func sizes(_ example: Int, _ hosts: Int) throws {
        #expect(try plan(hosts, .phasedByDefault).phases.map(\.hosts.count) == numbers(example))
    }

    @Test("Examples 3 to 5: budgets of a phase")
    func budgets() throws {
        let three = try plan(40, .bigBang)
        let all = try view(three, phase: 0)
        let found = [three.phases[0].parallelism, all.failuresAllowed, all.offlineAllowed, all.successesRequired]
        #expect(try found == numbers(3))
        let four = try plan(19, .phased([.init(size: .count(1)), .init(size: .percent(100))]))
        let second = try view(four, phase: 1)
        #expect(
            try [second.hosts, second.failuresAllowed, second.offlineAllowed, second.successesRequired]
                == numbers(4).suffix(4))
        let five = try plan(
            200, .phased([.init(size: .count(1)), .init(size: .percent(50)), .init(size: .percent(100))]))
        let third = try view(five, phase: 2)
        #expect(
            try [
                third.hosts, five.phases[2].parallelism, third.failuresAllowed, third.offlineAllowed,
                third.successesRequired,
            ] == numbers(5).suffix(5))
    }

    @Test("Examples 6 to 8: the smaller of two limits, required successes, skipped hosts")
    func limits() throws {
        let six = try plan(50, .bigBang, failures: Tolerance(count: 2, percent: 10))
        #expect(try [view(six, phase: 0).failuresAllowed] == numbers(6))
        let phase = PhaseDefinition(size: .percent(100), requiredSuccesses: .percent(50))
        #expect(try [view(plan(7, .phased([phase])), phase: 0).successesRequired] == numbers(7))
        #expect(try numbers(8) == [1])
        for skipped in 1...2 {
            var driver = try Driver(plan(11, .phased([.init(size: .percent(100))])))
            let hosts = try driver.hosts(in: "waiting").prefix(skipped).map { try HostID($0) }
            try driver.do(.skip(Array(hosts), by: "eva", reason: "rebuilt"))
            #expect(driver.state == (skipped == 1 ? "running" : "halted"))
        }
    }

    @Test("Examples 9 to 11: who is touched by a bad release, and how it goes back")
    func badRelease() throws {
        var nine = try Driver(plan(100, .phasedByDefault))
        while let host = nine.ordered.first { try nine.report(host, .backedOut(.health)) }
        #expect(nine.view.isOver)
        #expect(try numbers(9) == [Set(nine.sent.map(\.host)).count])

        var ten = try Driver(plan(40, .bigBang))
        while ten.state == "running" { try ten.report(ten.ordered[0], .backedOut(.health)) }
        #expect(ten.state == "backingOut")
        #expect(try numbers(10) == [Set(ten.sent.map(\.host)).count, ten.hosts(in: "backedOut").count])

        var eleven = try Driver(plan(20, .phased([.init(size: .percent(100))])))
        while eleven.state == "running" { try eleven.report(eleven.ordered[0], .succeeded) }
        try eleven.do(.backOut(.rollout, by: "eva", reason: "b"))
        let first = eleven.sent.filter { $0.action == .backOut }
        try eleven.report(first[0].host, .backedOut(nil), action: .backOut)
        let then = eleven.sent.filter { $0.action == .backOut }.count - first.count
        #expect(try numbers(11) == [first.count, then])
    }

    @Test("Examples 12 to 14: stopping, resuming, and hosts that may be down together")
    func verbs() throws {
        var twelve = try Driver(plan(40, .bigBang))
        let finish = Array(twelve.ordered.prefix(3))
        for host in finish { try twelve.progress(host, .switched) }
        try twelve.do(.stop(by: "eva", reason: "s"))
        let left = twelve.hosts(in: "installing")
        #expect(try numbers(12) == [twelve.cancels.count, twelve.hosts(in: "cancelled").count, left.count])

        var thirteen = try Driver(
            Fixture.plan(
                .phased([.init(size: .percent(100), failureTolerance: Tolerance(count: 1))]),
                hosts: Fixture.fleet(40), limits: Fixture.atOnce(), backOut: .host))
        for host in thirteen.ordered.prefix(2) { try thirteen.report(host, .backedOut(.health)) }
        #expect(thirteen.state == "halted")
        try thirteen.do(.resume(by: "eva", reason: "r"))
        let phase = thirteen.view.phases[0]
        #expect(try numbers(13) == [phase.counts.failed, phase.hosts - phase.counts.failed, phase.failuresAllowed])

        var limits = Fixture.atOnce()
        limits.maxUnavailable = MaxUnavailable(by: "cluster", count: 1)
        let hosts = (0..<20).map { Fixture.host("h\($0)", ["cluster": "c\($0 / 8)"]) }
        let fourteen = try Driver(Fixture.plan(.bigBang, hosts: hosts, limits: limits))
        #expect(try numbers(14) == [fourteen.ordered.count])
    }

    @Test("Each rule names a test that is there")
    func rules() throws {
        let tests = try ["ReleaseRolloutTests", "ReleaseSimulation"].flatMap { name in
            let folder = Self.root + "/Tests/" + name
            return try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".swift") }
                .map { try String(contentsOfFile: "\(folder)/\($0)", encoding: .utf8) }
        }.joined().replacingOccurrences(of: "@Test\\(\\s+\"", with: "@Test(\"", options: .regularExpression)
        let table = try #require(Self.page.components(separatedBy: "## Each rule and its test").last)
        let rows = table.split(separator: "\n").filter { $0.hasPrefix("| ") }.dropFirst()
        #expect(rows.count > 30)
        for row in rows {
            let name = row.split(separator: "|").last { !$0.allSatisfy(\.isWhitespace) }?.trimmingCharacters(
                in: .whitespaces)
            let isThere = tests.contains("@Test(\"\(name ?? "?")\"")
            #expect(isThere, "\(row)")
        }
    }
}
