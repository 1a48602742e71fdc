import Effects
import Foundation
import Testing

@testable import ControllerLibrary

private enum HAProxy {
    static let path = "/usr/sbin/haproxy"
    static let isInstalled = FileManager.default.isExecutableFile(atPath: path)
}

/// The proxy of docs/operations.md, as it stands there, before two real controllers.
@Suite("HAProxy before two controllers", .enabled(if: TestPostgres.isInstalled && HAProxy.isInstalled))
struct ProxyTests {
    /// A port that was free a moment ago.
    private static func freePort() throws -> Int {
        let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socket, $0, length) == 0 && getsockname(socket, $0, &length) == 0
            }
        }
        try #require(isBound)
        return Int(UInt16(bigEndian: address.sin_port))
    }

    private static func start(_ path: String) throws -> Process {
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
        let second = try TestController(beside: first)
        try await first.run { one in
            try await second.run { two in
                let folder = try TemporaryFolder()
                let port = try Self.freePort()
                let text = try OperationsGuide.block(after: "# haproxy.cfg")
                    .replacing("bind :8443", with: "bind 127.0.0.1:\(port)")
                    .replacing("10.0.0.1:8443", with: "127.0.0.1:\(one.port)")
                    .replacing("10.0.0.2:8443", with: "127.0.0.1:\(two.port)")
                let path = folder.path + "/haproxy.cfg"
                try text.write(toFile: path, atomically: false, encoding: .utf8)
                let proxy = try Self.start(path)
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
}
