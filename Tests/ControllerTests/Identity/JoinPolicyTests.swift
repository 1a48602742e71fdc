import AgentProtocol
import ControllerAPI
import Effects
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

@Suite("Join policies")
struct JoinPolicyTests {
    private func request(_ policy: String? = "web", names: String? = "web-*.eu", uses: Int = 3) throws
        -> InvitationRequest
    {
        InvitationRequest(
            environment: try EnvironmentName("staging"), labels: ["role": "web"], uses: uses, lifetime: .days(90),
            policy: policy, names: names)
    }

    private func join(
        _ test: TestController, _ running: TestController.Running, _ token: String, machine: String = "m"
    ) async throws -> HTTPResponse {
        let client = try TestClient(test, running)
        let text = try SigningRequest.pem(keyPEM: KeyGeneration.ecdsaP256PrivateKeyPEM())
        let response = try await client.post(
            "/v1/agent/join", JoinRequest(token: token, certificateSigningRequest: text, machineID: machine))
        await client.close()
        return response
    }

    @Test("Hosts join by a policy as often as it says, with its labels and names of its pattern, until it is revoked")
    func joins() async throws {
        let test = try TestController()
        try await test.run { running in
            let admin = try TestClient(test, running, token: test.adminToken)
            let made = try await admin.post("/v1/hosts/invitations", request())
            let token = try JoinString(made.json(InvitationView.self).join).token
            for _ in 1...2 {
                let joined = try await join(test, running, token).json(JoinResponse.self)
                #expect(joined.host.text.hasPrefix("web-") && joined.host.text.hasSuffix(".eu"))
                #expect(joined.labels == ["role": "web"])
            }
            let list = try await admin.send("GET", "/v1/hosts/invitations").json(ListView<InvitationRecordView>.self)
            let policy = try #require(list.items.first { $0.policy == "web" })
            #expect(policy.used == 2 && policy.uses == 3 && policy.isOpen)
            let again = try await admin.post("/v1/hosts/invitations", request())
            #expect(again.status == 409 && again.problemCode == "controller.conflict.policy")
            let revoked = try await admin.post(
                "/v1/hosts/invitations/web/revoke", HostReasonRequest(reason: "the image was lost"))
            #expect(try revoked.json(InvitationRecordView.self).isOpen == false)
            let late = try await join(test, running, token)
            #expect(late.status == 401 && late.problemCode == "controller.access.joinToken")
            #expect(try await admin.post("/v1/hosts/invitations", request()).status == 201, "the name is free again")
            await admin.close()
        }
        try await test.run { running in
            #expect(await running.controller.invitationViews().map(\.isOpen).sorted { $0 && !$1 } == [true, false])
        }
    }

    @Test("Of a token only its hash is kept: it is neither in the database nor in any answer but the first")
    func hashOnly() async throws {
        let test = try TestController()
        try await test.run { running in
            let admin = try TestClient(test, running, token: test.adminToken)
            let made = try await admin.post("/v1/hosts/invitations", request())
            let token = try JoinString(made.json(InvitationView.self).join).token
            let list = try await admin.send("GET", "/v1/hosts/invitations")
            #expect(!String(decoding: list.body, as: UTF8.self).contains(token))
            let folder = try Directory.open(test.folder.path)
            for name in ["events.sqlite", "events.sqlite-wal"] {
                let bytes = try folder.readIfPresent(name, sizeMax: ByteCount(64 << 20)) ?? []
                #expect(!String(decoding: bytes, as: UTF8.self).contains(token), "\(name)")
            }
            await admin.close()
        }
    }

    @Test("A machine that was revoked does not come back by the policy whose string it still has")
    func revokedMachine() async throws {
        let test = try TestController()
        try await test.run { running in
            let controller = running.controller
            let made = try await controller.invite(request(), by: "person:admin")
            let token = try JoinString(made.join).token
            let joined = try await join(test, running, token, machine: "stolen").json(JoinResponse.self)
            _ = try await controller.revokeHost(
                joined.host, HostReasonRequest(reason: "stolen"), by: "person:admin")
            let back = try await join(test, running, token, machine: "stolen")
            #expect(back.status == 403 && back.problemCode == "controller.access.revokedMachine")
            #expect(try await join(test, running, token, machine: "another").status == 200)
            // Somebody invites it by name: that is a decision.
            let invited = try await TestHost.invite(test, running)
            #expect(try await join(test, running, invited, machine: "stolen").status == 200)
        }
    }

    @Test(
        "A policy that is no policy is refused",
        arguments: [
            ("web", "web"), ("web", "*-*"), ("web", "we b-*"), (nil, "web-*"), ("a b", "web-*"), ("", "web-*"),
        ] as [(String?, String?)])
    func refused(policy: String?, names: String?) async throws {
        let test = try TestController()
        let controller = try Controller(directory: test.folder.path)
        await #expect(throws: ControllerError.self) {
            _ = try await controller.invite(request(policy, names: names), by: "person:admin")
        }
        await controller.close()
    }
}

@Suite("What fails inside")
struct InternalErrorTests {
    @Test("A caller without the right learns a code and a number, never a path of the controller's")
    func redacted() async throws {
        let test = try TestController()
        try await test.run { running in
            // In one step: the controller may be writing there.
            try Directory.open(test.folder.path).rename("repository", to: "gone")
            let client = try TestClient(test, running)
            let response = try await client.send("GET", "/repository/metadata/1.root.json")
            #expect(response.status == 500)
            let text = String(decoding: response.body, as: UTF8.self)
            #expect(!text.contains(test.folder.path) && !text.contains("/tmp"), "\(text)")
            let request = try #require(try JSONValue(parsing: response.body)["request"]?.stringValue)
            #expect(request.utf8.count == 16)
            #expect(response.problemCode?.hasPrefix("effects.file.") == true)
            await client.close()
        }
    }
}
