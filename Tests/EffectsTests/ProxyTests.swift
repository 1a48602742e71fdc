import Glibc
import NIOSSL
import ReleaseDefinition
import TestSupport
import Testing

@testable import Effects

/// A proxy that is not ours: Debian's tinyproxy. It also says what it was asked.
private final class Tinyproxy: Sendable {
    static let program = "/usr/bin/tinyproxy"
    static var isInstalled: Bool { access(program, X_OK) == 0 }

    let port: Int
    private let folder: TemporaryFolder
    private let process: ServiceProcess

    /// - Parameter credential: `user password`, as its settings have it; nil: everybody may.
    init(_ folder: TemporaryFolder, credential: String? = nil) async throws {
        self.folder = folder
        // A port that was free a moment ago.
        let server = try await TestServer { _ in [.close] }
        port = server.port
        try await server.stop()
        let lines = [
            "Port \(port)", "Listen 127.0.0.1", "Timeout 60", "Allow 127.0.0.1", "LogLevel Connect",
            credential.map { "BasicAuth \($0)" } ?? "", "",
        ]
        try folder.directory.writeDurably("tinyproxy.conf", Array(lines.joined(separator: "\n").utf8))
        process = try LiveProcesses().startService(
            ProcessCommand(
                executable: Self.program, arguments: ["-d", "-c", folder.path + "/tinyproxy.conf"],
                environment: ["PATH": "/usr/bin:/bin"], workingDirectory: folder.path, timeout: .zero),
            log: folder.path + "/tinyproxy.log")
        let address = "127.0.0.1:\(port)"
        try await eventually { try await TCPReach.ask(address, timeout: .seconds(1)) == .taken }
    }

    var log: String {
        String(
            decoding: (try? folder.directory.read("tinyproxy.log", sizeMax: ByteCount(1 << 20))) ?? [], as: UTF8.self)
    }

    func stop() async throws { try await LiveProcesses().stopService(process, grace: .seconds(5)) }
}

@Suite("Through a proxy, by CONNECT", .enabled(if: Tinyproxy.isInstalled))
struct ProxyTests {
    private func with(
        _ credential: String? = nil, _ body: (Tinyproxy, TestAuthority, TestServer) async throws -> Void
    ) async throws {
        let authority = try await TestAuthority()
        try await authority.issue("server", subjectAlternativeName: "IP:127.0.0.1,DNS:localhost")
        let chain = try NIOSSLCertificate.fromPEMBytes(Array(try authority.pem("server.pem").utf8))
        let key = try NIOSSLPrivateKey(bytes: Array(try authority.pem("server.key").utf8), format: .pem)
        let server = try await TestServer(
            tls: .makeServerConfiguration(
                certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        ) { _ in [.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")] }
        let proxy = try await Tinyproxy(authority.folder, credential: credential)
        let result: Result<Void, any Error>
        do { result = .success(try await body(proxy, authority, server)) } catch { result = .failure(error) }
        try await proxy.stop()
        try await server.stop()
        try result.get()
    }

    private func ask(_ url: String, _ identity: TLSIdentity?, _ proxy: HTTPProxy) async throws -> String {
        let http = try LiveHTTP(identity: identity, userAgent: "slipway-test/1", proxy: proxy)
        let answer: String
        do {
            let response = try await http.send(HTTPRequest("GET", url, timeout: .seconds(60)))
            answer = String(decoding: response.body, as: UTF8.self)
        } catch let error as EffectsError {
            #expect(!error.description.contains("secret"))
            answer = error.code
        }
        await http.shutdown()
        return answer
    }

    @Test("TLS goes through it unopened: its server is verified by us, and the proxy learns name and port alone")
    func tunnel() async throws {
        try await with { proxy, authority, server in
            let through = try HTTPProxy(url: "http://127.0.0.1:\(proxy.port)")
            let url = "https://localhost:\(server.port)/a/path"
            #expect(try await ask(url, authority.identity(), through) == "hello")
            #expect(proxy.log.contains("CONNECT localhost:\(server.port)"))
            #expect(!proxy.log.contains("/a/path"))
            let stranger = try await TestAuthority()
            #expect(try await ask(url, stranger.identity(), through) == "effects.http.tls.untrusted")
        }
    }

    @Test("With a credential it lets us through; without one, or with a wrong one, the error says so")
    func credential() async throws {
        try await with("host very-secret") { proxy, authority, server in
            let url = "https://127.0.0.1:\(server.port)/"
            var through = try HTTPProxy(url: "http://127.0.0.1:\(proxy.port)")
            #expect(try await ask(url, authority.identity(), through) == "effects.http.proxy.credentials")
            through.credential = try HTTPProxy.Credential(text: "host:not-secret\n")
            #expect(
                ["effects.http.proxy.credentials", "effects.http.proxy.refused"].contains(
                    try await ask(url, authority.identity(), through)))
            through.credential = try HTTPProxy.Credential(text: "host:very-secret\n")
            #expect(try await ask(url, authority.identity(), through) == "hello")
        }
    }

    @Test("Servers that are excepted are asked without it; a proxy that is gone, or reaches nobody, is told apart")
    func except() async throws {
        try await with { proxy, authority, server in
            let url = "https://localhost:\(server.port)/"
            let port = proxy.port
            let excepted = try HTTPProxy(url: "http://127.0.0.1:\(port)", except: ["LOCALHOST"])
            #expect(try await ask(url, authority.identity(), excepted) == "hello")
            #expect(!proxy.log.contains("CONNECT localhost"))
            let gone = try HTTPProxy(url: "http://127.0.0.1:1")
            #expect(try await ask(url, authority.identity(), gone) == "effects.http.unreachable")
            let through = try HTTPProxy(url: "http://127.0.0.1:\(port)")
            #expect(
                try await ask("https://127.0.0.1:1/", authority.identity(), through) == "effects.http.proxy.refused")
        }
    }
}

@Suite("The words of a proxy's settings")
struct ProxySettingTests {
    @Test("Only an http address with a port is one; user and password are not part of it")
    func addresses() throws {
        let proxy = try HTTPProxy(url: "http://[::1]:3128")
        #expect(proxy.host == "::1" && proxy.port == 3128 && proxy.address == "[::1]:3128")
        for url in [
            "", "proxy:3128", "https://proxy:3128", "http://proxy", "http://proxy:0", "http://proxy:70000",
            "http://proxy:3128/", "http://u:p@proxy:3128", "http://:3128", "http://[::1]x:3128", "socks5://proxy:1",
        ] {
            #expect(throws: EffectsError.self, "\(url)") { try HTTPProxy(url: url) }
        }
    }

    @Test("Exceptions are whole names, or all that end so")
    func exceptions() throws {
        let proxy = try HTTPProxy(url: "http://proxy:1", except: ["10.0.0.5", ".internal", "::1"])
        for url in ["http://10.0.0.5/x", "https://a.b.internal:8443/", "https://A.INTERNAL", "http://[::1]:9/x"] {
            #expect(!proxy.serves(url), "\(url)")
        }
        for url in ["http://10.0.0.55/x", "https://internal/", "https://internal.example/10.0.0.5", "x"] {
            #expect(proxy.serves(url), "\(url)")
        }
    }

    @Test("A credential is one line of user and password, and is never printed")
    func credential() throws {
        let credential = try HTTPProxy.Credential(text: "user:pass:word\r\n")
        #expect(credential.user == "user" && credential.password == "pass:word")
        #expect(!"\(credential)".contains("pass") && !String(reflecting: credential).contains("pass"))
        let proxy = try HTTPProxy(url: "http://proxy:1", credential: credential)
        #expect(!"\(proxy)".contains("pass:"))
        for text in ["", "user", ":password", "a:b\nc:d\n", "a:b\u{0}", "a:\u{7F}"] {
            #expect(throws: EffectsError.self, "\(text.debugDescription)") { try HTTPProxy.Credential(text: text) }
        }
    }
}
