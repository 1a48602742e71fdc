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
struct EnrolmentAttacks: EnrolmentAttack {
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
                let before = await running.controller.store.sequence
                let changed = join
                if try JoinString(string).token == changed.token,
                    try JoinString(string).authority == changed.authority, try JoinString(string).root == changed.root
                {
                    continue  // The bit was in the address, which was replaced.
                }
                await #expect(throws: (any Error).self, "bit at \(position)") {
                    _ = try await EnrolledAgent(test, running, join: changed)
                }
                // A root that does not fit is found out by the host: the token is spent then, and nothing else is.
                if try JoinString(string).root == changed.root {
                    #expect(await running.controller.store.sequence == before)
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
        let key = try HostKey(signingRequestPEM: pem).digest
        let good = try #require(PEM.first(of: "CERTIFICATE REQUEST", in: pem))
        let random = SeededRandom(seed: 7)
        // Beside the signature's bits there is one byte that no signature covers: how many of them do not count. Whatever
        // is taken, it is this key.
        func expectRefusedOrSame(_ bytes: [UInt8], _ what: String) {
            do {
                let found = try HostKey(signingRequestPEM: PEM.text(of: "CERTIFICATE REQUEST", bytes))
                #expect(found.digest == key, "\(what)")
            } catch { #expect((error as? ControllerError)?.code == "controller.request.signingRequest", "\(what)") }
        }
        for position in good.indices {
            for change in [0x01, 0x80, random.bytes(1)[0] | 1] as [UInt8] {
                var bytes = good
                bytes[position] ^= change
                expectRefusedOrSame(bytes, "byte \(position) ^ \(change)")
            }
            #expect(throws: ControllerError.self) {
                try HostKey(signingRequestPEM: PEM.text(of: "CERTIFICATE REQUEST", Array(good[..<position])))
            }
        }
        for number in 0..<2_000 {
            var bytes = good
            for _ in 0...Int(random.bytes(1)[0] % 6) {
                let position = random.bytes(2).reduce(0) { $0 << 8 | Int($1) } % bytes.count
                switch random.bytes(1)[0] % 3 {
                case 0: bytes[position] = random.bytes(1)[0]
                case 1: bytes.insert(random.bytes(1)[0], at: position)
                default: bytes.remove(at: position)
                }
            }
            expectRefusedOrSame(bytes, "change \(number) of seed 7")
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
}
