import Effects
import Glibc
import ReleaseDefinition

/// A web server of somebody else's on loopback, serving a folder.
final class WebServer: Sendable {
    enum Kind: String, CaseIterable, Sendable {
        case python, nginx
        var isInstalled: Bool {
            switch self {
            case .python: true
            case .nginx: access("/usr/sbin/nginx", X_OK) == 0
            }
        }
    }

    let address: String
    private let process: ServiceProcess
    private let processes = LiveProcesses()

    init(_ kind: Kind, serving path: String, in folder: TemporaryFolder) async throws {
        let port = try Self.freePort()
        address = "http://127.0.0.1:\(port)"
        let searchPath = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
        var command = ProcessCommand(
            executable: "/usr/bin/env", environment: ["PATH": searchPath, "HOME": folder.path],
            workingDirectory: folder.path, timeout: .zero)
        switch kind {
        case .python:
            command.arguments = ["python3", "-m", "http.server", "--bind", "127.0.0.1", "--directory", path, "\(port)"]
        case .nginx:
            // Its worker would be a user who may not read a test's folder.
            let user = geteuid() == 0 ? "user root;" : ""
            let text = """
                daemon off; \(user) worker_processes 1; pid \(folder.path)/nginx.pid; error_log stderr;
                events {}
                http {
                  access_log off; client_body_temp_path \(folder.path)/t1; proxy_temp_path \(folder.path)/t2;
                  fastcgi_temp_path \(folder.path)/t3; uwsgi_temp_path \(folder.path)/t4; scgi_temp_path \(folder.path)/t5;
                  server { listen 127.0.0.1:\(port); root \(path); }
                }
                """
            try folder.directory.writeDurably("nginx.conf", Array(text.utf8))
            command.executable = "/usr/sbin/nginx"
            command.arguments = ["-p", folder.path, "-c", folder.path + "/nginx.conf", "-e", "stderr"]
        }
        process = try processes.startService(command, log: folder.path + "/\(kind.rawValue).log")
    }

    /// Asks until it answers; a minute at most.
    func untilAnswers(_ http: any HTTPDoor) async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while true {
            do {
                _ = try await http.send(HTTPRequest("GET", address + "/metadata/timestamp.json"))
                return
            } catch let error as EffectsError where error.code == "effects.http.unreachable" {
                guard ContinuousClock.now < deadline else { throw error }
                try await Task.sleep(for: .milliseconds(10))
            }
        }
    }

    func stop() async throws { try await processes.stopService(process, grace: .seconds(5)) }

    /// Free a moment ago.
    private static func freePort() throws -> UInt16 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                bind(descriptor, generic, length) == 0 ? getsockname(descriptor, generic, &length) : -1
            }
        }
        guard result == 0 else {
            throw EffectsError(code: "test.port", summary: "There is no free port.", remedy: "None.")
        }
        return UInt16(bigEndian: address.sin_port)
    }
}
