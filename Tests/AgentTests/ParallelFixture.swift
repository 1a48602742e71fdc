import AgentProtocol
import Effects
import Glibc
import ReleaseDefinition
import ReleasePackaging
import Testing

@testable import AgentLibrary

/// A small HTTP service with two slots, and clients that ask it without pause through whatever is switched.
enum ParallelFixture {
    typealias File = TestRepository.File

    static let serve = File(
        "tree/bin/serve",
        """
        #!/usr/bin/python3
        import http.server, os, socketserver, time

        class Answer(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                if self.path == "/slow": time.sleep(0.2)
                body = os.environ["SLIPWAY_VERSION"].encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            def address_string(self): return "client"
            def log_message(self, *words): pass

        class Local(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
            daemon_threads, request_queue_size = True, 128
        class Remote(socketserver.ThreadingMixIn, socketserver.TCPServer):
            daemon_threads, request_queue_size, allow_reuse_address = True, 128, True

        path = os.environ.get("SOCKET")
        if path:
            if os.path.lexists(path): os.unlink(path)
            server = Local(path, Answer)
        else:
            server = Remote(("127.0.0.1", int(os.environ["PORT"])), Answer)
        server.serve_forever()

        """)

    /// Asks the service of the slot that it is told, by whichever way it listens.
    static func check(_ isSound: Bool) -> File {
        let text =
            isSound
            ? """
            #!/usr/bin/python3
            import os, socket, sys
            path = os.environ.get("SOCKET")
            ask = socket.socket(socket.AF_UNIX) if path else socket.socket()
            ask.settimeout(4)
            ask.connect(path or ("127.0.0.1", int(os.environ["PORT"])))
            ask.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
            answer = b""
            while True:
                piece = ask.recv(4096)
                if not piece: break
                answer += piece
            sys.exit(0 if answer.endswith(os.environ["SLIPWAY_VERSION"].encode()) else 1)

            """ : "#!/bin/sh\necho out of order\nexit 1\n"
        return File("tree/bin/check", text)
    }

    /// Asks until the file `stop` is there: new connections all the time, some requests slow. Prints what came of it.
    private static let clients = """
        import json, os, socket, sys, threading, time
        folder, way = sys.argv[1], sys.argv[2]
        total, failed, seen, errors, guard = [0], [0], set(), [], threading.Lock()
        def connect():
            if way == "link":
                ask = socket.socket(socket.AF_UNIX)
                ask.settimeout(20)
                ask.connect(folder + "/run/active")
            else:
                # A proxy that looks up where to go for each connection.
                ask = socket.socket()
                ask.settimeout(20)
                ask.connect(("127.0.0.1", int(open(folder + "/run/active").read())))
            return ask
        def run(number):
            while not os.path.exists(folder + "/stop"):
                try:
                    ask = connect()
                    ask.sendall(b"GET /%s HTTP/1.0\\r\\n\\r\\n" % (b"slow" if number % 4 == 0 else b""))
                    answer = b""
                    while True:
                        piece = ask.recv(4096)
                        if not piece: break
                        answer += piece
                    ask.close()
                    if not answer.startswith(b"HTTP/1.0 200"): raise OSError("no answer")
                    with guard:
                        total[0] += 1
                        seen.add(answer.split(b"\\r\\n\\r\\n")[1].decode())
                        open(folder + "/asked", "w").write(str(total[0]))
                except OSError as error:
                    with guard:
                        failed[0] += 1
                        errors.append(str(error))
                time.sleep(0.005)
        threads = [threading.Thread(target=run, args=(n,)) for n in range(8)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        print(json.dumps({"total": total[0], "failed": failed[0], "seen": sorted(seen), "errors": errors[:5]}))
        """

    struct Answers: Decodable {
        var total: Int
        var failed: Int
        var seen: [String]
        var errors: [String]
    }

    final class Clients: Sendable {
        private let folder: TemporaryFolder
        private let root: TemporaryFolder
        private let process: ServiceProcess

        init(_ root: TemporaryFolder, way: String) throws {
            self.root = root
            folder = try TemporaryFolder()
            try root.directory.removeTree("stop")
            process = try LiveProcesses().startService(
                ProcessCommand(
                    executable: "/usr/bin/python3", arguments: ["-u", "-c", ParallelFixture.clients, root.path, way],
                    workingDirectory: "/", timeout: .zero), log: folder.path + "/log")
        }

        /// Some answers have come since.
        func haveAsked(_ more: Int = 20) async throws {
            func count() -> Int {
                let bytes = (try? root.directory.readIfPresent("asked", sizeMax: ByteCount(100))) ?? nil
                return Int(String(decoding: bytes ?? [], as: UTF8.self)) ?? 0
            }
            let before = count()
            _ = try await poll { count() >= before + more ? true : nil }
        }

        func end() async throws -> Answers {
            try root.directory.writeDurably("stop", [])
            try await LiveProcesses().waitForEnd(of: process)
            let text = try folder.directory.read("log", sizeMax: ByteCount(1 << 20))
            return try JSONCoding.decode(Answers.self, from: text)
        }
    }

    /// - Parameter isSound: what starts has time to; else the first failures count.
    static func unit(
        _ settings: ParallelSettings, hooks: [HookMoment: String] = [:], isSound: Bool = true
    ) throws -> UnitDefinition {
        var unit = try TestRepository.unit(hooks: hooks)
        unit.parallel = settings
        if isSound { unit.health[0].startPeriod = .seconds(40) }
        unit.healthyDeadline = .seconds(45)
        return unit
    }

    /// By sockets and a link.
    static func linked(drain: TimeSpan = .milliseconds(400), warm: TimeSpan = .hours(1)) -> ParallelSettings {
        ParallelSettings(slots: ["${RUN}/a.sock", "${RUN}/b.sock"], link: "/run/active", drain: drain, warm: warm)
    }

    /// Ends what runs in the slots of a host that is gone.
    static func end(_ dir: TemporaryFolder) async throws {
        for slot in SlotName.allCases {
            for process in running(dir, slot) {
                try await LiveProcesses().stopService(process, grace: .milliseconds(200))
            }
        }
    }

    static func running(_ dir: TemporaryFolder, _ slot: SlotName) -> [ServiceProcess] {
        let key = ServiceKey(product: TestRepository.product, unit: UnitName(unchecked: "web"), slot: slot)
        return (try? ServiceStrays.find(AgentFolder(base: dir.directory), key)) ?? []
    }

    static func world() throws -> (root: TemporaryFolder, variables: [String: String]) {
        let root = try TemporaryFolder()
        _ = try root.directory.createDirectory("run")
        return (root, ["RUN": root.path + "/run"])
    }
}
