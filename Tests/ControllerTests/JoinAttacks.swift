import AgentProtocol
import ControllerAPI
import Effects
import FoundationEssentials
import ReleaseDefinition
import Testing
import X509

@testable import ControllerLibrary

@Suite("Joining, by attack")
struct JoinAttacks: EnrolmentAttack {
    /// The first of the chain.
    private func leaf(of response: JoinResponse) throws -> Certificate {
        let mark = "-----END CERTIFICATE-----"
        let end = try #require(response.certificate.range(of: mark)?.upperBound)
        return try Certificate(pemEncoded: String(response.certificate[..<end]))
    }

    @Test("A host joins with a token and is known by its certificate from then on")
    func joins() async throws {
        let test = try TestController()
        try await test.run { running in
            let host = try await TestHost.join(test, running, labels: ["name": "web1", "role": "web"])
            #expect(host.id.text == "web1")
            #expect(host.response.labels == ["name": "web1", "role": "web"])
            #expect(host.response.authorities == test.authority)
            let leaf = try leaf(of: host.response)
            let names = try #require(try leaf.extensions.subjectAlternativeNames)
            #expect(Array(names) == [.uniformResourceIdentifier("slipway://host/web1")])
            let client = try host.client(test, running)
            let answer = try await client.post("/v1/agent/reports", HostReportBatch(reports: []))
            #expect(answer.status == 200)
            await client.close()
        }
    }

    @Test("A token that was used up lets nobody in again")
    func reused() async throws {
        let test = try TestController()
        try await test.run { running in
            let token = try await TestHost.invite(test, running)
            #expect(try await attempt(test, running, token: token).status == 200)
            let second = try await attempt(test, running, token: token)
            #expect(second.status == 401)
            #expect(second.problemCode == "controller.access.joinToken")
        }
    }

    @Test("Of twenty attempts at once with a token for three, three get in")
    func raced() async throws {
        let test = try TestController()
        try await test.run { running in
            let token = try await TestHost.invite(test, running, uses: 3)
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<20 { group.addTask { try await attempt(test, running, token: token).status } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses.count { $0 == 200 } == 3)
            #expect(statuses.count { $0 == 401 } == 17)
        }
    }

    @Test("An expired token lets nobody in")
    func expired() async throws {
        let time = ManualTime(now: SystemTime().now())
        let test = try TestController(time: time)
        try await test.run { running in
            let token = try await TestHost.invite(test, running, lifetime: .minutes(10))
            time.setNow(time.now() + .minutes(10))
            let response = try await attempt(test, running, token: token)
            #expect(response.status == 401)
            #expect(response.problemCode == "controller.access.joinToken")
        }
    }

    @Test("A wrong token lets nobody in", arguments: ["", "x", String(repeating: "0", count: 64)])
    func wrong(_ token: String) async throws {
        let test = try TestController()
        try await test.run { running in
            let response = try await attempt(test, running, token: token)
            #expect(response.status == 401)
        }
    }

    @Test("Names that a request asks for are not given")
    func askingForOtherNames() async throws {
        let test = try TestController()
        try await test.run { running in
            let token = try await TestHost.invite(test, running, labels: ["name": "web7"])
            let request = try SigningRequest.pem(
                keyPEM: KeyGeneration.ecdsaP256PrivateKeyPEM(), commonName: "slipway-controller",
                alternatives: [.uniformResourceIdentifier("slipway://host/admin"), .dnsName("localhost")])
            let response = try await attempt(test, running, token: token, request: request)
            let joined = try response.json(JoinResponse.self)
            #expect(joined.host.text == "web7")
            let leaf = try leaf(of: joined)
            let subject = try DistinguishedName { CommonName("web7") }
            #expect(leaf.subject == subject)
            let names = try #require(try leaf.extensions.subjectAlternativeNames)
            #expect(Array(names) == [.uniformResourceIdentifier("slipway://host/web7")])
            let constraints = try leaf.extensions.basicConstraints
            #expect(constraints == .notCertificateAuthority)
        }
    }

    @Test("A request that is none, or of another kind of key, is refused and costs no use of the token")
    func badRequests() async throws {
        let test = try TestController()
        try await test.run { running in
            let token = try await TestHost.invite(test, running)
            let large = String(repeating: "A", count: 20_000)
            let certificate = test.authority
            for text in ["", "x", large, certificate] {
                let response = try await attempt(test, running, token: token, request: text)
                #expect(response.status == 400)
                #expect(response.problemCode == "controller.request.signingRequest")
            }
            #expect(try await attempt(test, running, token: token).status == 200)
        }
    }

    @Test("A request signed by another key than it names is refused")
    func stolenKey() async throws {
        let test = try TestController()
        try await test.run { running in
            let token = try await TestHost.invite(test, running)
            let victim = try Certificate.PrivateKey(pemEncoded: KeyGeneration.ecdsaP256PrivateKeyPEM())
            let attacker = try Certificate.PrivateKey(pemEncoded: KeyGeneration.ecdsaP256PrivateKeyPEM())
            let own = try CertificateSigningRequest(
                version: .v1, subject: DistinguishedName { CommonName("x") }, privateKey: attacker, attributes: .init(),
                signatureAlgorithm: .ecdsaWithSHA256)
            let forged = try CertificateSigningRequest(
                version: .v1, subject: DistinguishedName { CommonName("x") }, publicKey: victim.publicKey,
                attributes: .init(), signatureAlgorithm: .ecdsaWithSHA256, signature: own.signature)
            let response = try await attempt(
                test, running, token: token, request: forged.serializeAsPEM().pemString)
            #expect(response.problemCode == "controller.request.signingRequest")
        }
    }

    @Test("One key is one host: a key that joined cannot join again")
    func sameKeyTwice() async throws {
        let test = try TestController()
        try await test.run { running in
            let token = try await TestHost.invite(test, running, uses: 2)
            let request = try SigningRequest.pem(keyPEM: KeyGeneration.ecdsaP256PrivateKeyPEM())
            #expect(try await attempt(test, running, token: token, request: request).status == 200)
            let again = try await attempt(test, running, token: token, request: request)
            #expect(again.status == 409)
            #expect(again.problemCode == "controller.conflict.hostKey")
        }
    }

    @Test("A host id is never given twice")
    func sameNameTwice() async throws {
        let test = try TestController()
        try await test.run { running in
            _ = try await TestHost.join(test, running, labels: ["name": "web1"])
            let admin = try TestClient(test, running, token: test.adminToken)
            let again = try await admin.post(
                "/v1/hosts/invitations",
                InvitationRequest(environment: EnvironmentName("staging"), labels: ["name": "web1"]))
            #expect(again.status == 409)
            await admin.close()
        }
    }

    @Test("What joined before a restart is known after it, and a used token stays used")
    func restart() async throws {
        let test = try TestController()
        let (host, token) = try await test.run { running in
            let token = try await TestHost.invite(test, running)
            #expect(try await attempt(test, running, token: token).status == 200)
            return (try await TestHost.join(test, running), token)
        }
        try await test.run { running in
            let client = try host.client(test, running)
            #expect(try await client.post("/v1/agent/reports", HostReportBatch(reports: [])).status == 200)
            await client.close()
            #expect(try await attempt(test, running, token: token).status == 401)
        }
    }
}
