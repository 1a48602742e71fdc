import AgentProtocol
import ControllerAPI
import ReleaseDefinition

@testable import ControllerLibrary

/// Views as the controller gives them, for the console's tests and for a look at the page in a browser.
struct ConsoleSamples {
    let start: UTCInstant
    var now: UTCInstant { start + .seconds(95) }

    init() throws { start = try UTCInstant("2026-11-21T10:12:04Z") }

    func hostID(_ number: Int) throws -> HostID { try HostID("web-\(number).example") }

    func evidence(log: String, step: InstallationStep = .checking) -> FailureEvidence {
        FailureEvidence(
            step: step,
            error: ReportedError(
                code: "agent.health.status",
                summary: "GET http://127.0.0.1:8101/healthz answered 500, expected 200, 3 times in a row.",
                remedy: "See the log below; the host is back on what it ran before."), logTail: log)
    }

    func host(
        _ number: Int, phase: Int, outcome: HostOutcome? = nil, step: InstallationStep? = nil, isOrdered: Bool = true,
        log: String? = nil
    ) throws -> RolloutHostView {
        RolloutHostView(
            host: try hostID(number), phase: phase, delivery: number > 4 ? .pull : .push,
            before: try ReleaseVersion("2.0"),
            order: isOrdered ? OrderID(rollout: try RolloutID("r-3"), action: .install) : nil, step: step,
            outcome: outcome, evidence: log.map { evidence(log: $0) }, startedAt: isOrdered ? start : nil,
            endedAt: outcome == nil ? nil : start + .milliseconds(2350))
    }

    func rollout(
        _ number: Int, version: String, state: RolloutState, reason: String? = nil, isEmergency: Bool = false,
        phases: [(String, PhaseState)], hosts: [RolloutHostView]
    ) throws -> RolloutView {
        let views = phases.enumerated().map { index, phase in
            let own = hosts.filter { $0.phase == index + 1 }
            let marks = own.map { HostMark($0).kind }
            return PhaseView(
                number: index + 1, size: phase.0, state: phase.1, hosts: own.count,
                succeeded: marks.count { $0 == .succeeded }, failed: marks.count { $0 == .failed },
                backedOut: marks.count { $0 == .backedOut }, inFlight: marks.count { $0 == .moving }, startedAt: start,
                endedAt: nil)
        }
        return RolloutView(
            id: try RolloutID("r-\(number)"), sequence: Int64(number * 10),
            release: try ReleaseName("web-service@\(version)"), manifest: SHA256Digest(of: Array(version.utf8)),
            environment: try EnvironmentName("staging"), query: try HostQuery("role=web and not pinned"),
            isEmergency: isEmergency, state: state, reason: reason, startedAt: start, startedBy: "person:admin",
            endedAt: state.isFinal ? start + .milliseconds(41_700) : nil, phases: views, hosts: hosts)
    }

    static let phases: [(String, PhaseState)] = [("1 host", .passed), ("50 %", .running), ("100 %", .waiting)]

    /// In the middle of its second phase.
    func running() throws -> RolloutView {
        try rollout(
            4, version: "3.0.1", state: .running, isEmergency: true, phases: Self.phases,
            hosts: [
                host(1, phase: 1, outcome: .succeeded), host(2, phase: 2, step: .checking),
                host(3, phase: 2, step: .staged),
                host(4, phase: 3, isOrdered: false), host(5, phase: 3, isOrdered: false),
                host(6, phase: 3, isOrdered: false),
            ])
    }

    /// Backed out after its pilot failed.
    func backedOut(log: String = ConsoleSamples.log) throws -> RolloutView {
        try rollout(
            3, version: "3.0", state: .backedOut,
            reason: "phase 1: 1 of 1 hosts failed, 0 may; the phase is backed out and the release is revoked",
            phases: [("1 host", .backedOut), ("50 %", .waiting), ("100 %", .waiting)],
            hosts: [
                host(3, phase: 1, outcome: .backedOut(.health), log: log), host(1, phase: 2, isOrdered: false),
                host(2, phase: 2, isOrdered: false), host(4, phase: 3, isOrdered: false),
                host(5, phase: 3, isOrdered: false), host(6, phase: 3, isOrdered: false),
            ])
    }

    func completed(_ number: Int = 2, version: String = "2.0") throws -> RolloutView {
        try rollout(
            number, version: version, state: .succeeded,
            phases: [("1 host", .passed), ("50 %", .passed), ("100 %", .passed)],
            hosts: (1...6).map { try host($0, phase: $0 == 1 ? 1 : $0 < 4 ? 2 : 3, outcome: .succeeded) })
    }

    static let log = """
        2026-11-21T10:12:05Z web-service 3.0 listens on 127.0.0.1:8103
        2026-11-21T10:12:05Z GET /healthz
        Traceback (most recent call last):
          File "bin/serve", line 41, in do_GET
            currency = os.environ["SETTLEMENT_CURRENCY"]
        KeyError: 'SETTLEMENT_CURRENCY'
        2026-11-21T10:12:05Z GET /healthz -> 500
        """

    func fleet() throws -> [HostView] {
        try (1...6).map { number in
            HostView(
                id: try hostID(number), environment: try EnvironmentName("staging"),
                labels: ["role": "web", "zone": number < 4 ? "a" : "b"], delivery: number > 4 ? .pull : .push,
                contact: number == 6 ? .offline : .online, lastContactAt: start, agentVersion: "0.1.0",
                products: [
                    HostProductView(
                        product: try ProductName("web-service"), wanted: try ReleaseVersion("3.0.1"),
                        running: try ReleaseVersion(number == 1 ? "3.0.1" : "2.0"), manifest: nil,
                        isHealthy: number != 4,
                        rollout: nil)
                ])
        }
    }

    /// A large rollout with every kind of host.
    func large(_ count: Int) throws -> RolloutView {
        let outcomes: [HostOutcome?] = [
            .failed(.health), .backedOut(.hook), .offline, .skipped("clock"), .backOutFailed, nil,
        ]
        let hosts = try (1...count).map { number -> RolloutHostView in
            let phase = number <= 1 ? 1 : number <= count / 10 ? 2 : number <= count / 2 ? 3 : 4
            if phase == 4 { return try host(number, phase: phase, isOrdered: false) }
            if number.isMultiple(of: 37) {
                return try host(number, phase: phase, outcome: outcomes[number % 6], step: .checking)
            }
            if phase == 3, number > count * 4 / 10 { return try host(number, phase: phase, step: .starting) }
            return try host(number, phase: phase, outcome: .succeeded)
        }
        return try rollout(
            9, version: "4.0", state: .halted, reason: "3 of 120 hosts failed, 2 may",
            phases: [("1 host", .passed), ("10 %", .passed), ("50 %", .running), ("100 %", .waiting)], hosts: hosts)
    }
}
