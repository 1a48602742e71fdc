import AgentProtocol
import ControllerAPI
import Effects
import ReleaseDefinition
import Testing
import X509

@testable import AgentLibrary
@testable import ControllerLibrary

/// The attacks of `EnrolmentAttacks` that use an identity: somebody else's, one that was taken away, one's own twice.
@Suite("Enrolment, by attack: identities")
struct IdentityAttacks: EnrolmentAttack {
    @Test("14: A host's certificate is no person's credential, a person's token no host's, at any route")
    func mixedUp() async throws {
        let test = try TestController()
        try await test.run { running in
            let host = try await TestHost.join(test, running)
            let asPerson = try host.client(test, running)
            let asHost = try TestClient(test, running, token: test.adminToken)
            try await storesNothing(running) {
                for route in ControllerRoutes.all(running.controller) {
                    let path = route.path.replacing("{id}", with: "web1").replacing("{product}", with: "web")
                        .replacing("{version}", with: "1.0")
                    switch route.access {
                    case .person:
                        let response = try await asPerson.send(route.method.rawValue, path, bytes: Array("{}".utf8))
                        expect(response, 401, "access.noToken")
                    case .host:
                        let response = try await asHost.send(route.method.rawValue, path, bytes: Array("{}".utf8))
                        expect(response, 401, "access.noCertificate")
                    case .anyone, nil: continue
                    }
                }
            }
            await asPerson.close()
            await asHost.close()
        }
    }

    @Test("15: A revoked and a retired host get no certificate, by neither way, and their keys make no host again")
    func revokedRenewal() async throws {
        let test = try TestController()
        try await test.run { running in
            let agents = [
                try await EnrolledAgent(test, running, join: test.invitation(running)),
                try await EnrolledAgent(test, running, join: test.invitation(running)),
            ]
            let why = HostReasonRequest(reason: "gone")
            _ = try await running.controller.revokeHost(agents[0].id, why, by: "person:admin")
            _ = try await running.controller.retireHost(agents[1].id, why, by: "person:admin")
            let token = try await TestHost.invite(test, running, uses: 2)
            try await storesNothing(running) {
                for (agent, code) in zip(agents, ["access.hostRevoked", "access.hostRetired"]) {
                    let error = await #expect(throws: AgentError.self) { try await agent.keeper.renew() }
                    #expect(error?.cause == "controller." + code)
                    let proof = try await Proof(agent, running).send(test, running)
                    expect(proof, 403, code)
                    let key = try SigningRequest.pem(keyPEM: agent.stored.keyPEM)
                    expect(try await attempt(test, running, token: token, request: key), 409, "conflict.hostKey")
                }
            }
            for agent in agents { await agent.end() }
        }
    }

    @Test("16: A report is of the host whose certificate came with it, whatever its text says")
    func reportForAnother() async throws {
        let test = try TestController()
        try await test.run { running in
            let one = try await TestHost.join(test, running, labels: ["name": "one"])
            let two = try await TestHost.join(test, running, labels: ["name": "two"])
            let client = try one.client(test, running)
            let inventory = HostInventory(agentVersion: "9", machineID: "m", delivery: .push, installed: [])
            let batch = try JSONCoding.value(
                of: HostReportBatch(reports: [
                    HostReport(sequence: 1, at: SystemTime().now(), body: .inventory(inventory))
                ]))
            let members = (batch.objectValue ?? []) + [JSONMember("host", .string("two"))]
            _ = try await client.send("POST", "/v1/agent/reports", bytes: JSONValue.object(members).wireBytes)
            #expect(await running.controller.state.hosts[two.id]?.lastReport == 0)
            let forged = try Proof(
                certificate: one.response.certificate, keyPEM: one.keyPEM, host: two.id,
                nonce: await running.controller.renewalNonce().nonce)
            try await storesNothing(running) {
                expect(try await forged.send(test, running), 401, "access.renewalProof")
            }
            await client.close()
        }
    }

    @Test("17: A renewal proof is good once, for its nonce, its certificate and its request alone")
    func replayedProof() async throws {
        let test = try TestController()
        try await test.run { running in
            let agent = try await EnrolledAgent(test, running, join: test.invitation(running))
            let thief = try await TestHost.join(test, running)
            let good = try await Proof(agent, running)
            #expect(try await good.send(test, running).status == 200)
            try await storesNothing(running) {
                expect(try await good.send(test, running), 401, "access.renewalNonce")
                var request = try await Proof(agent, running)
                request.proof.certificateSigningRequest = try SigningRequest.pem(keyPEM: thief.keyPEM)
                expect(try await request.send(test, running), 401, "access.renewalProof")
                var nonce = try await Proof(agent, running)
                nonce.proof.statement.nonce = await running.controller.renewalNonce().nonce
                expect(try await nonce.send(test, running), 401, "access.renewalProof")
                for made in ["", "0-0-0", "9999999999999-00-00"] {
                    let own = try Proof(
                        certificate: agent.stored.chain, keyPEM: agent.stored.keyPEM, host: agent.id, nonce: made)
                    expect(try await own.send(test, running), 401, "access.renewalNonce")
                }
                let others = try await Proof(
                    certificate: agent.stored.chain, keyPEM: thief.keyPEM, host: agent.id,
                    nonce: running.controller.renewalNonce().nonce)
                expect(try await others.send(test, running), 401, "access.renewalProof")
                var garbled = try await Proof(agent, running)
                garbled.proof.signature = "AAAA"
                expect(try await garbled.send(test, running), 401, "access.renewalProof")
            }
            await agent.end()
        }
    }

    @Test("18: A renewal for a key that is a host's already, its own or another's, is refused")
    func renewalForKnownKey() async throws {
        let test = try TestController()
        try await test.run { running in
            let one = try await TestHost.join(test, running)
            let two = try await TestHost.join(test, running)
            let client = try one.client(test, running)
            try await storesNothing(running) {
                for key in [one.keyPEM, two.keyPEM] {
                    let request = CertificateRequest(certificateSigningRequest: try SigningRequest.pem(keyPEM: key))
                    expect(try await client.post("/v1/agent/certificate", request), 409, "conflict.hostKey")
                }
            }
            await client.close()
        }
    }
}

/// A renewal proof as a host makes it, or as a thief would.
private struct Proof {
    var proof: RenewalProof

    init(certificate chain: String, keyPEM: String, host: HostID, nonce: String) throws {
        let facts = try StoredIdentity.Facts(chain: chain)
        let request = try SigningRequest.pem(keyPEM: KeyGeneration.ecdsaP256PrivateKeyPEM())
        let statement = RenewalStatement(
            nonce: nonce, host: host, certificate: facts.fingerprint,
            signingRequest: SHA256Digest(of: Array(request.utf8)))
        let signature = try Certificate.PrivateKey(pemEncoded: keyPEM)
            .sign(bytes: statement.signedBytes(), signatureAlgorithm: .ecdsaWithSHA256)
        proof = RenewalProof(
            statement: statement, certificate: facts.leafPEM, certificateSigningRequest: request,
            signature: signature.rawRepresentation)
    }

    init(_ agent: EnrolledAgent, _ running: TestController.Running) async throws {
        try self.init(
            certificate: agent.stored.chain, keyPEM: agent.stored.keyPEM, host: agent.id,
            nonce: await running.controller.renewalNonce().nonce)
    }

    func send(_ test: TestController, _ running: TestController.Running) async throws -> HTTPResponse {
        let client = try TestClient(test, running)
        let response = try await client.post("/v1/agent/renew", proof)
        await client.close()
        return response
    }
}
