import ControllerAPI
import Effects
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

@Suite("The console's pages of releases and measures")
struct RecordPageTests {
    private static let base = LifecycleTests.base

    /// A release with a plan, a document and some evidence; the body gets a session's pages.
    private func withPages(_ body: (TestClient, (String) async throws -> String) async throws -> Void) async throws {
        let test = try TestController()
        try await test.run { running in
            let client = try TestClient(test, running, token: test.adminToken)
            #expect(
                try await client.post(Self.base + "/plan", ReleasePlanRequest(text: LifecycleTests.plan("1.1"))).status
                    == 200)
            let archive = try TestFleet.archive(version: "1.1") {
                $0 + "\ndocuments: [files/serve]\n"
            }
            let submitted = try await client.send(
                "POST", "/v1/releases?environment=staging",
                headers: [HTTPField("Content-Type", ReleaseSubmissionType.sourceArchive.rawValue)], bytes: archive)
            #expect(submitted.status == 201, "\(String(decoding: submitted.body, as: UTF8.self))")
            let browser = try TestClient(test, running)
            let form = [HTTPField("Content-Type", "application/x-www-form-urlencoded")]
            let signedIn = try await browser.send(
                "POST", "/console/sign-in", headers: form, bytes: Array("token=\(test.adminToken)".utf8))
            let cookie = try #require(signedIn.header("Set-Cookie")?.split(separator: ";").first)
            try await body(client) { path in
                let page = try await browser.send("GET", path, headers: [HTTPField("Cookie", String(cookie))])
                #expect(page.status == 200, "\(path)")
                return String(decoding: page.body, as: UTF8.self)
            }
            let stranger = try await browser.send("GET", "/console/releases/web/1.1")
            #expect(String(decoding: stranger.body, as: UTF8.self).contains("name=\"token\""))
            await browser.close()
            await client.close()
        }
    }

    @Test("A release's page shows the checklist with what is missing, its documents, deviations and its review")
    func release() async throws {
        try await withPages { client, page in
            let hostile = DeviationRequest(kind: .issue, text: "<script>x</script>", owner: "ann")
            #expect(try await client.post(Self.base + "/deviations", hostile).status == 201)
            #expect(try await page("/console/releases").contains("href=\"/console/releases/web/1.1\""))
            let text = try await page("/console/releases/web/1.1")
            for words in ["Test results", "slipway release evidence add web@1.1 --kind tests", "d1", "lead time"] {
                #expect(text.contains(words), "\(words)")
            }
            // Asked for by the next stage and by the checklist.
            let remedy = "<code>slipway release evidence add web@1.1 --kind tests"
            #expect(text.components(separatedBy: remedy).count == 2, "a remedy is said once")
            #expect(!text.contains("<script>x") && text.contains("&lt;script&gt;x"))
            #expect(text.contains("href=\"/console/releases/web/1.1/documents/files/serve\""))
            #expect(try await page("/console/releases/web/1.1/documents/files/serve").contains("#!/bin/sh"))
            let list = try await client.send("GET", Self.base + "/documents").json(ListView<ReleaseDocumentView>.self)
            #expect(list.items.map(\.path) == ["files/serve"])
            let raw = try await client.send("GET", Self.base + "/document/files/serve")
            #expect(String(decoding: raw.body, as: UTF8.self).hasPrefix("#!/bin/sh"))
            #expect(try await client.send("GET", Self.base + "/document/..%2f..%2fkeys").status == 404)
        }
    }

    @Test(
        "The page has plan and people, needs and readiness of the hosts, the build, and what was carried by hand"
    )
    func tables() async throws {
        let test = try TestController()
        try await test.run { running in
            var fleet = TestFleet(test)
            try await fleet.join(2, running)
            let client = try TestClient(test, running, token: test.adminToken)
            let plan = LifecycleTests.plan("1.1").replacing(
                "approvals:", with: "roles: { releaseManager: [ann], serviceOwner: [cyd] }\napprovals:")
            let planned = try await client.post(Self.base + "/plan", ReleasePlanRequest(text: plan))
            #expect(planned.status == 200)
            let archive = try TestFleet.archive(version: "1.1") {
                $0 + "\nrequires: [{ product: ledger, version: \">=2.1\" }]\n"
            }
            #expect(try await TestFleet.submit(archive: archive, by: client).status == 201)
            let host = try #require(fleet.agents.first).host.id
            let export = ExportRequest(host: host, channel: nil, valid: .days(30))
            #expect(try await client.post(Self.base + "/export", export).status == 200)
            let person = try #require(await running.controller.person(token: test.adminToken))
            let name = try ReleaseName("web@1.1")
            let templates = try ConsoleTemplates()
            func page(_ page: RecordPage) -> String { String(decoding: page.render(templates), as: UTF8.self) }
            let text = try await page(running.controller.releasePage(name, for: person))
            for words in [
                "Changes", "CHG-1", "Who is who", "release manager", "cyd", "approves: board", "What it needs",
                "ledger",
                "0 of 2", "Are the hosts ready?", "0 of 2 hosts in staging", "reachability blocks", "How it was built",
                "date of every file", "Carried by hand", "host \(host)", "no receipt yet",
            ] { #expect(text.contains(words), "\(words)") }
            let grants = await page(running.controller.policyPage(for: person))
            #expect(grants.contains("Who may do what") && grants.contains("everywhere"))
            await client.close()
        }
    }

    @Test("Policy, freezes, configuration items, notifications and the log are pages, each with its table")
    func records() async throws {
        try await withPages { client, page in
            let policy = PolicyRequest(
                text: "environments: { staging: { strategies: [bigBang] } }\n", reason: "<b>tests</b>")
            _ = try await client.post("/v1/policy", policy)
            #expect(try await page("/console/policy").contains("slipway policy apply FILE") == false)
            #expect(try await page("/console/configuration").contains("service:web"))
            #expect(try await page("/console/configuration?kind=host").contains("service:web") == false)
            let log = try await page("/console/log")
            #expect(log.contains("lifecycle.planned") && log.contains("release:web@1.1"))
            #expect(log.contains("Notifications"))
            let release = try await page("/console/releases/web/1.1")
            #expect(release.contains("/opt/web") && release.contains("may be installed"))
        }
    }

    @Test("The measures have a chart each, drawn here, with its words for who cannot see it")
    func measures() async throws {
        try await withPages { _, page in
            let text = try await page("/console/measures")
            #expect(text.components(separatedBy: "<svg class=\"chart\"").count == 5)
            #expect(
                !text.contains("0.0 %") && text.contains("no data"), "of no rollouts none failed, and none succeeded")
            #expect(text.contains("Change failure rate") && !text.contains("<script"))
        }
        let start = UTCInstant(secondsSince1970: 1_780_000_000)
        let weekly = (0..<MeasureCharts.weeks).map { week in
            ReleaseMeasures(
                product: nil, from: start + .days(Int64(7 * week)), until: start + .days(Int64(7 * week + 7)),
                rollouts: 4, deployments: week, leadTimeToLastHost: week == 3 ? .hours(2) : nil, failures: 1,
                failuresPermille: 250)
        }
        let charts = MeasureCharts(totals: Array(weekly.prefix(1)), weekly: weekly, product: nil).model["charts"]
        let all = try #require(charts as? [[String: Any]])
        let bars = all.compactMap { $0["bars"] as? [[String: Any]] }
        #expect(bars.map(\.count) == [12, 1, 13, 0])
        #expect(bars[0].last?["height"] as? String == "100.00")
        #expect((all[1]["summary"] as? String)?.contains("2h") == true)
    }
}
