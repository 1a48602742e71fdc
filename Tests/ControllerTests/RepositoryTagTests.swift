import Effects
import Glibc
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

@Suite("Tags of files that change")
struct RepositoryTagTests {
    private let folder: TemporaryFolder
    private let directory: Directory
    private let tags = RepositoryTags()
    private var path: String { folder.path + "/a" }

    init() throws {
        folder = try TemporaryFolder()
        directory = try Directory.open(folder.path)
        try directory.writeDurably("a", Array("one".utf8))
    }

    /// Once the file has been the same for a moment.
    private func keep(_ tag: String) async throws {
        try await eventually {
            tags.keep(tag, of: path, try directory.openFile("a"))
            return tags.tag(of: path) == tag
        }
    }

    @Test("A tag is known until its file is replaced, written into or removed")
    func changed() async throws {
        #expect(tags.tag(of: path) == nil)
        try await keep("1")
        let old = try directory.openFile("a")
        try directory.writeDurably("a", Array("two".utf8))
        #expect(tags.tag(of: path) == nil)
        // Of what was read just before it was replaced.
        tags.keep("1", of: path, old)
        #expect(tags.tag(of: path) == nil)
        try await keep("2")
        let descriptor = open(path, O_WRONLY)
        #expect(write(descriptor, "owt", 3) == 3)
        close(descriptor)
        #expect(tags.tag(of: path) == nil)
        try await keep("3")
        try directory.removeFile("a")
        #expect(tags.tag(of: path) == nil)
    }

    @Test("What was published is served at once to a host that has what was there before and was told so often")
    func published() async throws {
        let test = try TestController()
        try await test.run { running in
            let (name, controller) = ("metadata/timestamp.json", running.controller)
            let client = try TestClient(test, running)
            let first = try await client.send("GET", "/repository/\(name)")
            let tag = try #require(first.head["etag"])
            let known = [HTTPField("If-None-Match", tag)]
            let place = "\(test.folder.path)/\(ControllerDirectory.repositoryName)/\(name)"
            try await eventually {
                let status = try await client.send("GET", "/repository/\(name)", headers: known).status
                return status == 304 && controller.repositoryTags.tag(of: place) == tag
            }
            #expect(try await client.send("GET", "/repository/\(name)", headers: known).status == 304)
            let repository = try controller.folder.repository()
            try repository.writeDurably(name, first.body + [0x0A])
            let next = try await client.send("GET", "/repository/\(name)", headers: known)
            #expect(next.status == 200 && next.body == first.body + [0x0A])
            #expect(next.head["etag"] != tag)
            await client.close()
        }
    }
    /// Answers of one TLS connection: each head in one line, its fields in order.
    private static let python = """
        import socket, ssl, sys, time
        port, tag = int(sys.argv[1]), sys.argv[2]
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        one = context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=40))
        def ask(path, more="", body=""): return f"GET {path} HTTP/1.1\\r\\nHost: x\\r\\n{more}\\r\\n{body}".encode()
        file, known = "/repository/metadata/timestamp.json", f"If-None-Match: {tag}\\r\\n"
        answers = one.makefile("rb")
        def answer():
            head = [line.decode().strip() for line in iter(answers.readline, b"\\r\\n") if line]
            length = [int(line.split(": ")[1]) for line in head if line.lower().startswith("content-length")]
            answers.read(length[0] if length else 0)
            return [line for line in head if not line.startswith("Date: ")], any(line.startswith("Date: ") for line in head)

        """

    private static func known(
        patience: ConnectionPatience = ConnectionPatience(), _ script: String
    ) async throws -> String {
        let test = try TestController()
        return try await test.run(patience: patience) { running in
            let client = try TestClient(test, running)
            let name = "metadata/timestamp.json"
            let tag = try #require(try await client.send("GET", "/repository/\(name)").head["etag"])
            let place = "\(test.folder.path)/\(ControllerDirectory.repositoryName)/\(name)"
            try await eventually {
                _ = try await client.send("GET", "/repository/\(name)")
                return running.controller.repositoryTags.tag(of: place) == tag
            }
            await client.close()
            let result = try await LiveProcesses().run(
                ProcessCommand(
                    executable: "/usr/bin/python3", arguments: ["-c", python + script, "\(running.port)", tag],
                    workingDirectory: "/", timeout: .seconds(60)))
            return result.output
        }
    }

    @Test("A check that finds nothing new is answered as by its route, in its turn among others, whatever body it has")
    func inTurn() async throws {
        let said = try await Self.known(
            """
            one.sendall(ask("/v1/authority") + ask(file, known) + ask(file))
            print([answer()[0][0] for _ in range(3)])
            one.sendall(ask(file, known + "Content-Length: 5\\r\\n", "hello") + ask(file, known))
            short = [answer() for _ in range(2)]
            one.sendall(ask(file + "?x", known) + ask(file, known + "Connection: close\\r\\n"))
            long = [answer() for _ in range(2)]
            print(short == long, short[0])
            """)
        #expect(
            said.hasPrefix("['HTTP/1.1 200 OK', 'HTTP/1.1 304 Not Modified', 'HTTP/1.1 200 OK']\nTrue "), "\(said)")
        #expect(said.contains("'Server: slipway'") && said.hasSuffix("True)\n"), "\(said)")
    }

    @Test("A connection that goes on checking stays open, and is closed once it does not")
    func stays() async throws {
        let patience = ConnectionPatience(head: .seconds(3), idle: .seconds(3))
        let said = try await Self.known(
            patience: patience,
            """
            ends, count = time.monotonic() + 7, 0
            while time.monotonic() < ends:
                one.sendall(ask(file, known))
                count += answer()[0][0] == "HTTP/1.1 304 Not Modified"
                time.sleep(0.1)
            print(count > 4, one.recv(1))
            """)
        #expect(said == "True b''\n", "\(said)")
    }
}
