import Effects
import ReleaseDefinition
import Testing

@testable import AgentLibrary
@testable import ControllerLibrary

@Suite("A controller that was away for five days")
struct LongAbsenceTests {
    /// Of a host with a certificate in force: half a minute of back-off, and what a busy machine adds.
    private static let streamMax: Int64 = 60_000
    /// A check interval and a fifth, twice where the first met a cache that was left behind.
    private static let pollMax = AbsentHost.checkInterval.milliseconds * 12 / 5
    /// Of a host without: until it has one.
    private static let renewalMax = RenewalPace.expiredMax.milliseconds + 60_000

    @Test("R43: 10 000 hosts come back unaided, at a bounded rate, and none installs what it should not")
    func tenThousand() async throws {
        let random = SeededRandom(seed: 2026)
        var absence = LongAbsence(try await AbsentFleet(random), random)
        try await absence.play()
        let fleet = absence.fleet
        var latest: [String: Int64] = [:]
        for (index, host) in fleet.hosts.enumerated() {
            guard let back = host.backAt else {
                Issue.record("\(host.id) is not back")
                continue
            }
            let max = host.delivery == .push ? Self.streamMax : Self.pollMax
            #expect(back <= max + (host.renewedAt == nil ? 0 : Self.renewalMax), "\(host.id)")
            #expect(host.renewedAt ?? 0 <= Self.renewalMax, "\(host.id)")
            #expect(host.installed == (index < AbsentFleet.waveSize ? [fleet.wanted] : []), "\(host.id)")
            let kind = (host.renewedAt == nil ? "" : "expired ") + host.delivery.rawValue
            latest[kind] = Swift.max(latest[kind] ?? 0, back)
        }
        // Everyone once in 15 s on average, as full jitter below half a minute has it; no second in which all come.
        let peak = absence.arrivals.values.max() ?? 0
        #expect(peak <= AbsentFleet.count / 10)
        #expect(absence.refusals["trust.timestamp.expired"] ?? 0 > 0, "nobody met old metadata")
        #expect(absence.renewedByProof > 100 && absence.renewedByConnection > 1000)
        print(
            """
            Back after five days, seed 2026: \(latest.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value / 1000) s" }),
            at most \(peak) arrivals a second, \(LongAbsence.capacity) of them taken; \(absence.renewedByProof) renewed by
            proof; refused on the way: \(absence.refusals.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" })
            """)
    }
}
