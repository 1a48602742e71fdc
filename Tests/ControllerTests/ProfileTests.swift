import ControllerAPI
import Effects
import ReleaseDefinition
import ReleaseTrust
import Testing

@testable import ControllerLibrary

@Suite("Profiles are earned, not named")
struct ProfileTests {
    private func choose(_ profile: TrustProfile, _ client: TestClient) async throws -> HTTPResponse {
        try await client.post("/v1/keys/profile", ProfileRequest(profile: profile))
    }

    private func signers(_ names: [String], threshold: Int) throws -> RoleSigners {
        RoleSigners(
            try names.map { KeyHolder(name: $0, key: try TestPeople.ownKey($0).publicKey) }, threshold: threshold)
    }

    @Test("regulated is refused for a team's keys, with each promise that is not kept; what it names earns it")
    func regulatedOnTeam() async throws {
        let people = try TestPeople()
        try await people.run { running, client in
            let refused = try await choose(.regulated, client)
            #expect(refused.status == 409 && refused.problemCode == "controller.conflict.profile")
            let words = try refused.json(Problem.self).detail
            #expect(words.contains("2 promises"), "\(words)")
            #expect(words.contains("any one of the 2 root keys is enough"), "\(words)")
            #expect(words.contains("slipway keys rotate root --threshold 2"), "\(words)")
            #expect(words.contains("slipway keys rotate emergency"), "\(words)")
            #expect(await running.controller.profile == .team)

            let edits: [RoleEdit] = [
                .topKeys(.init(root: try signers(["r1", "r2", "r3"], threshold: 2))),
                .delegatedKeys(.init(emergency: try signers(["e1", "e2", "e3"], threshold: 2))),
            ]
            for edit in edits {
                let request = MetadataChangeRequest(edits: [try JSONCoding.value(of: edit)], reason: "a test")
                let list = try await client.post("/v1/keys/changes", request).json(ListView<MetadataChangeView>.self)
                let keys = try ["root-1", "targets"].map(people.key) + ["r1", "r2", "e1", "e2"].map(TestPeople.ownKey)
                let signed = try await TestPeople.sign(try #require(list.items.first), with: keys, client: client)
                #expect(try signed.json(MetadataChangeView.self).state == .published)
            }
            #expect(try await choose(.regulated, client).status == 200)
            #expect(await running.controller.profile == .regulated)
        }
    }

    @Test("A profile that was earned and is not any more says so, with every promise that is broken")
    func noLongerEarned() async throws {
        let people = try TestPeople()
        try await people.run { running, client in
            let view = try await client.send("GET", "/v1/keys").json(KeysView.self)
            #expect(view.unearned(.team).isEmpty)
            let alone = RoleEdit.delegatedKeys(.init(approvers: try signers(["a1"], threshold: 1)))
            let request = MetadataChangeRequest(edits: [try JSONCoding.value(of: alone)], reason: "a test")
            let list = try await client.post("/v1/keys/changes", request).json(ListView<MetadataChangeView>.self)
            let keys = [try people.key("targets"), try TestPeople.ownKey("a1")]
            _ = try await TestPeople.sign(try #require(list.items.first), with: keys, client: client)
            let after = try await client.send("GET", "/v1/keys").json(KeysView.self)
            #expect(after.unearned(.team).map(\.claim) == ["No release is approved by one person alone."])
            let doctor = try await client.send("GET", "/v1/doctor").json(DoctorReport.self)
            let finding = try #require(doctor.findings.first { $0.check == .profile })
            #expect(finding.level == .problem && finding.remedy?.contains("keys rotate releases") == true)
        }
    }

    @Test("A profile is not begun with people who do not earn it")
    func initialisation() throws {
        func refusal(_ profile: TrustProfile, _ edit: (inout KeyPlan) throws -> Void) throws -> String? {
            do {
                _ = try TestPeople(profile, edit: edit)
                return nil
            } catch let error as ControllerError { return error.code }
        }
        #expect(try refusal(.team) { $0.threshold = 1 } == "controller.setup.approvers")
        #expect(try refusal(.regulated) { $0.threshold = 1 } == "controller.setup.approvers")
        let holders = try signers(["a", "b", "c"], threshold: 2).holders
        #expect(
            try refusal(.regulated) {
                $0.approvers = holders
                $0.emergency = Array(holders.prefix(2))
            } == "controller.setup.emergency")
        #expect(try refusal(.team) { $0.approvers = holders } == nil)
    }

    @Test("A person has one name and one key among the signers, checked before anything is written")
    func onePerson() async throws {
        let keys = try ["a", "b", "c"].map { try TestPeople.ownKey($0).publicKey }
        func holders(_ names: [String], _ keys: [PublicKey]) -> [KeyHolder] {
            zip(names, keys).map { KeyHolder(name: $0, key: $1) }
        }
        let crooked = [
            (holders(["ann", "ann", "bob"], keys), "trust.writer.keyTwice"),
            (holders(["ann", "bob", "eve"], [keys[0], keys[0], keys[1]]), "trust.writer.keyTwice"),
            (holders(["ann", "Ann", "bob"], keys), "controller.request.person"),
            (holders(["ann", "bob", "ann\u{200B}"], keys), "controller.request.person"),
        ]
        for (people, code) in crooked {
            let offline = try TemporaryFolder()
            let made = try TemporaryFolder()
            var plan = KeyPlan(profile: .team, offlineFolder: offline.path)
            plan.approvers = people
            let setup = try Initialisation(
                listen: "127.0.0.1:0", profile: "team", environments: "staging", keyPlan: plan, database: nil)
            #expect { try setup.perform(in: made.path) } throws: { ($0 as? any ReportableError)?.code == code }
            #expect(try Directory.open(offline.path).list().isEmpty && Directory.open(made.path).list().isEmpty)
        }
        let people = try TestPeople()
        try await people.run { running, client in
            let edit = RoleEdit.delegatedKeys(
                .init(approvers: RoleSigners(holders(["ann", "Ann", "bob"], keys), threshold: 2)))
            let request = MetadataChangeRequest(edits: [try JSONCoding.value(of: edit)], reason: "a test")
            #expect(try await client.post("/v1/keys/changes", request).problemCode == "controller.request.person")
            #expect(await running.controller.state.openChanges.isEmpty)
        }
    }
}

@Suite("The doctor")
struct DoctorTests {
    private func report(_ client: TestClient) async throws -> DoctorReport {
        try await client.send("GET", "/v1/doctor").json(DoctorReport.self)
    }

    @Test("A healthy controller has no problem, and every check has been made")
    func healthy() async throws {
        try await TestPeople().run { _, client in
            let report = try await report(client)
            #expect(!report.hasProblem, "\(report.findings)")
            let made = Set(report.findings.map(\.check))
            #expect(made == Set(DoctorFinding.Check.allCases).subtracting([.controller]))
        }
    }

    @Test("Found: a person's key on the controller, a key that others can read, a lost file of the repository")
    func findings() async throws {
        let people = try TestPeople()
        try await people.run { running, client in
            try await people.approve("1.0", client: client)
            let folder = running.controller.folder.directory
            let pem = try Directory.open(people.offline.path).read("approver-1.pem", sizeMax: ByteCount(10_000))
            try folder.writeDurably("keys/releases-1.pem", pem, mode: 0o644)
            let metadata = "repository/metadata/1.staging-web.json"
            try folder.removeFile(metadata)
            let manifest = try await client.send("GET", "/v1/releases/web/1.0").json(ReleaseView.self).manifest
            try folder.removeFile("repository/blobs/\(manifest.hex)")
            let report = try await report(client)
            #expect(report.hasProblem)
            let problems = report.findings.filter { $0.level == .problem }
            #expect(problems.filter { $0.check == .keys }.count == 2, "\(problems)")
            let repository = try #require(problems.first { $0.check == .repository })
            #expect(repository.summary.contains("metadata/1.staging-web.json"), "\(repository)")
            #expect(repository.summary.contains(manifest.hex), "\(repository)")
            #expect(problems.allSatisfy { $0.remedy != nil })
        }
    }

    @Test("A clock that was set back behind the log is found")
    func clock() async throws {
        let time = ManualTime(now: SystemTime().now())
        let test = try TestController(time: time)
        try await test.run { running in
            let client = try TestClient(test, running, token: test.adminToken)
            time.setNow(time.now() - .days(2))
            let report = try await report(client)
            #expect(report.findings.first { $0.check == .clock }?.level == .problem)
            await client.close()
        }
    }
}
