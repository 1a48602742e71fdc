import Effects
import Foundation
import Testing

import enum TestSupport.Ports

@testable import ControllerLibrary

private enum HAProxy {
    static let path = "/usr/sbin/haproxy"
    static let isInstalled = FileManager.default.isExecutableFile(atPath: path)
}

/// The proxy of docs/operations.md, as it stands there, before two real controllers.
@Suite("HAProxy before two controllers", .enabled(if: TestPostgres.isInstalled && HAProxy.isInstalled))
struct ProxyTests {
    /// The address that the proxy's own connections come from.
    private static let address = "127.0.0.9"

    private static func list(_ test: TestController) throws {
        try test.configure { $0.proxies = [address] }
    }

    private static func start(
        port: Int, before one: TestController.Running, _ two: TestController.Running, _ folder: TemporaryFolder
    ) throws -> Process {
        let text = try OperationsGuide.block(after: "# haproxy.cfg")
            .replacing("bind :8443", with: "bind 127.0.0.1:\(port)")
            .replacing("timeout server 1h", with: "timeout server 1h\n    source \(address)")
            .replacing("10.0.0.1:8443", with: "127.0.0.1:\(one.port)")
            .replacing("10.0.0.2:8443", with: "127.0.0.1:\(two.port)")
        let path = folder.path + "/haproxy.cfg"
        try text.write(toFile: path, atomically: false, encoding: .utf8)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: HAProxy.path)
        process.arguments = ["-db", "-f", path]
        process.standardError = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        return process
    }

    /// How often it was told that this one is not ready.
    private static func refusals(_ running: TestController.Running) -> Int {
        running.controller.metrics.snapshot.requests.reduce(0) { sum, it in
            it.key.route == "/readyz" && it.key.status == 503 ? sum + it.value : sum
        }
    }

    @Test("It sends nobody to one that stops, and where none is ready both go on serving")
    func unready() async throws {
        let first = try TestController(database: TestPostgres.newDatabase())
        try Self.list(first)
        let second = try TestController(beside: first)
        try await first.run { one in
            try await second.run { two in
                let folder = try TemporaryFolder()
                let port = try Ports.free()
                let proxy = try Self.start(port: port, before: one, two, folder)
                defer { proxy.terminate() }
                // A connection each: what is asked here is where a new one goes.
                func status(_ path: String) async -> Int? {
                    guard let client = try? TestClient(first, port: port) else { return nil }
                    let status = try? await client.send("GET", path).status
                    await client.close()
                    return status
                }
                try await eventually { await status("/readyz") == 200 }
                // Whoever is asked directly says what the proxy hears as well.
                await one.controller.suspend()
                var good = 0
                try await eventually {
                    good = await status("/readyz") == 200 ? good + 1 : 0
                    return good >= 10
                }
                await two.controller.suspend()
                // It asks every two seconds; after the third refusal it knows of both.
                let asked = [one, two].map(Self.refusals)
                try await eventually {
                    zip([one, two].map(Self.refusals), asked).allSatisfy { $0 - $1 >= 3 }
                }
                for _ in 0..<10 { #expect(await status("/livez") == 200) }
            }
        }
    }

    /// Asks with tokens that are wrong, through the proxy and past it.
    private static let python = """
        import socket, ssl, sys
        proxy, direct = int(sys.argv[1]), int(sys.argv[2])
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        def ask(port, source, first=b""):
            try:
                raw = socket.create_connection(("127.0.0.1", port), timeout=20, source_address=(source, 0))
                raw.sendall(first)
                with context.wrap_socket(raw) as one:
                    one.sendall(b"GET /v1/hosts HTTP/1.1\\r\\nHost: x\\r\\nAuthorization: Bearer wrong\\r\\n\\r\\n")
                    return one.recv(12).decode()[9:]
            except OSError: return "closed"
        # Each controller counts for itself, and lets a few more in while a slow machine asks.
        answers = []
        while answers.count("429") < 100 or answers[-1] != "429":
            answers.append(ask(proxy, "127.0.0.2"))
            if len(answers) == 20000: break
        print(sorted(set(answers)), answers[-1], ask(proxy, "127.0.0.3"))
        header = bytes.fromhex("0d0a0d0a000d0a515549540a2111000c") + bytes([192, 0, 2, 7, 127, 0, 0, 1, 0, 9, 0, 9])
        print(ask(direct, "127.0.0.4", header), ask(direct, "127.0.0.4"))
        print(ask(direct, "127.0.0.9", header), ask(direct, "127.0.0.9"))
        """

    @Test(
        "Whoever guesses tokens through it holds nobody else up; only the listed proxy's header is taken, and it must send one"
    )
    func addresses() async throws {
        let first = try TestController(database: TestPostgres.newDatabase())
        try Self.list(first)
        let second = try TestController(beside: first)
        try await first.run { one in
            try await second.run { two in
                let folder = try TemporaryFolder()
                let port = try Ports.free()
                let proxy = try Self.start(port: port, before: one, two, folder)
                defer { proxy.terminate() }
                try await eventually {
                    guard let client = try? TestClient(first, port: port) else { return false }
                    let status = try? await client.send("GET", "/readyz").status
                    await client.close()
                    return status == 200
                }
                let result = try await LiveProcesses().run(
                    ProcessCommand(
                        executable: "/usr/bin/python3", arguments: ["-c", Self.python, "\(port)", "\(one.port)"],
                        workingDirectory: "/", timeout: .seconds(120)))
                #expect(result.output == "['401', '429'] 429 401\nclosed 401\n401 closed\n")
            }
        }
    }
}
