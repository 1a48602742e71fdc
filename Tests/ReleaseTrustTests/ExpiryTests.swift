import ReleaseDefinition
import ReleaseTrust
import Testing

@Suite("Metadata that comes to its end")
struct ExpiryTests {
    private let end: UTCInstant

    init() throws { end = try UTCInstant("2026-11-21T10:00:00Z") }

    @Test(
        "Each level begins at its moment, and the most urgent counts",
        arguments: [
            (TimeSpan.days(30) + .milliseconds(1), ExpiryLevel?.none), (.days(30), .days30),
            (.days(14) + .milliseconds(1), .days30), (.days(14), .days14), (.days(3) + .milliseconds(1), .days14),
            (.days(3), .days3), (.milliseconds(1), .days3), (.zero, .expired), (.milliseconds(-1), .expired),
            (.days(-400), .expired),
        ])
    func levels(_ left: TimeSpan, _ level: ExpiryLevel?) {
        #expect(ExpiryLevel(expiresAt: end, at: end - left) == level)
    }

    @Test("Each role that needs somebody is named once; what the controller renews only when it could not")
    func roles() {
        func row(_ role: String, _ end: UTCInstant?) -> RoleSurvey {
            RoleSurvey(role: role, threshold: 1, signers: [], version: 1, expiresAt: end)
        }
        let survey = [
            row("root", end + .days(300)), row("targets", end + .days(20)), row("snapshot", end + .days(1)),
            row("timestamp", end), row("director", nil), row("staging-web", end + .days(2)),
            row("production-web", end - .days(1)),
        ]
        let warnings = survey.expiryWarnings(at: end)
        #expect(warnings.map(\.role) == ["targets", "timestamp", "staging-web", "production-web"])
        #expect(warnings.map(\.level) == [.days30, .expired, .days3, .expired])
        #expect(warnings[0].words == "expires within 30d: renew it with slipway keys renew targets")
        #expect(warnings[1].words.contains("by itself"))
    }
}
