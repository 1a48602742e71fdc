import DefinitionFiles
import Foundation
import ReleaseDefinition
import Testing

/// What a policy says, asked of the text that people write: each refusal with its line and column.
@Suite("Rules of a policy")
struct PolicyRuleTests {
    private static let text = """
        numbering: { major: N.0, minor: N.+, emergency: N.N.+, gaps: refused }
        environments:
          staging:
          production:
            after: staging
            strategies: [phased]
            windows: [weeknights]
            duration: 45m
            cadence: { atMost: 2, within: 7d }
            authorisations: 2
            backOut: { failureTolerance: 5%, scope: phase }
        windows:
          weeknights: { opens: Mon..Thu 22:00, for: 4h, zone: UTC }
        freezes:
          - { from: "2026-12-18T00:00:00Z", until: "2027-01-04T00:00:00Z", reason: year's end, hosts: role=shop }
        busy:
          - { from: Mon..Wed 21:00, for: 3h, weight: 3, reason: batch run }
        """

    private func policy() throws -> ReleasePolicy { try PolicyFile.parse(Array(Self.text.utf8), file: "policy.yaml") }

    /// A Monday night in the window, everything in order.
    private func facts(_ now: String = "2026-11-23T22:10:00Z") throws -> PolicyFacts {
        PolicyFacts(
            now: try UTCInstant(now), hosts: [PolicyHost(id: try HostID("web-1"), labels: ["role": "web"])],
            rolledOutIn: [try EnvironmentName("staging")], authorisations: 2, zones: ["UTC": .utc])
    }

    private func rollout(
        _ strategy: RolloutStrategy = .phasedByDefault, in environment: String = "production",
        limits: RolloutLimits = .init(), backOut: BackOutScope = .phase
    ) throws -> RolloutDefinition {
        RolloutDefinition(
            release: try ReleaseName("web@1.3"), environment: try EnvironmentName(environment), strategy: strategy,
            limits: limits, backOut: backOut)
    }

    private func submission(
        _ version: String, _ category: ReleaseCategory, known: [String] = [], in environment: String = "staging"
    ) throws -> PolicySubmission {
        PolicySubmission(
            release: try ReleaseName("web@\(version)"), category: category,
            environment: try EnvironmentName(environment), known: try known.map { try ReleaseVersion($0) })
    }

    @Test("What keeps every rule is not refused")
    func allowed() throws {
        #expect(try policy().refusals(of: rollout(), facts()).isEmpty)
        #expect(try policy().refusals(of: rollout(.bigBang, in: "staging"), facts()).isEmpty)
        #expect(try policy().refusals(of: submission("1.3", .minor, known: ["1.2"])).isEmpty)
    }

    @Test(
        "A rollout that nobody wrote a file for keeps the rules of its environment",
        arguments: [
            ("{ strategies: [bigBang] }", "bigBang"), ("{ strategies: [bigBang, phased] }", "phased"), ("", "phased"),
            ("{ strategies: [bigBang], backOut: { failureTolerance: 2%, scope: rollout } }", "bigBang"),
            ("{ backOut: { failureTolerance: 0%, scope: phase } }", "phased"),
        ])
    func byDefault(rules: String, kind: String) throws {
        let text = "environments:\n  staging: \(rules)\n"
        let policy = try PolicyFile.parse(Array(text.utf8), file: "policy.yaml")
        let own = policy.rollout(
            of: try ReleaseName("web@1.3"), in: try EnvironmentName("staging"), to: try HostQuery("role=web"))
        #expect(try policy.refusals(of: own, facts()).isEmpty)
        #expect(own.strategy.kind.rawValue == kind)
        #expect(own.hosts == (try HostQuery("role=web")))
    }

    @Test("Nothing is refused by an empty policy")
    func empty() throws {
        #expect(try ReleasePolicy().refusals(of: rollout(.bigBang, in: "anywhere"), facts()).isEmpty)
        #expect(try ReleasePolicy().refusals(of: submission("7.8.9", .major)).isEmpty)
    }

    @Test(
        "A number that its category does not have is refused",
        arguments: [("1.3", "major"), ("2.0", "minor"), ("2.1", "emergency"), ("2.1.1", "minor"), ("2.0.1", "major")])
    func numbering(version: String, category: String) throws {
        let category = try #require(ReleaseCategory(rawValue: category))
        let refusals = try policy().refusals(of: submission(version, category))
        #expect(refusals.map(\.rule) == [.numbering])
        #expect(refusals.first?.place?.line == 1)
    }

    @Test("A number that leaves a gap is refused, with the one that comes next")
    func gaps() throws {
        let known = ["1.0", "1.1", "1.1.1", "2.0"]
        for (version, category, next) in [
            ("1.3", ReleaseCategory.minor, "1.2"), ("2.2", .minor, "2.1"), ("4.0", .major, "3.0"),
            ("1.1.3", .emergency, "1.1.2"),
        ] {
            let refusals = try policy().refusals(of: submission(version, category, known: known))
            #expect(refusals.first?.path == "numbering.gaps")
            #expect(refusals.first?.summary.contains("is \(next).") == true, "\(version)")
        }
        for (version, category) in [
            ("1.2", ReleaseCategory.minor), ("2.1", .minor), ("3.0", .major), ("1.1.2", .emergency), ("9.4", .minor),
            ("2.0.1", .emergency),
        ] {
            #expect(try policy().refusals(of: submission(version, category, known: known)).isEmpty, "\(version)")
        }
    }

    @Test("An environment that the policy does not have is refused")
    func environment() throws {
        let refusals = try policy().refusals(of: rollout(in: "lab"), facts())
        #expect(refusals.map(\.rule) == [.environment])
        #expect(refusals.first?.place == SourcePlace(line: 2, column: 1))
        #expect(try policy().refusals(of: submission("1.0", .major, in: "lab")).map(\.rule) == [.environment])
    }

    @Test("Every broken rule is named at once, each with its line and column")
    func everything() throws {
        var facts = try facts("2026-11-24T12:00:00Z")
        facts.rolledOutIn = []
        facts.authorisations = 1
        facts.starts = [facts.now - .days(1), facts.now - .days(6), facts.now - .days(8)]
        let limits = RolloutLimits(failureTolerance: Tolerance(percent: 20))
        let refusals = try policy().refusals(of: rollout(.bigBang, limits: limits, backOut: .host), facts)
        #expect(
            refusals.map(\.rule) == [
                .after, .strategy, .authorisations, .backOut, .backOut, .cadence, .window,
            ])
        #expect(refusals.map { $0.place?.line } == [5, 6, 10, 11, 11, 9, 7])
        #expect(refusals.map { $0.place?.column } == [5, 5, 5, 16, 38, 5, 5])
        // The older of the two starts is seven days ago tomorrow; the window opens tonight.
        #expect(refusals[5].until == facts.now + .days(1))
        #expect(try refusals[6].until == UTCInstant("2026-11-24T22:00:00Z"))
        #expect(
            refusals[1].description.hasPrefix(
                "6:5: environments.production.strategies: bigBang is asked for, phased is allowed."))
    }

    @Test("A rollout starts only if what is left of the window covers its duration")
    func window() throws {
        #expect(try policy().refusals(of: rollout(), facts("2026-11-24T01:15:00Z")).isEmpty)
        let late = try policy().refusals(of: rollout(), facts("2026-11-24T01:16:00Z"))
        #expect(late.map(\.rule) == [.window])
        #expect(try policy().refusals(of: rollout(), facts("2026-11-28T22:10:00Z")).map(\.rule) == [.window])
    }

    @Test("Freeze, cadence and window name one moment: the first at which all three let it start")
    func oneMoment() throws {
        let text = """
            environments: { production: { windows: [saturdays], cadence: { atMost: 1, within: 7d } } }
            windows: { saturdays: { opens: Sat 22:00, for: 4h } }
            freezes: [{ from: "2026-11-20T00:00:00Z", until: "2026-12-01T00:00:00Z", reason: sale }]
            """
        let policy = try PolicyFile.parse(Array(text.utf8), file: "policy.yaml")
        var facts = try facts("2026-11-23T22:10:00Z")
        facts.starts = [try UTCInstant("2026-11-23T20:00:00Z")]
        let refusals = try policy.refusals(of: rollout(), facts)
        #expect(refusals.map(\.rule) == [.cadence, .freeze, .window])
        let until = try ["2026-11-30T20:00:00Z", "2026-12-01T00:00:00Z", "2026-11-28T22:00:00Z"].map(UTCInstant.init)
        #expect(refusals.map(\.until) == until)
        #expect(refusals.allSatisfy { $0.remedy.hasPrefix("Start it at 2026-12-05T22:00:00Z: ") })
        facts.now = try UTCInstant("2026-12-05T22:00:00Z")
        #expect(try policy.refusals(of: rollout(), facts).isEmpty)
    }

    @Test("A freeze of some hosts holds a rollout that touches one of them, and no other")
    func freeze() throws {
        var facts = try facts("2026-12-21T22:10:00Z")
        #expect(try policy().refusals(of: rollout(), facts).isEmpty)
        facts.hosts.append(PolicyHost(id: try HostID("shop-1"), labels: ["role": "shop"]))
        let refusals = try policy().refusals(of: rollout(), facts)
        #expect(refusals.map(\.rule) == [.freeze])
        #expect(refusals.first?.place?.line == 15)
        #expect(try refusals.first?.until == UTCInstant("2027-01-04T00:00:00Z"))
    }

    @Test("A tolerance written as a count is held against the limit as the share of hosts that it is")
    func toleranceByCount() throws {
        var facts = try facts()
        facts.hosts = try (0..<100).map { PolicyHost(id: try HostID("h\($0)"), labels: [:]) }
        for (count, isRefused) in [(5, false), (6, true)] {
            let limits = RolloutLimits(failureTolerance: Tolerance(count: count))
            #expect(try policy().refusals(of: rollout(limits: limits), facts).isEmpty != isRefused)
        }
    }

    @Test("A proposal keeps clear of busy times, freezes and what does not fit, the least restriction first")
    func proposals() throws {
        let facts = try facts("2026-11-23T12:00:00Z")
        let production = try EnvironmentName("production")
        let found = try policy().proposals(for: production, takes: .hours(1), within: .days(7), facts, count: 4)
        // Monday to Wednesday the batch runs until midnight; on Thursday the whole window is free of it.
        #expect(found.map(\.restriction) == [0, 0, 0, 0])
        #expect(try found.first?.from == UTCInstant("2026-11-24T00:00:00Z"))
        let long = try policy().proposals(for: production, takes: .hours(4), within: .days(2), facts, count: 1)
        #expect(try long.first?.from == UTCInstant("2026-11-23T22:00:00Z"))
        #expect(long.first?.restriction == 360)
        #expect(long.first?.reasons == ["batch run"])
        #expect(try policy().proposals(for: production, takes: .hours(5), within: .days(7), facts, count: 1).isEmpty)
        var frozen = try self.facts("2026-12-17T12:00:00Z")
        frozen.hosts = [PolicyHost(id: try HostID("shop-1"), labels: ["role": "shop"])]
        let after = try policy().proposals(for: production, takes: .hours(3), within: .days(30), frozen, count: 1)
        #expect(try after.first?.from == UTCInstant("2027-01-07T22:00:00Z"))
    }

    @Test(
        "Of the many starts that a short one has in a night the best is proposed; without windows the best of each day")
    func oneEach() throws {
        let facts = try facts("2026-11-23T12:00:00Z")
        let production = try EnvironmentName("production")
        let nights = try policy().proposals(for: production, takes: .minutes(15), within: .days(7), facts, count: 100)
        // Free of the batch run first: Thursday's window from its beginning, the others from midnight on.
        #expect(
            nights.map(\.from.description) == [
                "2026-11-24T00:00:00Z", "2026-11-25T00:00:00Z", "2026-11-26T00:00:00Z", "2026-11-26T22:00:00Z",
            ])
        #expect(Set(nights.map(\.windowUntil)).count == 4)
        let staging = try EnvironmentName("staging")
        let days = try policy().proposals(for: staging, takes: .minutes(15), within: .days(3), facts, count: 100)
        #expect(
            days.map(\.from.description) == [
                "2026-11-23T12:00:00Z", "2026-11-24T00:00:00Z", "2026-11-25T00:00:00Z", "2026-11-26T00:00:00Z",
            ])
    }
}
