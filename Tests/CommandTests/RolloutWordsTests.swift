import AgentProtocol
import ControllerAPI
import Effects
import ReleaseDefinition
import Testing

@testable import slipway

/// What commands say of rollouts to people, word by word. The clock on the wall is Berlin's.
@Suite struct RolloutWordsTests {
    private let clock: LocalTime

    init() throws { clock = .of(try ZoneFolder.rules("Europe/Berlin")) }

    private func view() throws -> RolloutView {
        var view = try Sample.rollout(.halted, sequence: 1)
        view.startedAt = try UTCInstant("2026-11-21T23:12:04.125Z")
        view.startedBy = "person:admin"
        view.reason = "the pilot is slow (by person:eva)"
        return view
    }

    @Test("Why: what the engine says, in the times and with the names of whoever reads it")
    func why() throws {
        let until = try UTCInstant("2026-11-22T23:12:04.500Z")
        let held = RolloutHold("halted", "Its order stands until 2026-11-22T23:12:04.500Z.", until: until)
        let view = RolloutWhyView(
            release: try ReleaseName("web@1.4"), rollout: try RolloutID("r2"),
            reasons: [
                RolloutHold(
                    "halted", "It is halted by person:eva: slow. It stops at 2026-07-22T23:12:04Z.",
                    remedy: "slipway rollout resume r2 --reason REASON"),
                RolloutHold("revoked", "It was revoked for staging by rollout:r1: no use (by person:eva)"),
            ],
            hosts: [HostHold(host: try HostID("web-1"), phase: 1, state: "offline", hold: held)], nextAttemptAt: until)
        #expect(
            RolloutWhyPresentation(why: view, clock: clock).details == """
                release       web@1.4
                rollout       r2
                next attempt  2026-11-23T00:12:04+01:00

                halted: It is halted by eva: slow. It stops at 2026-07-23T01:12:04+02:00.
                    slipway rollout resume r2 --reason REASON
                revoked: It was revoked for staging by rollout:r1: no use (by eva)
                HOST   PHASE  STATE    HELD BY  UNTIL                      WHY
                web-1  1      offline  halted   2026-11-23T00:12:04+01:00  Its order stands until 2026-11-23T00:12:04+01:00.

                """)
    }

    @Test("A rollout's facts have the reader's time and people's names; what scripts read has the record's")
    func facts() throws {
        let shown = RolloutPresentation(rollout: try view(), clock: clock)
        #expect(
            shown.details.hasPrefix(
                """
                rollout      r1
                release      payments@1.4
                environment  staging
                hosts        all
                state        halted
                reason       the pilot is slow (by eva)
                started      2026-11-22T00:12:04+01:00 by admin
                ended        -
                next         slipway rollout why r1

                """), "\(shown.details)")
        #expect(
            shown.cells == [
                "r1", "payments@1.4", "staging", "halted", "2026-11-22T00:12:04+01:00", "admin",
                "the pilot is slow (by eva)",
            ])
        let json = String(decoding: try JSONCoding.value(of: shown).wireBytes, as: UTF8.self)
        #expect(json.contains(#""startedAt":"2026-11-21T23:12:04.125Z","startedBy":"person:admin""#), "\(json)")
    }

    @Test("A change is one line of the reader's clock")
    func line() throws {
        var change = try Sample.change(1, .paused)
        change.at = try UTCInstant("2026-11-21T23:12:04.125Z")
        change.text = "paused by person:eva: until 2026-11-22T05:00:00Z"
        #expect(
            RolloutFollower.line(change, clock) == "00:12:04.125  paused by eva: until 2026-11-22T06:00:00+01:00")
    }

    @Test("Of a halt the first line says what and where, in one sentence")
    func halted() throws {
        var halted = try view()
        halted.reason = "1 host of 3 in everyone failed, 0 allowed."
        #expect(
            RolloutFollower.halted(halted)
                == "payments@1.4 is halted in staging: 1 host of 3 in everyone failed, 0 allowed.")
        halted.isEmergency = true
        halted.reason = "no, wait (by person:eva)"
        #expect(
            RolloutFollower.halted(halted)
                == "The emergency push of payments@1.4 is halted in staging: no, wait (by eva).")
        halted.reason = nil
        #expect(RolloutFollower.halted(halted) == "The emergency push of payments@1.4 is halted in staging.")
    }

    @Test("A back-out that left hosts says which, and is no back-out that is done")
    func stuck() throws {
        func host(_ id: String, _ action: OrderAction, _ outcome: HostOutcome) throws -> RolloutHostView {
            RolloutHostView(
                host: try HostID(id), phase: 1, delivery: .push, before: nil,
                order: OrderID(rollout: Sample.id, action: action), step: nil, outcome: outcome, evidence: nil,
                startedAt: nil, endedAt: nil)
        }
        var view = try Sample.rollout(.backOutFailed, sequence: 1)
        view.hosts = [
            try host("web-1", .backOut, .backedOut(nil)), try host("web-2", .install, .backOutFailed),
            try host("web-3", .backOut, .failed(.lost)), try host("web-4", .install, .failed(.health)),
        ]
        #expect(view.notBackedOut.map(\.text) == ["web-2", "web-3"])
        let details = RolloutPresentation(rollout: view, clock: clock).details
        #expect(details.contains("state        backOutFailed: 2 hosts could not go back, web-2, web-3\n"), "\(details)")
        #expect(ProgramExit(view.state) == .failed)
    }

    @Test("What people froze hides the starts in it where it has an end; what has none, or is of one product, is told")
    func freezes() throws {
        let staging = try EnvironmentName("staging")
        let now = try UTCInstant("2026-11-23T12:00:00Z")
        func freeze(
            _ id: String, _ places: [String] = [], product: String? = nil, until: String? = nil, isLifted: Bool = false
        ) throws -> FreezeView {
            FreezeView(
                id: id, origin: .now, reason: "fire", environments: try places.map { try EnvironmentName($0) },
                product: try product.map { try ProductName($0) }, hosts: .all, from: now,
                until: try until.map { try UTCInstant($0) }, by: "person:eva", isStanding: true,
                liftedAt: isLifted ? now : nil)
        }
        var policy = ReleasePolicy()
        let facts = PolicyFacts(now: now, hosts: [], zones: [:])
        let told = policy.take(
            [
                try freeze("f1", until: "2026-11-25T06:00:00Z"), try freeze("f2"), try freeze("f3", ["production"]),
                try freeze("f4", product: "web", until: "2026-11-30T00:00:00Z"), try freeze("f5", isLifted: true),
                try freeze("f6", until: "2026-11-23T11:00:00Z"),
            ], of: staging, facts)
        #expect(told.map(\.id) == ["f2", "f4"])
        let found = policy.proposals(for: staging, takes: .minutes(15), within: .days(4), facts, count: 3)
        #expect(
            found.map(\.from.description) == ["2026-11-25T06:00:00Z", "2026-11-26T00:00:00Z", "2026-11-27T00:00:00Z"])
    }
}
