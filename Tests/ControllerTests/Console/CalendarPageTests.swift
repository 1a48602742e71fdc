import ControllerAPI
import Effects
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

@Suite("The console's calendar and approvals")
struct CalendarPageTests {
    @Test("Windows stand on the day they open, by their own clock and by UTC, also where the clock is changed")
    func windows() async throws {
        let test = try TestController(time: ManualTime(now: try UTCInstant("2026-10-21T10:00:00Z")))
        try await test.run { running in
            let admin = try TestClient(test, running, token: test.adminToken)
            let policy = """
                environments:
                  staging: { windows: [night] }
                windows:
                  night: { opens: "Sat 22:00", for: 8h, zone: Europe/Berlin }
                freezes:
                  - { from: "2026-11-02T00:00:00Z", until: "2026-11-04T00:00:00Z", reason: the fair }
                """
            let applied = try await admin.post("/v1/policy", PolicyRequest(text: policy, reason: "tests"))
            #expect(applied.status == 201, "\(applied.text)")
            let browser = try await TestBrowser.signIn(test.adminToken, admin)
            let html = try await browser.page("/console/calendar").text
            // Summer time ends in this night: it is nine hours long there, and the window eight.
            for row in [
                "<td>Sat 2026-10-24 22:00 Europe/Berlin</td><td class=\"moment\">2026-10-24 20:00:00 UTC</td><td class=\"moment\">2026-10-25 04:00:00 UTC</td><td>the clock is changed while it is open</td>",
                "<td>Sat 2026-10-31 22:00 Europe/Berlin</td><td class=\"moment\">2026-10-31 21:00:00 UTC</td>",
                "the fair",
            ] { #expect(html.contains(row), "\(row)") }
            let days = html.matches(of: /<td class="[a-z]*"(?: aria-current="date")?><time datetime="([-0-9]+)">/).map(
                \.output.1)
            #expect(days.count == 35 && days.first == "2026-10-19" && days.last == "2026-11-22")
            #expect(html.contains("class=\"today\" aria-current=\"date\"><time datetime=\"2026-10-21\""))
            // A freeze stands on each of its days.
            #expect(html.components(separatedBy: "entry e-freeze").count - 1 == 2 + 1)
            await admin.close()
        }
    }

    @Test("The proposals for an environment are in order with their reason, by both clocks, and leave freezes out")
    func proposals() async throws {
        let test = try TestController(time: ManualTime(now: try UTCInstant("2026-10-21T10:00:00Z")))
        try await test.run { running in
            let admin = try TestClient(test, running, token: test.adminToken)
            let policy = """
                environments:
                  staging: { windows: [night] }
                windows:
                  night: { opens: "Mon..Sun 22:00", for: 2h, zone: Europe/Berlin }
                freezes:
                  - { from: "2026-10-23T00:00:00Z", until: "2026-10-24T00:00:00Z", reason: the fair }
                busy:
                  - { from: "Wed 22:00", for: 2h, zone: Europe/Berlin, reason: month end }
                """
            let applied = try await admin.post("/v1/policy", PolicyRequest(text: policy, reason: "tests"))
            #expect(applied.status == 201, "\(applied.text)")
            let browser = try await TestBrowser.signIn(test.adminToken, admin)
            let calendar = try await browser.page("/console/calendar").text
            #expect(calendar.contains(#"<a href="/console/calendar/staging">staging</a>"#))
            func starts(_ html: String) -> [String] {
                html.matches(of: /<td>([A-Z][a-z]{2} [-0-9]{10} [:0-9]{5}) Europe\/Berlin<\/td>/).map {
                    String($0.output.1)
                }
            }
            let html = try await browser.page("/console/calendar/staging?takes=2h").text
            // Wednesdays are busy and come last; the Friday is frozen.
            #expect(
                starts(html) == [
                    "Thu 2026-10-22 22:00", "Sat 2026-10-24 22:00", "Sun 2026-10-25 22:00", "Mon 2026-10-26 22:00",
                    "Tue 2026-10-27 22:00",
                ], "\(html)")
            for words in [
                #"<td class="moment">2026-10-22 20:00:00 UTC</td><td class="moment">2026-10-22 22:00:00 UTC</td>"#,
                "no busy time; nothing else is to be there",
                "slipway rollout start rollout.yaml --environment staging",
            ] { #expect(html.contains(words), "\(words): \(html)") }
            #expect(html.contains(#" aria-current="page">takes 2h</a>"#))
            #expect(html.components(separatedBy: "aria-current=\"page\">takes").count == 2)
            // Of a short one's many starts in one night the best: five nights to choose from.
            #expect(starts(try await browser.page("/console/calendar/staging?takes=15m").text) == starts(html))
            // What lasts longer than every window has no date, and is told why.
            let long = try await browser.page("/console/calendar/staging?takes=4h").text
            #expect(starts(long).isEmpty && long.contains("no window leaves 4h free within 14d"))
            #expect(try await browser.page("/console/calendar/nowhere").status == 404)
            // A freeze that nobody has lifted has no end: it stands beside the dates.
            let form = "environment=staging&reason=fire"
            #expect(try await browser.post("/console/freezes", form).status == 303)
            let frozen = try await browser.page("/console/calendar/staging?takes=2h").text
            #expect(starts(frozen) == starts(html) && frozen.contains("freeze f1 holds, unless it is lifted"))
            #expect(frozen.contains("slipway freeze lift f1 --reason REASON"))
            await admin.close()
        }
    }

    @Test("What waits for signatures says who has not signed, what it would change, and the command")
    func approvals() async throws {
        let people = try TestPeople()
        try await people.run { running, admin in
            let browser = try await TestBrowser.signIn(people.test.adminToken, admin)
            #expect(try await browser.page("/console/approvals").text.contains("Nothing waits for anybody"))
            #expect(try await TestFleet.submit("1.0", by: admin).status == 201)
            let html = try await browser.page("/console/approvals").text
            for words in [
                "slipway release approve web@1.0 --environment staging --key-file FILE", "approver-1, approver-2",
                "It is the first release of web in staging: web to /opt/web.", "staging-web 0 of 2",
            ] { #expect(html.contains(words), "\(words): \(html)") }
            // A yes is never given here.
            #expect(!html.contains("class=\"act "))
            await admin.close()
        }
    }

    @Test("The difference to what runs is in words: what is new, changed, gone, the same")
    func difference() throws {
        func release(_ version: String, _ units: [(String, String)]) throws -> ReleaseView {
            ReleaseView(
                release: try ReleaseName("web@\(version)"), manifest: SHA256Digest(of: Array(version.utf8)),
                category: .minor, summary: "", owner: "o", submittedAt: try UTCInstant("2026-10-21T10:00:00Z"),
                submittedBy: "p",
                units: try units.map { name, content in
                    ReleaseUnitView(
                        name: try UnitName(name), installTo: "/opt/\(name)", files: 3, size: ByteCount(2048),
                        payload: SHA256Digest(of: Array(content.utf8)))
                }, environments: [])
        }
        let old = try release("1.0", [("server", "a"), ("pages", "b"), ("tools", "c")])
        let new = try release("1.1", [("server", "x"), ("pages", "b"), ("jobs", "d")])
        let staging = try EnvironmentName("staging")
        let words = ApprovalsPage.difference(new, from: old, on: 4, in: staging)
        #expect(
            words == [
                "web@1.0 runs there on 4 hosts.",
                "Changed: \(new.units[0].fileName), 3 paths and 2.0 KiB before, 3 paths and 2.0 KiB now.",
                "New: \(new.units[2].fileName) to /opt/jobs, 3 paths, 2.0 KiB.",
                "Gone: \(old.units[2].fileName) from /opt/tools.", "Unchanged: 1 unit.",
            ], "\(words)")
        #expect(ApprovalsPage.difference(old, from: old, on: 1, in: staging).last?.contains("byte for byte") == true)
    }
}
