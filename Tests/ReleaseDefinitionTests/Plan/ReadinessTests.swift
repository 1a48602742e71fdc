import ReleaseDefinition
import Testing

@Suite("Readiness of a host")
struct ReadinessTests {
    private func needs(hasWindows: Bool = false) throws -> ReadinessNeeds {
        let ledger = ProductRequirement(product: try ProductName("ledger"), version: try VersionRange(">=2.1 <3"))
        return ReadinessNeeds(
            product: try ProductName("web"), requires: [ledger], space: ByteCount(1000), version: "1.4.2",
            hasWindows: hasWindows)
    }

    private func ready() throws -> HostCondition {
        HostCondition(
            id: try HostID("web-1"), isReachable: true, agentVersion: "1.4.0", clockError: .seconds(-3),
            freeSpace: ByteCount(1000), drifted: [],
            running: [
                try ProductName("ledger"): (try ReleaseVersion("2.3"), true),
                try ProductName("web"): (try ReleaseVersion("1.0"), true),
            ])
    }

    private func findings(
        hasWindows: Bool = false, _ change: (inout HostCondition) throws -> Void
    ) throws -> [String] {
        var host = try ready()
        try change(&host)
        return try needs(hasWindows: hasWindows).findings(host).map { "\($0.check.rawValue) \($0.weight.rawValue)" }
    }

    @Test("A host that has everything is ready")
    func everything() throws { #expect(try findings { _ in } == []) }

    @Test("Each thing that is missing is found, and nothing else")
    func each() throws {
        let (web, ledger) = (try ProductName("web"), try ProductName("ledger"))
        #expect(try findings { $0.isReachable = false } == ["reachability blocks"])
        #expect(try findings { $0.disbelief = "two agents" } == ["identity blocks"])
        #expect(try findings { $0.agentVersion = "1.3.9" } == ["agentVersion warns"])
        #expect(try findings { $0.agentVersion = "1.2.0" } == ["agentVersion blocks"])
        #expect(try findings { $0.agentVersion = "1.5.0" } == ["agentVersion blocks"])
        #expect(try findings { $0.agentVersion = "2.4.0" } == ["agentVersion blocks"])
        #expect(try findings { $0.clockError = .minutes(2) } == [])
        #expect(try findings { $0.clockError = .seconds(-121) } == ["clock warns"])
        #expect(try findings(hasWindows: true) { $0.clockError = .seconds(121) } == ["clock blocks"])
        #expect(try findings { $0.clockError = TimeSpan(milliseconds: .min) } == ["clock warns"])
        #expect(try findings { $0.freeSpace = ByteCount(999) } == ["space blocks"])
        // R42: room or not.
        #expect(try findings { $0.unwritable = "its disk failed" } == ["space blocks"])
        #expect(try findings { $0.running[ledger] = nil } == ["dependencies blocks"])
        #expect(try findings { $0.running[ledger] = (try ReleaseVersion("3.0"), true) } == ["dependencies blocks"])
        #expect(try findings { $0.drifted = [web] } == ["drift blocks"])
        #expect(try findings { $0.drifted = [ledger] } == ["drift warns"])
        #expect(try findings { $0.running[web] = (try ReleaseVersion("1.0"), false) } == ["health warns"])
    }

    @Test("What a host has not said is unknown, never ready and never a block")
    func silence() throws {
        let findings = try findings {
            $0.agentVersion = nil
            $0.clockError = nil
            $0.freeSpace = nil
            $0.drifted = nil
        }
        #expect(findings == ["agentVersion unknown", "clock unknown", "space unknown", "drift unknown"])
    }
}
