import AgentProtocol
import ControllerAPI
import Effects
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

@Suite("Requests that are sent twice")
struct IdempotencyTests {
    @Test("The same key with the same body does it once and answers alike; with another body it is refused")
    func once() async throws {
        let test = try TestController()
        try await test.run { running in
            let admin = try TestClient(test, running, token: test.adminToken)
            func grant(_ set: String, key: String?) async throws -> HTTPResponse {
                let body = try JSONCoding.value(of: GrantRequest(person: "admin", set: set)).wireBytes
                let headers = key.map { [HTTPField(IdempotencyKeys.header, $0)] } ?? []
                return try await admin.send("POST", "/v1/grants", headers: headers, bytes: body)
            }
            func grants() async throws -> Int {
                try await admin.send("GET", "/v1/grants").json(ListView<GrantView>.self).items.count
            }
            let before = try await grants()
            let first = try await grant("viewer", key: "one")
            #expect(first.status == 201)
            let second = try await grant("viewer", key: "one")
            #expect(second.status == 201 && second.body == first.body)
            #expect(try await grants() == before + 1)
            let other = try await grant("builder", key: "one")
            #expect(other.status == 422 && other.problemCode == "controller.request.idempotencyKey")
            #expect(try await grants() == before + 1)
            #expect(try await grant("nonsense", key: "two").status >= 400)
            #expect(try await grant("builder", key: "two").status == 201, "what was refused may be corrected")
            #expect(try await grant("viewer", key: String(repeating: "x", count: 256)).status == 400)
            await admin.close()
        }
    }

    @Test("What is shown once is made once: the same key again is told so, with another body it is refused")
    func secrets() async throws {
        let test = try TestController()
        try await test.run { running in
            let admin = try TestClient(test, running, token: test.adminToken)
            func invite(_ uses: Int, key: String) async throws -> HTTPResponse {
                let invitation = InvitationRequest(environment: try EnvironmentName("staging"), uses: uses)
                return try await admin.send(
                    "POST", "/v1/hosts/invitations", headers: [HTTPField(IdempotencyKeys.header, key)],
                    bytes: JSONCoding.value(of: invitation).wireBytes)
            }
            #expect(try await invite(1, key: "one").status == 201)
            let second = try await invite(1, key: "one")
            #expect(second.status == 409 && second.problemCode == "controller.conflict.idempotencyKey")
            #expect(try second.json(Problem.self).detail.contains("shown once"))
            let other = try await invite(2, key: "one")
            #expect(other.status == 422 && other.problemCode == "controller.request.idempotencyKey")
            #expect(try await invite(2, key: "two").status == 201)
            // Also where nothing else is written down for it than that it was asked.
            #expect(try await TestFleet.submit("1.0", by: admin).status == 201)
            func link(key: String) async throws -> Int {
                let body = try JSONCoding.value(of: FeedbackLinkRequest()).wireBytes
                return try await admin.send(
                    "POST", "/v1/releases/web/1.0/feedback-links", headers: [HTTPField(IdempotencyKeys.header, key)],
                    bytes: body
                ).status
            }
            #expect(try await [link(key: "a"), link(key: "b"), link(key: "b")] == [201, 201, 409])
            await admin.close()
        }
    }

    @Test("Of two people who looked at the same policy, the first changes it and the second hears that it was changed")
    func changedMeanwhile() async throws {
        let test = try TestController()
        try await test.run { running in
            let admin = try TestClient(test, running, token: test.adminToken)
            func apply(_ reason: String, _ match: String?) async throws -> HTTPResponse {
                let text = "numbering: { major: N.0 }\n# \(reason)\n"
                let headers = match.map { [HTTPField("If-Match", $0)] } ?? []
                let body = try JSONCoding.value(of: PolicyRequest(text: text, reason: reason)).wireBytes
                return try await admin.send("POST", "/v1/policy", headers: headers, bytes: body)
            }
            #expect(try await apply("none is there", "*").problemCode == "controller.conflict.changed")
            #expect(try await apply("first", nil).status == 201)
            let tag = try #require(try await admin.send("GET", "/v1/policy").head["ETag"])
            #expect(try await apply("second", "\"x\", \(tag)").status == 201)
            let late = try await apply("third", tag)
            #expect(late.status == 412 && late.problemCode == "controller.conflict.changed")
            #expect(try await admin.send("GET", "/v1/policy").json(PolicyView.self).version == 2)
            // Who does not ask is not held up.
            #expect(try await apply("third", nil).status == 201)
            await admin.close()
        }
    }

    @Test("A release's plan that somebody changed meanwhile is not written over where If-Match says which it was")
    func changedPlan() async throws {
        let test = try TestController()
        try await test.run { running in
            let admin = try TestClient(test, running, token: test.adminToken)
            try #require(try await TestFleet.submit("1.0", by: admin).status == 201)
            let tag = try #require(try await admin.send("GET", "/v1/releases/web/1.0/lifecycle").head["ETag"])
            // Nothing happened, so it is the same a second time.
            #expect(try await admin.send("GET", "/v1/releases/web/1.0/lifecycle").head["ETag"] == tag)
            let other = DeviationRequest(kind: .issue, text: "a light blinks", owner: "ann")
            #expect(try await admin.post("/v1/releases/web/1.0/deviations", other).status == 201)
            let body = try JSONCoding.value(of: ReleasePlanRequest(text: "")).wireBytes
            let late = try await admin.send(
                "POST", "/v1/releases/web/1.0/plan", headers: [HTTPField("If-Match", tag)], bytes: body)
            #expect(late.status == 412 && late.problemCode == "controller.conflict.changed")
            await admin.close()
        }
    }

    @Test("Whatever is changed: where If-Match says another than its GET shows, nothing is done")
    func everyThing() async throws {
        try await TestFleet.serving(1) { _, client, running in
            try #require(try await TestFleet.submit("1.0", by: client).status == 201)
            let view = try await TestFleet.rollOut(TestFleet.definition("1.0"), by: client)
            try #require(try await TestFleet.submit("1.1", by: client).status == 201)
            let plan = try await client.post("/v1/rollouts/plans", TestFleet.definition("1.1")).json(
                RolloutPlanView.self)
            try #require(
                try await client.post("/v1/policy", PolicyRequest(text: "numbering: { major: N.0 }\n", reason: "r"))
                    .status == 201)
            let rows = ControllerRoutes.all(running.controller).filter { ChangedThings.path(changedBy: $0) != nil }
            #expect(rows.count > 30)
            for route in rows {
                // In this profile no change waits for signatures.
                if route.path.hasPrefix("/v1/keys/changes") || route.path.hasSuffix("/approvals") { continue }
                let id = route.path.contains("rollouts") ? view.id.text : "host1"
                let path = route.path.replacing("{digest}", with: plan.digest.hex).replacing("{product}", with: "web")
                    .replacing("{version}", with: "1.0").replacing("/deviations/{id}", with: "/deviations/d1")
                    .replacing("{id}", with: id)
                let late = try await client.send(
                    "POST", path, headers: [HTTPField("If-Match", "\"x\"")],
                    bytes: Array(#"{"environment":"staging","reason":"r"}"#.utf8))
                #expect(late.status == 412 && late.problemCode == "controller.conflict.changed", "\(path)")
            }
            // Each GET that is named is one, and shows a tag.
            for path in Set(rows.compactMap { ChangedThings.path(changedBy: $0) }) {
                let table = try RouteTable(ControllerRoutes.all(running.controller))
                #expect(table.match(.get, path).route?.path == path, "\(path)")
            }
            let policy = try #require(try await client.send("GET", "/v1/policy").head["ETag"])
            let asked = try JSONCoding.value(of: PolicyRequest(text: "numbering: { major: N.0 }\n# 2\n", reason: "r"))
                .wireBytes
            #expect(
                try await client.send("POST", "/v1/policy", headers: [HTTPField("If-Match", policy)], bytes: asked)
                    .status == 201)
        }
    }

    @Test("A host's tag stays as it speaks, and moves with what people decide about it")
    func hostTag() async throws {
        try await TestFleet.serving(1) { fleet, client, running in
            let agent = fleet.agents[0]
            let path = "/v1/hosts/\(agent.host.id)"
            func look() async throws -> (view: HostView, tag: String) {
                let answer = try await client.send("GET", path)
                return (try answer.json(HostView.self), try #require(answer.head["ETag"]))
            }
            func mark(_ tag: String) async throws -> HTTPResponse {
                let body = try JSONCoding.value(of: HostMarkRequest(mark: .pinned, reason: "r")).wireBytes
                return try await client.send("POST", path + "/mark", headers: [HTTPField("If-Match", tag)], bytes: body)
            }
            let inventory = HostInventory(agentVersion: "1", machineID: "m", delivery: .push, installed: [])
            try await agent.say(.inventory(inventory), fleet.test, running)
            let first = try await look()
            try await agent.say(.inventory(inventory), fleet.test, running)
            let second = try await look()
            #expect(second.view.lastContactAt != first.view.lastContactAt && second.tag == first.tag)
            #expect(first.tag.hasPrefix("W/\""))
            // Who asks again is told of the contact, too.
            let again = try await client.send("GET", path, headers: [HTTPField("If-None-Match", first.tag)])
            #expect(again.status == 200)
            #expect(try await mark(first.tag).status == 200)
            #expect(try await look().tag != first.tag)
            let late = try await mark(first.tag)
            #expect(late.status == 412 && late.problemCode == "controller.conflict.changed")
            #expect(try await mark(try await look().tag).status != 412)
        }
    }

    @Test("Where nothing with a tag is changed, If-Match is refused and nothing is done")
    func untagged() async throws {
        try await TestFleet.serving(1) { fleet, client, _ in
            let freeze = try await client.post("/v1/freezes", FreezeRequest(reason: "stop")).json(FreezeView.self)
            let bodies = [
                ("/v1/freezes/\(freeze.id)/lift", #"{"reason":"r"}"#),
                ("/v1/emergencies/r1-0000/review", #"{"reason":"r"}"#),
                ("/v1/hosts/labels", #"{"hosts":["\#(fleet.agents[0].host.id)"],"set":{"zone":"b"},"remove":[]}"#),
                ("/v1/freezes", #"{"reason":"r"}"#),
            ]
            for (path, body) in bodies {
                let answer = try await client.send(
                    "POST", path, headers: [HTTPField("If-Match", "*")], bytes: Array(body.utf8))
                #expect(answer.status == 400 && answer.problemCode == "controller.request.ifMatch", "\(path)")
            }
            let freezes = try await client.send("GET", "/v1/freezes").json(ListView<FreezeView>.self).items
            #expect(freezes.map(\.isStanding) == [true])
            let host = try await client.send("GET", "/v1/hosts/\(fleet.agents[0].host.id)").json(HostView.self)
            #expect(host.labels["zone"] == nil)
        }
    }

    @Test("What is changed between the look at If-Match and the change itself is not written over")
    func between() async throws {
        let test = try TestController()
        try await test.run { running in
            let host = try await TestHost.join(test, running).id
            let controller = running.controller
            let shown: ChangeTerms.Shown = { try Responses.tag(of: $0.hostView(host)) }
            let tag = try Responses.tag(of: try await controller.hostView(host))
            let terms = ChangeTerms(ChangeCondition(tags: [tag]), shown: shown, request: nil)
            try await controller.check(terms)
            _ = try await controller.mark(host, HostMarkRequest(mark: .pinned, reason: "first"), by: "person:ann")
            await #expect(throws: ControllerError.self) {
                try await ChangeTerms.$current.withValue(terms) {
                    _ = try await controller.mark(
                        host, HostMarkRequest(mark: .maintenance, reason: "x"), by: "person:bob")
                }
            }
            #expect(try await controller.hostView(host).marks?.map(\.mark) == [.pinned])
            // Once it has made its change, or was answered, nothing is held against it.
            terms.close()
            try await ChangeTerms.$current.withValue(terms) {
                _ = try await controller.mark(host, HostMarkRequest(mark: .maintenance, reason: "x"), by: "person:bob")
            }
        }
    }

    @Test("What the caller has already is not sent again")
    func unchanged() async throws {
        let test = try TestController()
        try await test.run { running in
            let admin = try TestClient(test, running, token: test.adminToken)
            let first = try await admin.send("GET", "/v1/keys")
            let tag = try #require(first.head["ETag"])
            let again = try await admin.send("GET", "/v1/keys", headers: [HTTPField("If-None-Match", tag)])
            #expect(again.status == 304 && again.body.isEmpty)
            let stale = try await admin.send("GET", "/v1/keys", headers: [HTTPField("If-None-Match", "\"x\"")])
            #expect(stale.status == 200 && stale.body == first.body)
            await admin.close()
        }
    }
}
