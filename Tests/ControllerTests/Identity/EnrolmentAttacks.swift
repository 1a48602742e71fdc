import AgentProtocol
import ControllerAPI
import Effects
import ReleaseDefinition
import Testing
import X509

@testable import AgentLibrary
@testable import ControllerLibrary

/// What somebody without the right may try on the way to a host's certificate. Each refusal: a status and a code, never a
/// 500, and nothing in the log.
@Suite("Enrolment, by attack")
struct EnrolmentAttacks {
    private func attempt(
        _ test: TestController, _ running: TestController.Running, token: String, request: String? = nil
    ) async throws -> HTTPResponse {
        let text = try request ?? SigningRequest.pem(keyPEM: KeyGeneration.ecdsaP256PrivateKeyPEM())
        let client = try TestClient(test, running)
        let response = try await client.post(
            "/v1/agent/join", JoinRequest(token: token, certificateSigningRequest: text, machineID: "m"))
        await client.close()
        return response
    }

    /// The body, in which nothing may reach the log.
    private func storesNothing<Value>(
        _ running: TestController.Running, location: SourceLocation = #_sourceLocation,
        _ body: () async throws -> Value
    ) async throws -> Value {
        let before = try await running.controller.checkReadiness()
        let value = try await body()
        let after = try await running.controller.checkReadiness()
        #expect(before == after, "something was stored", sourceLocation: location)
        return value
    }

    private func expect(
        _ response: HTTPResponse, _ status: Int, _ code: String, location: SourceLocation = #_sourceLocation
    ) {
        #expect(response.status == status, sourceLocation: location)
        #expect(response.problemCode == "controller." + code, sourceLocation: location)
    }

    // MARK: 1–5, tokens

    @Test("1, 2: A token that was used, or has expired, lets nobody in")
    func usedAndExpired() async throws {
        let time = ManualTime(now: SystemTime().now())
        let test = try TestController(time: time)
        try await test.run { running in
            let used = try await TestHost.invite(test, running)
            #expect(try await attempt(test, running, token: used).status == 200)
            let expired = try await TestHost.invite(test, running)
            time.setNow(time.now() + .minutes(11))
            for token in [used, expired] {
                let response = try await storesNothing(running) { try await attempt(test, running, token: token) }
                expect(response, 401, "access.joinToken")
            }
        }
    }

    @Test("3: A token for one host makes no other; a token of one controller is none of another's")
    func forAnotherHost() async throws {
        let test = try TestController()
        let other = try TestController()
        try await test.run { running in
            let token = try await TestHost.invite(test, running, labels: ["name": "web1"])
            let request = try SigningRequest.pem(
                keyPEM: KeyGeneration.ecdsaP256PrivateKeyPEM(), commonName: "web2",
                alternatives: [.uniformResourceIdentifier("slipway://host/web2")])
            let joined = try await attempt(test, running, token: token, request: request).json(JoinResponse.self)
            #expect(joined.host.text == "web1")
            try await other.run { otherRunning in
                let foreign = try await TestHost.invite(test, running)
                let response = try await storesNothing(otherRunning) {
                    try await attempt(other, otherRunning, token: foreign)
                }
                expect(response, 401, "access.joinToken")
            }
        }
    }

    @Test("4: A token with one bit changed is none; a join string with one changed enrols nobody")
    func oneBit() async throws {
        let test = try TestController()
        try await test.run { running in
            let token = try await TestHost.invite(test, running)
            try await storesNothing(running) {
                for position in stride(from: 0, to: 64, by: 7) {
                    var bytes = Array(token.utf8)
                    bytes[position] ^= 1
                    let changed = String(decoding: bytes, as: UTF8.self)
                    expect(try await attempt(test, running, token: changed), 401, "access.joinToken")
                }
            }
            let string = try await test.invitation(running).text
            for position in stride(from: 0, to: string.utf8.count, by: 11) {
                var bytes = Array(string.utf8)
                bytes[position] ^= 1
                guard var join = try? JoinString(String(decoding: bytes, as: UTF8.self)) else { continue }
                join.controller = "https://127.0.0.1:\(running.port)"
                let before = try await running.controller.checkReadiness()
                let changed = join
                if try await JoinString(string).token == changed.token,
                    try JoinString(string).authority == changed.authority, try JoinString(string).root == changed.root
                {
                    continue  // The bit was in the address, which was replaced.
                }
                await #expect(throws: (any Error).self, "bit at \(position)") {
                    _ = try await EnrolledAgent(test, running, join: changed)
                }
                // A root that does not fit is found out by the host: the token is spent then, and nothing else is.
                if try JoinString(string).root == changed.root {
                    #expect(try await running.controller.checkReadiness() == before)
                } else {
                    break
                }
            }
        }
    }

    @Test("5: Of two hosts at once with one token for one, one gets in")
    func race() async throws {
        let test = try TestController()
        try await test.run { running in
            for _ in 1...5 {
                let token = try await TestHost.invite(test, running)
                async let first = attempt(test, running, token: token).status
                async let second = attempt(test, running, token: token).status
                #expect(try await [first, second].sorted() == [200, 401])
            }
            #expect(await running.controller.state.hosts.count == 5)
        }
    }

    // MARK: 6–9, requests

    @Test(
        "6, 7, 8: Names, CA:TRUE, usages and further names that a request asks for are not in the certificate",
        arguments: [
            "subjectAltName=URI:slipway://host/admin,DNS:localhost,IP:127.0.0.1", "basicConstraints=critical,CA:TRUE",
            "extendedKeyUsage=serverAuth,codeSigning", "keyUsage=critical,keyCertSign,cRLSign",
        ])
    func asksForMore(_ extension: String) async throws {
        let test = try TestController()
        let request = try await OpenSSL.signingRequest(
            ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-addext", `extension`])
        try await test.run { running in
            let token = try await TestHost.invite(test, running, labels: ["name": "web7"])
            let joined = try await attempt(test, running, token: token, request: request).json(JoinResponse.self)
            let leaf = try Certificate(pemEncoded: StoredIdentity.Facts(chain: joined.certificate).leafPEM)
            let names = try #require(try leaf.extensions.subjectAlternativeNames)
            #expect(Array(names) == [.uniformResourceIdentifier("slipway://host/web7")])
            let constraints = try leaf.extensions.basicConstraints
            #expect(constraints == .notCertificateAuthority)
            let usage = try leaf.extensions.keyUsage
            #expect(usage == KeyUsage(digitalSignature: true))
            let purposes = try #require(try leaf.extensions.extendedKeyUsage)
            #expect(Array(purposes) == [.clientAuth])
            let subject = try DistinguishedName { CommonName("web7") }
            #expect(leaf.subject == subject)
        }
    }

    @Test(
        "9, 10: A request with a weak or unusual key, or a signature that does not fit, is refused",
        arguments: [
            ["-newkey", "rsa:1024"], ["-newkey", "rsa:2048"], ["-newkey", "ed25519"],
            ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-224"],
            ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
            ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-pkeyopt", "ec_param_enc:explicit"],
            ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-sha1"],
            ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-sha512"],
        ])
    func weakKey(_ arguments: [String]) async throws {
        let test = try TestController()
        let request = try await OpenSSL.signingRequest(arguments)
        try await test.run { running in
            let token = try await TestHost.invite(test, running)
            let response = try await storesNothing(running) {
                try await attempt(test, running, token: token, request: request)
            }
            expect(response, 400, "request.signingRequest")
        }
    }

    @Test("11: A request of 1 MB, cut short, with a changed byte anywhere, or of noise is refused without a 500")
    func garbage() async throws {
        let test = try TestController()
        try await test.run { running in
            let token = try await TestHost.invite(test, running)
            let huge = PEM.text(of: "CERTIFICATE REQUEST", Array(repeating: 0x30, count: 1 << 20))
            expect(try await attempt(test, running, token: token, request: huge), 413, "request.bodyTooLarge")
            try await storesNothing(running) {
                for length in [0, 1, 2, 100, 9_000] {
                    let noise = PEM.text(of: "CERTIFICATE REQUEST", SeededRandom(seed: UInt64(length)).bytes(length))
                    let response = try await attempt(test, running, token: token, request: noise)
                    expect(response, 400, "request.signingRequest")
                }
            }
        }
        // The parser itself, on every byte of a real request: see also scripts/fuzz.
        let pem = try SigningRequest.pem(keyPEM: KeyGeneration.ecdsaP256PrivateKeyPEM())
        let good = try #require(PEM.first(of: "CERTIFICATE REQUEST", in: pem))
        let random = SeededRandom(seed: 7)
        for position in good.indices {
            for change in [0x01, 0x80, random.bytes(1)[0] | 1] as [UInt8] {
                var bytes = good
                bytes[position] ^= change
                #expect(throws: ControllerError.self, "byte \(position) ^ \(change)") {
                    try HostKey(signingRequestPEM: PEM.text(of: "CERTIFICATE REQUEST", bytes))
                }
            }
            #expect(throws: ControllerError.self) {
                try HostKey(signingRequestPEM: PEM.text(of: "CERTIFICATE REQUEST", Array(good[..<position])))
            }
        }
    }

    // MARK: 12, 13, the server

    @Test("12: At first contact, another authority than the string's is not believed, and the token is not sent")
    func wrongAuthority() async throws {
        let test = try TestController()
        let imposter = try TestController()
        try await test.run { running in
            let join = try await test.invitation(running)
            try await imposter.run { there in
                let error = await #expect(throws: AgentError.self) {
                    _ = try await EnrolledAgent(imposter, there, join: join)
                }
                #expect(error?.code == "agent.join.authority")
            }
            #expect(try await EnrolledAgent(test, running, join: join).hello().status == 200, "the token is unspent")
        }
    }

    @Test("13: An expired server certificate is not believed, though the authority is the right one")
    func expiredServer() async throws {
        let test = try TestController(time: ManualTime(now: SystemTime().now() - .days(400)))
        try await test.run { running in
            let client = try TestClient(test, running)
            let error = await #expect(throws: EffectsError.self) {
                _ = try await client.post(
                    "/v1/agent/join", JoinRequest(token: "t", certificateSigningRequest: "r", machineID: "m"))
            }
            #expect(error?.code == "effects.http.tls.untrusted")
            await client.close()
        }
    }

    // MARK: 14–18, identities

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
