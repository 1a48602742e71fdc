import AgentProtocol
import ReleaseDefinition
import ReleaseRollout
import Testing

/// Migrations are steps of the rollout (semantics 6).
@Suite("Migrations")
struct MigrationTests {
    private static func unit(_ name: String, on query: String, isReversible: Bool = true) throws -> MigrationUnit {
        MigrationUnit(unit: try UnitName(name), runOn: try HostQuery(query), isReversible: isReversible)
    }

    private static func fleet(_ count: Int) -> [PlanHost] {
        (0..<count).map { Fixture.host("h\($0)", $0 < 3 ? ["role": "db"] : [:]) }
    }

    private static func plan(_ count: Int, _ units: [MigrationUnit], backOut: BackOutScope = .phase) throws
        -> RolloutPlan
    {
        try Fixture.plan(
            Fixture.pilotThenAll(), hosts: fleet(count), limits: Fixture.atOnce(), backOut: backOut, migrations: units)
    }

    @Test("A migration runs once, on one host that runOn names, before the pilot")
    func once() throws {
        let plan = try Self.plan(10, [Self.unit("schema", on: "role=db"), Self.unit("data", on: "role=db")])
        #expect(plan.phases.map(\.kind) == [.migration, .pilot, .later])
        #expect(plan.phases.map(\.hosts.count) == [1, 1, 8])
        let host = plan.phases[0].hosts[0]
        #expect(host.labels["role"] == "db")
        #expect(plan.migrations?.map(\.host) == [host.id, host.id])
        #expect(plan.warnings.contains { $0.contains("schema") && $0.contains(host.id.text) })
        var driver = try Driver(plan)
        #expect(driver.sent.map(\.host) == [host.id.text])
        try driver.report(host.id.text, .succeeded)
        #expect(driver.sent.count == 2)
        #expect(driver.view.currentPhase == 2)
    }

    @Test("Migrations on different hosts run one after the other, in the order of their units")
    func inOrder() throws {
        let plan = try Self.plan(10, [Self.unit("b", on: "id=h7"), Self.unit("a", on: "id=h5")])
        #expect(plan.phases[0].hosts.map(\.id.text) == ["h7", "h5"])
        var driver = try Driver(plan)
        #expect(driver.sent.map(\.host) == ["h7"])
        try driver.report("h7", .succeeded)
        #expect(driver.sent.map(\.host) == ["h7", "h5"])
    }

    @Test("A migration that no host of the rollout runs is refused when it is planned")
    func nobody() throws {
        #expect {
            try Self.plan(5, [Self.unit("schema", on: "role=none")])
        } throws: { ($0 as? RolloutError)?.summary.contains("names 0 of its 5 hosts") == true }
    }

    @Test("A failed migration ends the rollout before any other host is touched")
    func fails() throws {
        var driver = try Driver(Self.plan(10, [Self.unit("schema", on: "id=h0")]))
        try driver.report("h0", .backedOut(.install))
        #expect(driver.state == "backedOut")
        #expect(driver.sent.map(\.host) == ["h0"])
    }

    @Test("A phase that is backed out leaves the migration; the whole rollout takes it back last")
    func backOut() throws {
        for scope in [BackOutScope.phase, .rollout] {
            var driver = try Driver(Self.plan(4, [Self.unit("schema", on: "id=h0")], backOut: scope))
            for phase in 0..<2 {
                _ = phase
                try driver.report(driver.ordered[0], .succeeded)
            }
            let rest = driver.ordered
            for host in rest { try driver.report(host, .failed(.health), running: Fixture.release) }
            #expect(driver.state == "backingOut")
            try driver.backOutAll()
            #expect(driver.state == "backedOut")
            let back = driver.sent.filter { $0.action == .backOut }.map(\.host)
            if scope == .rollout { #expect(back.last == "h0") } else { #expect(!back.contains("h0")) }
        }
    }

    @Test("The host of a migration is not taken back alone while others have the release")
    func notAlone() throws {
        var driver = try Driver(Self.plan(4, [Self.unit("schema", on: "id=h0")]))
        try driver.report("h0", .succeeded)
        try driver.report(driver.ordered[0], .succeeded)
        #expect {
            try driver.do(.backOut(.hosts([HostID("h0")]), by: "eva", reason: "b"))
        } throws: { ($0 as? RolloutError)?.code == "rollout.verb.nothingToBackOut" }
        let running = InstalledRelease(release: Fixture.release, manifest: Fixture.manifest, isHealthy: false)
        try driver.do(.health(HostID("h0"), ProductHealth(running: running, detail: "d")))
        #expect(driver.state == "halted")
        #expect(!driver.sent.contains { $0.host == "h0" && $0.action == .backOut })
    }

    @Test("Once a migration that cannot be taken back has run, a crossed limit halts and nothing goes back by itself")
    func irreversible() throws {
        let unit = try Self.unit("schema", on: "id=h0", isReversible: false)
        let plan = try Self.plan(10, [unit])
        #expect(plan.irreversible != nil)
        #expect(plan.warnings.contains { $0.contains("cannot be taken back") })
        var driver = try Driver(plan)
        try driver.report("h0", .succeeded)
        try driver.report(driver.ordered[0], .failed(.health), running: Fixture.release)
        #expect(driver.state == "halted")
        #expect(!driver.sent.contains { $0.action == .backOut })
        // Before it has run, nothing is crossed.
        var early = try Driver(plan)
        try early.report("h0", .failed(.install))
        #expect(early.state == "backedOut")
    }

    @Test("A late joiner waits for the pilot, not only for the migration")
    func lateJoiner() throws {
        var driver = try Driver(Self.plan(4, [Self.unit("schema", on: "id=h0")]))
        try driver.do(.joined(Fixture.host("h9")))
        try driver.report("h0", .succeeded)
        #expect(!driver.sent.contains { $0.host == "h9" })
        try driver.report(driver.ordered[0], .succeeded)
        #expect(driver.sent.contains { $0.host == "h9" })
    }
}
