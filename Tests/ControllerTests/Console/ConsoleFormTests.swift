import AgentProtocol
import ControllerAPI
import Effects
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

@Suite("The console's forms")
struct ConsoleFormTests {
    /// The pilot is watched for an hour: the rollout stands where nothing but a person moves it.
    private static let watched = RolloutStrategy.phased([
        PhaseDefinition(size: .count(1), bake: .hours(1)), PhaseDefinition(size: .percent(100)),
    ])

    private static func path(_ route: Route, _ id: RolloutID) -> String {
        route.path.replacing("{product}", with: "web").replacing("{version}", with: "1.0")
            .replacing(
                "{id}",
                with: route.path.contains("/hosts/") ? "host1" : route.path.contains("/rollouts/") ? id.text : "f1")
    }

    private static let fields = "reason=because+I+can&environment=staging&mark=pinned&hosts=host1"

    /// Three hosts, of which the first is being watched, and what its rollout is.
    private func withRollout(
        _ body: (RolloutID, TestFleet, TestClient, TestController.Running) async throws -> Void
    ) async throws {
        try await TestFleet.serving(3) { fleet, admin, running in
            #expect(try await TestFleet.submit("1.0", by: admin).status == 201)
            let started = try await admin.startRollout(TestFleet.definition("1.0", Self.watched))
            let id = try started.json(RolloutView.self).id
            try await eventually { fleet.agents.contains { $0.running != nil } }
            try await eventually {
                try await admin.send("GET", "/v1/rollouts/\(id)").json(RolloutView.self).phases[0].succeeded == 1
            }
            try await body(id, fleet, admin, running)
        }
    }

    @Test(
        "Every form is refused without a session, with another session's proof or none, from another site, and to whoever may not; nothing is done then"
    )
    func attacks() async throws {
        try await withRollout { id, fleet, admin, running in
            let controller = running.controller
            let forms = try ControllerServer(controller).table.routes.filter { $0.form != nil }
            #expect(forms.count == ConsoleForms.kinds.count, "a form has no row of the API")
            let client = try TestClient(fleet.test, running)
            let browser = try await TestBrowser.signIn(fleet.test.adminToken, client)
            let other = try await TestBrowser.signIn(fleet.test.adminToken, client)
            #expect(browser.proof != other.proof)
            let viewer = try await TestBrowser.signIn(
                try await TokenTests.person("vera", ["viewer"], admin).token, client)
            let before = try await controller.store.entries(after: 0, limit: 10_000).count
            func expect(
                _ status: Int, _ code: String, _ response: HTTPResponse, _ what: String, _ route: Route
            ) {
                #expect(response.status == status, "\(what): \(route.path)")
                #expect(response.header("Content-Type")?.hasPrefix("text/html") == true)
                #expect(response.header("Content-Security-Policy") == ConsoleResponses.contentSecurityPolicy)
                #expect(response.text.contains(code), "\(what): \(route.path): \(response.text)")
            }
            for route in forms {
                let path = Self.path(route, id)
                func post(_ proof: String? = nil, _ headers: HTTPField...) async throws -> HTTPResponse {
                    try await browser.post(path, Self.fields, proof: proof, headers: headers)
                }
                let own = HTTPField("Sec-Fetch-Site", "same-origin")
                let origin = HTTPField("Origin", "https://127.0.0.1:\(running.port)")
                let stranger = try await client.send(
                    "POST", path, headers: [TestBrowser.isForm, own],
                    bytes: Array("proof=\(browser.proof)&\(Self.fields)".utf8))
                expect(401, "name=\"token\"", stranger, "no session", route)
                expect(403, "access.formProof", try await post(other.proof, own), "another session's proof", route)
                expect(403, "access.formProof", try await post("", own), "no proof", route)
                for headers in [
                    [HTTPField("Sec-Fetch-Site", "cross-site")], [HTTPField("Sec-Fetch-Site", "same-site")],
                    [HTTPField("Origin", "https://127.0.0.1:1")], [own, HTTPField("Origin", "https://evil.example")],
                    [HTTPField("Sec-Fetch-Site", "none"), origin], [],
                ] {
                    let response = try await browser.post(path, Self.fields, headers: headers)
                    expect(403, "access.formOrigin", response, "\(headers)", route)
                }
                let powerless = try await viewer.post(path, Self.fields)
                expect(403, "access.permission", powerless, "a viewer", route)
                // The token itself is for the API: a form needs the session.
                expect(401, "name=\"token\"", try await admin.send("POST", path), "a token", route)
            }
            let acts = try await controller.store.entries(after: Int64(before), limit: 10_000)
            let noted = acts.compactMap { if case .personActed(let act) = $0.event { act } else { nil } }
            // Two wrong proofs, six wrong places and one without the right, each under the act that was tried.
            #expect(noted.count == 9 * forms.count && noted.allSatisfy { $0.decision == .refused })
            for (reason, count) in [("formProof", 2), ("formOrigin", 6), ("permission", 1)] {
                let found = noted.count { $0.reason == "controller.access.\(reason)" }
                #expect(found == count * forms.count, "\(reason)")
            }
            #expect(acts.count == noted.count, "\(acts.map(\.event.action))")
            await client.close()
        }
    }

    @Test("A session is ended by its own page alone")
    func signOut() async throws {
        let test = try TestController()
        try await test.run { running in
            let client = try TestClient(test, running)
            let browser = try await TestBrowser.signIn(test.adminToken, client)
            let other = try await TestBrowser.signIn(test.adminToken, client)
            #expect(try await browser.post("/console/sign-out", proof: other.proof).status == 403)
            #expect(try await browser.post("/console/sign-out", proof: "").status == 403)
            let foreign = [HTTPField("Sec-Fetch-Site", "cross-site")]
            #expect(try await browser.post("/console/sign-out", headers: foreign).status == 403)
            #expect(try await browser.page("/console/live").status == 200)
            #expect(try await browser.post("/console/sign-out").status == 303)
            #expect(try await browser.page("/console/live").status == 401)
            await client.close()
        }
    }

    @Test("A form does what the API does, with its entry in the log, and the page then says once what was done")
    func pausesAndResumes() async throws {
        try await withRollout { id, fleet, admin, running in
            let client = try TestClient(fleet.test, running)
            let browser = try await TestBrowser.signIn(fleet.test.adminToken, client)
            let page = "/console/rollouts/\(id)"
            func state() async throws -> RolloutState {
                try await admin.send("GET", "/v1/rollouts/\(id)").json(RolloutView.self).state
            }
            func offers(_ verb: RolloutVerb) async throws -> Bool {
                try await browser.page(page).text.contains("action=\"\(page)/\(verb.rawValue)\"")
            }
            #expect(try await offers(.pause))
            #expect(try await !offers(.resume))
            let paused = try await browser.post("\(page)/pause", "reason=lunch+%26+%3Cb%3Ecoffee%3C%2Fb%3E")
            #expect(paused.status == 303 && paused.header("Location") == page)
            #expect(try await state() == .paused)
            let view = try await admin.send("GET", "/v1/rollouts/\(id)").json(RolloutView.self)
            #expect(view.reason?.contains("lunch & <b>coffee</b>") == true)
            let next = try await browser.page(page).text
            #expect(next.contains("Paused: no new host starts") && next.contains("lunch &amp; &lt;b&gt;coffee"))
            #expect(try await !browser.page(page).text.contains("Paused: no new host starts"))
            let entries = try await running.controller.store.entries(after: 0, limit: 10_000)
            let acts = entries.compactMap { if case .personActed(let act) = $0.event { act } else { nil } }
            #expect(acts.last?.route == "POST /v1/rollouts/{id}/pause" && acts.last?.parameters == ["id": id.text])
            // What is refused says why, on the page that it is about.
            let unreasoned = try await browser.post("\(page)/resume", "reason=+")
            #expect(unreasoned.status == 400)
            #expect(unreasoned.text.contains("resume needs a reason") && unreasoned.text.contains("rollout-\(id)"))
            let unknown = try await browser.post("\(page)/skip", "reason=r&hosts=host9")
            #expect(unknown.status == 404 && unknown.text.contains("host host9 in rollout"))
            #expect(try await state() == .paused)
            #expect(try await browser.post("\(page)/resume", "reason=back").status == 303)
            #expect(try await state() == .running)
            #expect(try await browser.post("\(page)/skip", "reason=r&hosts=host2%2C+host3").status == 303)
            #expect(try await browser.post("\(page)/back-out", "reason=enough&scope=rollout").status == 303)
            #expect(try await TestFleet.end(of: id, admin).state == .backedOut)
            #expect(try await !offers(.pause))
            await client.close()
        }
    }

    @Test("Whoever may not sees no button, and whoever may elsewhere neither")
    func hiddenButtons() async throws {
        try await withRollout { id, fleet, admin, running in
            let client = try TestClient(fleet.test, running)
            for (name, set) in [("vera", "viewer"), ("bert", "builder"), ("olga", "operator")] {
                let token = try await TokenTests.person(name, ["viewer"], admin).token
                let elsewhere = GrantRequest(person: name, set: set, product: try ProductName("shop"))
                #expect(try await admin.post("/v1/grants", elsewhere).status == 201)
                let browser = try await TestBrowser.signIn(token, client)
                for path in ["/", "/console/rollouts/\(id)", "/console/hosts/host1", "/console/releases/web/1.0"] {
                    let page = try await browser.page(path)
                    #expect(page.status == 200 && !page.text.contains("class=\"act "), "\(name) \(path)")
                }
                let posted = try await browser.post("/console/rollouts/\(id)/pause", "reason=r")
                #expect(posted.status == 403, "\(name)")
                #expect(posted.text.contains(set == "operator" ? "access.scope" : "access.permission"))
            }
            let owner = try await TokenTests.person("oda", ["serviceOwner"], admin).token
            let browser = try await TestBrowser.signIn(owner, client)
            #expect(try await browser.page("/console/rollouts/\(id)").text.contains("id=\"act-pause-\(id)\""))
            // Hosts are another right.
            #expect(try await !browser.page("/console/hosts/host1").text.contains("class=\"act "))
            await client.close()
        }
    }

    @Test("Hosts, releases and the calendar are acted on as rollouts are")
    func others() async throws {
        try await withRollout { id, fleet, admin, running in
            let client = try TestClient(fleet.test, running)
            let browser = try await TestBrowser.signIn(fleet.test.adminToken, client)
            func marks() async throws -> [HostMarkKind] {
                try await admin.send("GET", "/v1/hosts/host2").json(HostView.self).marks?.map(\.mark) ?? []
            }
            let host = "/console/hosts/host2"
            #expect(try await browser.page(host).text.contains("action=\"\(host)/mark\""))
            #expect(try await browser.post("\(host)/mark", "mark=maintenance&reason=disk").status == 303)
            #expect(try await marks() == [.maintenance])
            #expect(try await browser.page(host).text.contains("action=\"\(host)/unmark\""))
            #expect(try await browser.post("\(host)/unmark", "mark=maintenance&reason=new+disk").status == 303)
            #expect(try await marks() == [])
            let unlocked = try await browser.post("\(host)/unlock", "reason=r")
            #expect(unlocked.status == 409 && unlocked.text.contains("not quarantined"))

            #expect(try await browser.post("/console/freezes", "reason=fire&environment=staging").status == 303)
            #expect(try await admin.send("GET", "/v1/rollouts/\(id)").json(RolloutView.self).state == .halted)
            let calendar = try await browser.page("/console/calendar").text
            #expect(calendar.contains("freeze: f1") && calendar.contains("action=\"/console/freezes/f1/lift\""))
            #expect(try await browser.post("/console/freezes/f1/lift", "reason=out").status == 303)
            #expect(try await !browser.page("/console/calendar").text.contains("freezes/f1/lift"))

            let release = "/console/releases/web/1.0"
            #expect(try await browser.page(release).text.contains("action=\"\(release)/revoke\""))
            #expect(try await browser.post("\(release)/revoke", "environment=staging&reason=bad").status == 303)
            #expect(try await !browser.page(release).text.contains("action=\"\(release)/revoke\""))
            #expect(try await browser.page("/console/releases").text.contains("Revoked in staging by"))
            #expect(try await browser.post("\(release)/withdraw", "environment=staging&reason=bad").status == 303)
            await client.close()
        }
    }

    @Test("A form that comes too often says on its page when it will be taken")
    func tooOften() async throws {
        let test = try TestController(time: ManualTime(now: SystemTime().now()))
        var rules = RateRules()
        rules.person = RateRule(burst: 3, perSecond: 1)
        try test.configure { $0.limits = rules }
        try await test.run { running in
            let client = try TestClient(test, running)
            let browser = try await TestBrowser.signIn(test.adminToken, client)
            var refused: HTTPResponse?
            for _ in 1...8 where refused == nil {
                let response = try await browser.post("/console/freezes", "reason=+")
                if response.status == 429 { refused = response }
            }
            let wait = try #require(refused?.header("Retry-After").flatMap { Int($0) })
            #expect((1...100).contains(wait) && refused?.text.contains("Not done.") == true)
            await client.close()
        }
    }

    @Test("A form that comes twice from one page is one act; a refused one, another page and other words are not")
    func twice() async throws {
        try await TestFleet.serving(1) { fleet, admin, running in
            let client = try TestClient(fleet.test, running)
            let browser = try await TestBrowser.signIn(fleet.test.adminToken, client)
            func page() async throws -> String {
                let text = try await browser.page("/console/calendar").text
                return String(try #require(text.firstMatch(of: /name="page" value="([0-9a-f]{16})"/)?.output.1))
            }
            func freezes() async throws -> Int {
                try await admin.send("GET", "/v1/freezes").json(ListView<FreezeView>.self).items.count
            }
            let first = try await page()
            let words = "environment=staging&reason=fire"
            let refused = try await browser.post("/console/freezes", "page=\(first)&environment=staging&reason=+")
            #expect(refused.status == 400)
            // Whose own address takes forms alone.
            #expect(refused.text.contains(#"<a href="/console/calendar">Reload</a>"#))
            // A double click on what is refused tells the refusal twice, and does nothing.
            async let no = browser.post("/console/freezes", "page=\(first)&environment=nowhere&reason=fire")
            async let noAgain = browser.post("/console/freezes", "page=\(first)&environment=nowhere&reason=fire")
            for answer in try await [no, noAgain] {
                #expect(answer.status >= 400 && answer.text.contains("Not done."), "\(answer.status)")
            }
            #expect(try await freezes() == 0)
            // At once, as a double click.
            async let one = browser.post("/console/freezes", "page=\(first)&\(words)")
            async let other = browser.post("/console/freezes", "page=\(first)&\(words)")
            #expect(try await [one.status, other.status] == [303, 303])
            #expect(try await freezes() == 1)
            #expect(try await browser.page("/console/calendar").text.contains("id=\"told\""))
            #expect(try await browser.post("/console/freezes", "page=\(first)&\(words)+2").status == 303)
            #expect(try await browser.post("/console/freezes", "page=\(page())&\(words)").status == 303)
            #expect(try await freezes() == 3)
            await client.close()
        }
    }
}
