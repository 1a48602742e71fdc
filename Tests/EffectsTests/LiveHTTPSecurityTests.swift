import NIOSSL
import ReleaseDefinition
import TestSupport
import Testing

@testable import Effects

@Suite("HTTP over TLS: whom we believe and who believes us")
struct LiveHTTPSecurityTests {
    private static let hello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

    private func server(
        _ authority: TestAuthority, certificate: String, asksClient: Bool = false,
        script: [TestServer.Step] = [.send(hello)],
        change: (inout TLSConfiguration) -> Void = { _ in }
    ) async throws -> TestServer {
        let chain = try NIOSSLCertificate.fromPEMBytes(Array(try authority.pem("\(certificate).pem").utf8))
        let key = try NIOSSLPrivateKey(bytes: Array(try authority.pem("\(certificate).key").utf8), format: .pem)
        var tls = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        if asksClient {
            tls.certificateVerification = .noHostnameVerification
            tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(Array(try authority.pem("ca.pem").utf8)))
        }
        change(&tls)
        return try await TestServer(tls: tls) { _ in script }
    }

    /// The code of the error, or the body.
    private func ask(_ identity: TLSIdentity?, _ url: String) async throws -> String {
        var limits = HTTPLimits()
        limits.connect = .seconds(60)
        return try await ask(LiveHTTP(identity: identity, userAgent: "t", limits: limits), url)
    }

    private func ask(_ http: LiveHTTP, _ url: String) async -> String {
        let answer: String
        do {
            answer = String(
                decoding: try await http.send(HTTPRequest("GET", url, timeout: .seconds(60))).body, as: UTF8.self)
        } catch let error as EffectsError {
            #expect(!error.remedy.isEmpty && error.summary.contains(url))
            answer = error.code
        } catch { answer = "\(error)" }
        await http.shutdown()
        return answer
    }

    @Test("Only a server of our authority, under a name of its certificate, is believed")
    func servers() async throws {
        let (ours, theirs) = (try await TestAuthority(), try await TestAuthority())
        try await ours.issue("server", subjectAlternativeName: "IP:127.0.0.1,DNS:localhost")
        try await ours.issue("other", subjectAlternativeName: "DNS:other.example")
        let right = try await server(ours, certificate: "server")
        let misnamed = try await server(ours, certificate: "other")
        let old = try await server(ours, certificate: "server") { $0.maximumTLSVersion = .tlsv12 }
        let url = "https://127.0.0.1:\(right.port)/"
        #expect(try await ask(ours.identity(), url) == "hello")
        #expect(try await ask(ours.identity(), "https://localhost:\(right.port)/") == "hello")
        #expect(try await ask(theirs.identity(), url) == "effects.http.tls.untrusted")
        #expect(try await ask(nil, url) == "effects.http.tls.untrusted")
        #expect(
            try await ask(ours.identity(), "https://127.0.0.1:\(misnamed.port)/") == "effects.http.tls.hostName")
        #expect(
            try await ask(ours.identity(), "https://localhost:\(misnamed.port)/") == "effects.http.tls.hostName")
        // TLS 1.2 is not spoken.
        #expect(try await ask(ours.identity(), "https://127.0.0.1:\(old.port)/") == "effects.http.tls.failed")
        #expect(await ask(.withoutVerification(userAgent: "t"), url) == "hello")
        for server in [right, misnamed, old] { try await server.stop() }
    }

    @Test("A server that goes away within TLS broke the connection, at whatever moment: it may be asked again")
    func away() async throws {
        let authority = try await TestAuthority()
        try await authority.issue("server", subjectAlternativeName: "IP:127.0.0.1")
        // Before its first word of TLS, as a proxy whose servers are away.
        let door = try ClosingDoor()
        #expect(try await ask(authority.identity(), "https://127.0.0.1:\(door.port)/") == "effects.http.closed")
        door.close()
        // Within a body, and before the head.
        for script in [[TestServer.Step.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhel"), .close], [.close]] {
            let server = try await self.server(authority, certificate: "server", script: script)
            #expect(try await ask(authority.identity(), "https://127.0.0.1:\(server.port)/") == "effects.http.closed")
            try await server.stop()
        }
    }

    @Test("A server that wants our certificate gets it; without one, or with a stranger's, it refuses us")
    func clients() async throws {
        let (ours, theirs) = (try await TestAuthority(), try await TestAuthority())
        try await ours.issue("server", subjectAlternativeName: "IP:127.0.0.1")
        try await ours.issue("client", subjectAlternativeName: "URI:slipway:host:web-1")
        try await theirs.issue("client", subjectAlternativeName: "URI:slipway:host:web-1")
        let server = try await server(ours, certificate: "server", asksClient: true)
        let url = "https://127.0.0.1:\(server.port)/"
        #expect(try await ask(ours.identity(client: "client"), url) == "hello")
        #expect(try await ask(ours.identity(), url) == "effects.http.tls.refused")
        var stranger = try theirs.identity(client: "client")
        stranger.trustRoots = try ours.pem("ca.pem")
        #expect(try await ask(stranger, url) == "effects.http.tls.refused")
        try await server.stop()
    }

    @Test("TLS against a server in the clear, and the reverse, end with an error that says so")
    func mixedUp() async throws {
        let ours = try await TestAuthority()
        try await ours.issue("server", subjectAlternativeName: "IP:127.0.0.1")
        let plain = try await TestServer { _ in [.send(Self.hello), .close] }
        var limits = HTTPLimits()
        limits.connect = .milliseconds(500)
        let http = try LiveHTTP(identity: ours.identity(), userAgent: "t", limits: limits)
        // A server that waits for a request line says nothing at all.
        #expect(await ask(http, "https://127.0.0.1:\(plain.port)/") == "effects.http.unreachable")
        try await plain.stop()
        let secure = try await server(ours, certificate: "server")
        #expect(try await ask(nil, "http://127.0.0.1:\(secure.port)/") == "effects.http.closed")
        try await secure.stop()
    }

    @Test("Certificates and keys that are none are refused when the client is made")
    func badIdentity() throws {
        for identity in [
            TLSIdentity(trustRoots: ""), TLSIdentity(trustRoots: "no PEM"),
            TLSIdentity(trustRoots: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        ] {
            let error = #expect(throws: EffectsError.self) { _ = try LiveHTTP(identity: identity, userAgent: "t") }
            #expect(error?.code == "effects.http.identity")
        }
    }
}
