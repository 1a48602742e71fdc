import Effects
import Glibc
import ReleaseDefinition
import TestSupport

/// A web server of somebody else's on loopback, serving a folder; or a cache in front of one.
final class WebServer: Sendable {
    enum Kind: String, CaseIterable, Sendable {
        case python, nginx
        case varnishBeforeNginx, varnishBeforePython, squidBeforeNginx, squidBeforePython

        var isInstalled: Bool { programs.allSatisfy { access($0, X_OK) == 0 } }
        private var programs: [String] {
            (origin == .nginx || self == .nginx ? ["/usr/sbin/nginx"] : [])
                + (front.map { $0 == .varnish ? ["/usr/sbin/varnishd"] : ["/usr/sbin/squid"] } ?? [])
        }

        fileprivate var front: Front? {
            switch self {
            case .python, .nginx: nil
            case .varnishBeforeNginx, .varnishBeforePython: .varnish
            case .squidBeforeNginx, .squidBeforePython: .squid
            }
        }

        /// What serves the files.
        fileprivate var origin: Kind {
            switch self {
            case .python, .varnishBeforePython, .squidBeforePython: .python
            case .nginx, .varnishBeforeNginx, .squidBeforeNginx: .nginx
            }
        }
    }

    fileprivate enum Front { case varnish, squid }

    let address: String
    private let running: [ServiceProcess]
    private let processes = LiveProcesses()

    init(_ kind: Kind, serving path: String, in folder: TemporaryFolder) async throws {
        let port = UInt16(try Ports.free())
        let origin = kind.origin == .python ? Self.python(port, path) : try Self.nginx(port, path, folder)
        var commands = [(kind.origin.rawValue, origin)]
        var entrance = port
        if let front = kind.front {
            entrance = UInt16(try Ports.free())
            switch front {
            case .varnish: commands.append(("varnish", try Self.varnish(entrance, before: port, folder)))
            case .squid: commands.append(("squid", try Self.squid(entrance, before: port, folder)))
            }
        }
        address = "http://127.0.0.1:\(entrance)"
        let searchPath = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
        var running: [ServiceProcess] = []
        for (name, words) in commands {
            let command = ProcessCommand(
                executable: words[0], arguments: Array(words.dropFirst()),
                environment: ["PATH": searchPath, "HOME": folder.path], workingDirectory: folder.path, timeout: .zero)
            running.append(try processes.startService(command, log: folder.path + "/\(name).log"))
        }
        self.running = running
    }

    private static func python(_ port: UInt16, _ path: String) -> [String] {
        [
            "/usr/bin/env", "python3", "-m", "http.server", "--bind", "127.0.0.1", "--directory", path, "\(port)",
        ]
    }

    private static func nginx(_ port: UInt16, _ path: String, _ folder: TemporaryFolder) throws -> [String] {
        // Its worker would be a user who may not read a test's folder.
        let user = geteuid() == 0 ? "user root;" : ""
        let text = """
            daemon off; \(user) worker_processes 1; pid \(folder.path)/nginx.pid; error_log stderr;
            events {}
            http {
              log_format sizes '$request_length $bytes_sent $status $request_uri';
              access_log \(folder.path)/access.log sizes; client_body_temp_path \(folder.path)/t1; proxy_temp_path \(folder.path)/t2;
              fastcgi_temp_path \(folder.path)/t3; uwsgi_temp_path \(folder.path)/t4; scgi_temp_path \(folder.path)/t5;
              server { listen 127.0.0.1:\(port); root \(path); }
            }
            """
        try folder.directory.writeDurably("nginx.conf", Array(text.utf8))
        return ["/usr/sbin/nginx", "-p", folder.path, "-c", folder.path + "/nginx.conf", "-e", "stderr"]
    }

    /// With the configuration that is shipped. No jail: that would need root and another user.
    private static func varnish(_ port: UInt16, before origin: UInt16, _ folder: TemporaryFolder) throws -> [String] {
        let shipped = try Directory.open(packaging + "/web-servers").read("varnish.vcl", sizeMax: ByteCount(1 << 16))
        let text = String(decoding: shipped, as: UTF8.self).replacing(
            #".port = "8080""#, with: #".port = "\#(origin)""#)
        try folder.directory.writeDurably("varnish.vcl", Array(text.utf8))
        return [
            "/usr/sbin/varnishd", "-F", "-j", "none", "-a", "127.0.0.1:\(port)", "-f", folder.path + "/varnish.vcl",
            "-n", folder.path + "/varnish", "-s", "malloc,64m",
        ]
    }

    private static let packaging =
        "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/") + "/packaging"

    /// As an accelerator that keeps everything in memory. As root it becomes another user, who writes nothing.
    private static func squid(_ port: UInt16, before origin: UInt16, _ folder: TemporaryFolder) throws -> [String] {
        let text = """
            http_port 127.0.0.1:\(port) accel defaultsite=127.0.0.1 no-vhost
            cache_peer 127.0.0.1 parent \(origin) 0 no-query originserver no-digest
            http_access allow all
            cache_mem 64 MB
            maximum_object_size_in_memory 16 MB
            pid_filename none
            cache_log /dev/null
            access_log none
            cache_store_log none
            netdb_filename none
            pinger_enable off
            coredump_dir /tmp
            visible_hostname localhost
            shutdown_lifetime 0 seconds

            """
        try folder.directory.writeDurably("squid.conf", Array(text.utf8))
        return ["/usr/sbin/squid", "-N", "-f", folder.path + "/squid.conf"]
    }

    /// Asks until it answers; a minute at most.
    func untilAnswers(_ http: any HTTPDoor, _ path: String = "/metadata/timestamp.json") async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while true {
            do {
                // A cache answers before what is behind it does.
                let answer = try await http.send(HTTPRequest("GET", address + path))
                if answer.status == 200 || ContinuousClock.now > deadline { return }
            } catch let error as EffectsError where error.code.hasPrefix("effects.http.") {
                guard ContinuousClock.now < deadline else { throw error }
            }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    /// What nginx was asked: bytes of each request and answer with their heads, the status, the path.
    static func asked(_ folder: TemporaryFolder) throws -> [(sent: Int, received: Int, status: Int, path: String)] {
        let text = String(decoding: try folder.directory.read("access.log", sizeMax: ByteCount(1 << 24)), as: UTF8.self)
        return text.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            guard words.count == 4, let sent = Int(words[0]), let received = Int(words[1]), let status = Int(words[2])
            else { return nil }
            return (sent, received, status, String(words[3]))
        }
    }

    func stop() async throws {
        for process in running.reversed() { try await processes.stopService(process, grace: .seconds(5)) }
    }
}
