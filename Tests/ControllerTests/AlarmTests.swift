import ControllerAPI
import Effects
import ReleaseDefinition
import ReleaseTrust
import Testing

@testable import ControllerLibrary

@Suite("What somebody is told without asking")
struct AlarmTests {
    private func told(_ running: TestController.Running, _ role: String) async -> ExpiryLevel? {
        await running.controller.state.expiries[role]?.level
    }

    private func entries(_ running: TestController.Running) async throws -> [MetadataExpiring] {
        let path = await running.controller.folder.path(ControllerDirectory.databaseName)
        var found: [MetadataExpiring] = []
        let store = try SQLiteStore(path: path)
        try store.replay(
            event: { if case .metadataExpiring(let it) = $0.event { found.append(it) } }, report: { _ in })
        try store.close()
        return found
    }

    @Test("The end of metadata that people renew is told once at 30, 14 and 3 days and at the end, over restarts too")
    func thresholds() async throws {
        let people = try TestPeople()
        let end = try await people.run { running, client in
            try await people.approve("1.0", client: client)
            let survey = try await running.controller.repository.survey()
            let end = try #require(survey.first { $0.role == "staging-web" }?.expiresAt)
            let before: [(TimeSpan, ExpiryLevel?)] = [
                (.days(31), nil), (.days(30), .days30), (.days(20), .days30), (.days(14), .days14),
            ]
            for (left, level) in before {
                try await running.controller.noteExpiries(at: end - left)
                try await running.controller.noteExpiries(at: end - left)
                #expect(await told(running, "staging-web") == level, "\(left)")
            }
            return end
        }
        try await people.run { running, client in
            for (left, level) in [(TimeSpan.days(10), ExpiryLevel.days14), (.days(3), .days3), (.zero, .expired)] {
                try await running.controller.noteExpiries(at: end - left)
                #expect(await told(running, "staging-web") == level, "\(left)")
            }
            let levels = try await entries(running).filter { $0.role == "staging-web" }.map(\.level)
            #expect(levels == [.days30, .days14, .days3, .expired])
        }
    }

    @Test("A host's certificate that was not renewed is told once at 14 and 3 days and at its end, over restarts too")
    func certificates() async throws {
        let test = try TestController()
        let (host, end) = try await test.run { running in
            let host = try await TestHost.join(test, running, labels: ["name": "web-1"]).id
            let gone = try await TestHost.join(test, running, labels: ["name": "web-2"]).id
            let admin = try TestClient(test, running, token: test.adminToken)
            let retired = HostReasonRequest(reason: "gone")
            #expect(try await admin.post("/v1/hosts/\(gone)/retire", retired).status == 200)
            await admin.close()
            let controller = running.controller
            let end = try #require(await controller.state.hosts[host]?.identity.newest.notAfter)
            // It has 30 days, and renews when half of them are over.
            for left: TimeSpan in [.days(30), .days(15), .days(14), .days(4)] {
                try await controller.noteCertificates(at: end - left)
                try await controller.noteCertificates(at: end - left)
                let told = await controller.state.certificateExpiries[host]?.level
                #expect(told == (left > .days(14) ? nil : .days14), "\(left)")
            }
            #expect(await controller.certificateNotices(at: end - .days(15)).isEmpty)
            let notice = try #require(await controller.certificateNotices(at: end - .days(2)).first)
            #expect(notice.text == "1 host with a certificate that ends within 3d and was not renewed: web-1")
            return (host, end)
        }
        try await test.run { running in
            let before = await running.controller.store.sequence
            for left: TimeSpan in [.days(10), .days(3), .days(1), .zero, TimeSpan(milliseconds: -86_400_000)] {
                try await running.controller.noteCertificates(at: end - left)
            }
            let entries = try await running.controller.auditEntries(after: before, limit: 10)
            #expect(entries.map(\.action) == ["certificates.expiring", "certificates.expiring"])
            #expect(await running.controller.state.certificateExpiries[host]?.level == .expired)
        }
    }

    @Test("snapshot and timestamp are renewed long before their ends, by a clock that runs a fortnight")
    func renewedAhead() async throws {
        let time = ManualTime(now: SystemTime().now())
        let people = try TestPeople(time: time)
        try await people.run { running, _ in
            for _ in 0..<28 {
                time.advance(by: .hours(12))
                let now = time.now()
                try await eventually {
                    // It goes on while we look: who looked just before the half day passed looks again in an hour.
                    time.advance(by: .minutes(1))
                    let survey = try await running.controller.repository.survey()
                    let ends = survey.filter { ExpiryWarning.renewedByController.contains($0.role) }
                        .compactMap(\.expiresAt)
                    return ends.count == 2 && ends.allSatisfy { $0 > now + .hours(11) }
                }
            }
            // Nobody was bothered with what renews itself.
            let told = await running.controller.state.expiries
            #expect(told["snapshot"] == nil && told["timestamp"] == nil)
        }
    }

    @Test(
        "An emergency release is an alarm: an event, a sentence on the home page, a review that is owed until recorded")
    func emergency() async throws {
        let test = try TestController()
        try await test.run { running in
            var fleet = TestFleet(test)
            try await fleet.join(1, running)
            try await fleet.serving(running) { admin in
                _ = try await TestFleet.submit("1.0.1", by: admin)
                let request = EmergencyPushRequest(
                    release: try ReleaseName("web@1.0.1"), reason: "a leak", hosts: .all, change: "CHG-7",
                    environment: try EnvironmentName("staging"))
                let pushed = try await admin.post("/v1/emergency-pushes", request)
                #expect(pushed.status == 201)
                let id = try pushed.json(RolloutView.self).id
                let owed = try await admin.send("GET", "/v1/emergencies").json(ListView<EmergencyView>.self).items
                #expect(owed.map(\.rollout) == [id] && owed.first?.change == "CHG-7" && owed.first?.review == nil)
                #expect(owed.first?.reason == "a leak" && owed.first?.startedBy == "person:admin")
                let notice = try #require(await running.controller.notices().first)
                #expect(notice.text.contains("CHG-7") && notice.text.contains("by admin"), "\(notice)")
                let page = try await running.controller.consolePage(
                    of: ConsoleVisit(person: try #require(await running.controller.person(named: "admin"))))
                let html = String(decoding: page.render(try ConsoleTemplates()), as: UTF8.self)
                #expect(html.contains("Needs somebody") && html.contains("slipway release review \(id)"))
                let doctor = try await admin.send("GET", "/v1/doctor").json(DoctorReport.self)
                #expect(doctor.findings.first { $0.check == .reviews }?.level == .warning)

                let path = "/v1/emergencies/\(id)/review"
                let empty = try await admin.post(path, EmergencyReviewRequest(conclusion: " "))
                #expect(empty.problemCode == "controller.request.conclusion")
                let none = try await admin.post(
                    "/v1/emergencies/r99-0000/review", EmergencyReviewRequest(conclusion: "x"))
                #expect(none.status == 404)
                let done = try await admin.post(path, EmergencyReviewRequest(conclusion: "the pool was too small"))
                #expect(try done.json(EmergencyView.self).review?.conclusion == "the pool was too small")
                let again = try await admin.post(path, EmergencyReviewRequest(conclusion: "x"))
                #expect(again.problemCode == "controller.conflict.reviewed")
                #expect(await running.controller.notices().isEmpty)
            }
        }
        // It is in the log: nothing is owed after a restart either.
        try await test.run { running in
            #expect(
                await running.controller.emergencyViews().map { $0.review?.conclusion } == ["the pool was too small"])
        }
    }

    @Test("In the profile regulated who pushed an emergency does not review it; halting and backing out need no key")
    func regulated() async throws {
        let people = try TestPeople(.regulated)
        try await people.run { running, client in
            _ = try await TestHost.join(people.test, running, labels: [:])
            _ = try await TestFleet.submit("1.0.1", by: client)
            let request = EmergencyPushRequest(
                release: try ReleaseName("web@1.0.1"), reason: "a leak", hosts: .all, change: nil,
                environment: try EnvironmentName("staging"))
            // New code only with the emergency role.
            #expect(try await client.post("/v1/emergency-pushes", request).status == 423)
            #expect(await running.controller.emergencyViews().isEmpty)
            for name in ["emergency-1", "emergency-2"] {
                let change = try await TestPeople.candidate("web@1.0.1", "emergency", client: client)
                #expect(try await people.sign(change, by: name, client: client).status == 200)
            }
            let id = try await client.post("/v1/emergency-pushes", request).json(RolloutView.self).id
            let own = try await client.post("/v1/emergencies/\(id)/review", EmergencyReviewRequest(conclusion: "x"))
            #expect(own.problemCode == "controller.access.author")
            let verbs: [(String, RolloutVerbRequest)] = [
                ("halt", RolloutVerbRequest(reason: "a test")), ("back-out", RolloutVerbRequest(reason: "a test")),
            ]
            for (verb, body) in verbs {
                let answer = try await client.post("/v1/rollouts/\(id)/\(verb)", body)
                #expect(answer.status == 200, "\(verb): \(String(decoding: answer.body, as: UTF8.self))")
            }
        }
    }

    @Test("An authorisation ends when it says, and the rollout must then be authorised anew")
    func authorisationEnds() async throws {
        let time = ManualTime(now: SystemTime().now())
        let people = try TestPeople(.regulated, time: time)
        try await people.run { running, client in
            _ = try await TestHost.join(people.test, running, labels: [:])
            try await people.approve("1.0", client: client)
            let definition = try TestFleet.definition("1.0")
            let plan = try await client.post("/v1/rollouts/plans", definition).json(RolloutPlanView.self)
            func authorise(until: UTCInstant) async throws -> HTTPResponse {
                let consent = RolloutConsent(plan: plan.digest, validUntil: until)
                let envelope = try DSSEEnvelope.sign(
                    JSONCoding.canonicalBytes(of: consent), type: RolloutConsent.payloadType,
                    keys: [people.key("approver-1")])
                return try await client.post(
                    "/v1/rollouts/plans/\(plan.digest)/authorisations", RolloutAuthorisation(envelope: envelope.json))
            }
            let end = time.now() + .hours(2)
            #expect(try await authorise(until: end).json(RolloutPlanView.self).authorisedUntil == end)
            time.setNow(end)
            let late = try await client.startRollout(definition)
            #expect(late.problemCode == "controller.approval.authorisation")
            let stale = try await authorise(until: end)
            #expect(stale.problemCode == "controller.access.authorisation")
            #expect(try await authorise(until: end + .hours(1)).status == 200)
            time.setNow(end + .minutes(59))
            #expect(try await client.startRollout(definition).status == 201)
        }
    }

    @Test(
        "The authorisation of a rollout with windows ends with the window that opens next, whatever was signed",
        arguments: [true, false])
    func authorisationEndsWithWindow(isOfPolicy: Bool) async throws {
        let day = SystemTime().now().millisecondsSince1970 / 86_400_000 - 1
        let noon = UTCInstant(secondsSince1970: day * 86_400 + 43_200)
        let time = ManualTime(now: noon)
        let people = try TestPeople(.regulated, time: time)
        try await people.run { running, client in
            _ = try await TestHost.join(people.test, running, labels: [:])
            try await people.approve("1.0", client: client)
            var definition = try TestFleet.definition("1.0")
            if isOfPolicy {
                let policy = """
                    windows: { nights: { opens: "22:00", for: 2h, zone: UTC } }
                    environments: { staging: { windows: [nights] } }

                    """
                let applied = try await client.post("/v1/policy", PolicyRequest(text: policy, reason: "tests"))
                #expect(applied.status == 201, "\(String(decoding: applied.body, as: UTF8.self))")
            } else {
                definition.windows = [
                    MaintenanceWindow(opens: try CalendarExpression("22:00"), span: .hours(2), zone: "UTC")
                ]
            }
            let plan = try await client.post("/v1/rollouts/plans", definition).json(RolloutPlanView.self)
            let consent = RolloutConsent(plan: plan.digest, validUntil: noon + .days(6))
            let envelope = try DSSEEnvelope.sign(
                JSONCoding.canonicalBytes(of: consent), type: RolloutConsent.payloadType,
                keys: [people.key("approver-1")])
            let yes = try await client.post(
                "/v1/rollouts/plans/\(plan.digest)/authorisations", RolloutAuthorisation(envelope: envelope.json))
            let end = try #require(try yes.json(RolloutPlanView.self).authorisedUntil)
            #expect(end > noon + .hours(10) && end <= noon + .hours(12))
            // In the window after that one the policy lets it start, and nobody has authorised it.
            time.setNow(isOfPolicy ? end + .hours(23) : end)
            let late = try await client.startRollout(definition)
            #expect(late.problemCode == "controller.approval.authorisation")
            time.setNow(end - .seconds(1))
            #expect(try await client.startRollout(definition).status == 201)
        }
    }

    @Test("The authorisation of a person who is no approver any more, or has another key now, does not count")
    func authorisationOfFormerApprover() async throws {
        let people = try TestPeople(.regulated)
        try await people.run { running, client in
            _ = try await TestHost.join(people.test, running, labels: [:])
            try await people.approve("1.0", client: client)
            let definition = try TestFleet.definition("1.0")
            let plan = try await client.post("/v1/rollouts/plans", definition).json(RolloutPlanView.self)
            func authorise(_ key: SigningKey) async throws -> RolloutPlanView {
                let consent = RolloutConsent(plan: plan.digest, validUntil: SystemTime().now() + .hours(2))
                let envelope = try DSSEEnvelope.sign(
                    JSONCoding.canonicalBytes(of: consent), type: RolloutConsent.payloadType, keys: [key])
                return try await client.post(
                    "/v1/rollouts/plans/\(plan.digest)/authorisations", RolloutAuthorisation(envelope: envelope.json)
                ).json(RolloutPlanView.self)
            }
            #expect(try await authorise(people.key("approver-1")).authorisedBy == ["approver-1"])
            let former = try people.key("approver-2"), present = try TestPeople.ownKey("approver-2")
            let holders = [
                KeyHolder(name: "approver-2", key: present.publicKey),
                KeyHolder(name: "approver-3", key: try people.key("approver-3").publicKey),
            ]
            func replace() async throws {
                let edit = RoleEdit.delegatedKeys(.init(approvers: RoleSigners(holders, threshold: 2)))
                let request = MetadataChangeRequest(edits: [try JSONCoding.value(of: edit)], reason: "a test")
                let list = try await client.post("/v1/keys/changes", request).json(ListView<MetadataChangeView>.self)
                let keys = try ["targets", "approver-3"].map(people.key) + [present]
                let signed = try await TestPeople.sign(try #require(list.items.first), with: keys, client: client)
                #expect(try signed.json(MetadataChangeView.self).state == .published)
            }
            #expect(try await authorise(former).authorisedBy == ["approver-1", "approver-2"])
            try await replace()
            let view = try await client.send("GET", "/v1/rollouts/plans/\(plan.digest)").json(RolloutPlanView.self)
            #expect(view.authorisedBy.isEmpty && view.authorisedUntil == nil)
            let late = try await client.startRollout(definition)
            #expect(late.status == 423 && late.problemCode == "controller.approval.authorisation")
            #expect(try await authorise(present).authorisedBy == ["approver-2"])
            #expect(try await client.startRollout(definition).status == 201)
        }
    }
}
