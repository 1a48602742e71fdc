import NIOSSL
import ReleaseDefinition
import Testing

@testable import Effects

@Suite("A certificate that is not believed because of this host's clock")
struct ClockDoubtTests {
    private func ask(dateHeader: String) async throws -> EffectsError? {
        let (theirs, ours) = (try await TestAuthority(), try await TestAuthority())
        try await theirs.issue("server", subjectAlternativeName: "IP:127.0.0.1")
        let chain = try NIOSSLCertificate.fromPEMBytes(Array(try theirs.pem("server.pem").utf8))
        let key = try NIOSSLPrivateKey(bytes: Array(try theirs.pem("server.key").utf8), format: .pem)
        let server = try await TestServer(
            tls: .makeServerConfiguration(
                certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        ) { _ in [.send("HTTP/1.1 200 OK\r\n\(dateHeader)Content-Length: 0\r\n\r\n")] }
        let http = try LiveHTTP(identity: ours.identity(), userAgent: "slipway-test/1")
        var found: EffectsError?
        do { _ = try await http.send(HTTPRequest("GET", "https://127.0.0.1:\(server.port)/x")) } catch let error
            as EffectsError
        { found = error }
        await http.shutdown()
        try await server.stop()
        return found
    }

    @Test("R31: the error says how far the clock is off against the server, both times, and the cure")
    func off() async throws {
        for (date, words) in [
            ("Wed, 21 Oct 2099 07:28:00 GMT", "2099-10-21T07:28:00Z"), ("Thu, 01 Jan 1970 00:01:00 GMT", "1970-01-01"),
        ] {
            let error = try await ask(dateHeader: "Date: \(date)\r\n")
            #expect(error?.code == "effects.http.tls.clock", "\(String(describing: error))")
            #expect(error?.summary.contains("off by") == true && error?.summary.contains(words) == true)
            #expect(error?.remedy.contains("timedatectl") == true)
        }
    }

    @Test("Where the clocks agree, or the server does not say, it is the certificate")
    func agreed() async throws {
        let now = SystemTime().now()
        let parts = "\(now.wholeSeconds)".split { "-T:Z".contains($0) }
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let month = months[(Int(parts[1]) ?? 1) - 1]
        let date = "Mon, \(parts[2]) \(month) \(parts[0]) \(parts[3]):\(parts[4]):\(parts[5]) GMT"
        #expect(ClockDoubt.instant(date) == now.wholeSeconds)
        for header in ["", "Date: \(date)\r\n", "Date: yesterday\r\n"] {
            #expect(try await ask(dateHeader: header)?.code == "effects.http.tls.untrusted", "\(header)")
        }
        for text in ["", "Sun, 06 Nov 1994 08:49:37", "Sunday, 06-Nov-94 08:49:37 GMT", "x, 99 Nov 1994 08:49:37 GMT"] {
            #expect(ClockDoubt.instant(text) == nil, "\(text)")
        }
    }
}
