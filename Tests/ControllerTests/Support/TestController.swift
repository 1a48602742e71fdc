import AgentProtocol
import ControllerAPI
import Effects
import Glibc
import Logging
import ReleaseDefinition
import Synchronization
import Testing

@testable import ControllerLibrary

/// A folder of the test's own, removed at its end.
final class TemporaryFolder: Sendable {
    let path: String

    init(in above: String = "/tmp") throws {
        var template = Array("\(above)/slipway-controller-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        let (above, name) = Directory.split(path)
        try? Directory.open(above).removeTree(name)
    }
}

/// A controller made by `init` in a temporary folder, served on loopback over TLS; may be stopped and started again.
final class TestController: Sendable {
    struct Running: Sendable {
        var controller: Controller
        var port: Int
        var task: Task<Void, any Error>
    }

    let folder: TemporaryFolder
    let time: any TimeDoor
    let authority: String
    let adminToken: String
    private let running = Mutex<Running?>(nil)

    /// - Parameter keyPlan: of another profile than solo.
    init(
        time: any TimeDoor = SystemTime(), keyPlan: KeyPlan = .solo, database: String? = nil, in above: String = "/tmp"
    ) throws {
        self.time = time
        folder = try TemporaryFolder(in: above)
        let plan = try Initialisation(
            listen: "127.0.0.1:0", profile: keyPlan.profile.rawValue, environments: "staging,production",
            keyPlan: keyPlan, database: database)
        try plan.perform(in: folder.path, time: time)
        let made = try ControllerDirectory.open(folder.path)
        authority = try made.text(ControllerDirectory.authorityCertificateName)
        adminToken = try made.text(ControllerDirectory.adminTokenName).filter { !$0.isWhitespace }
    }

    /// One that is set up from a backup of another, in a folder of its own.
    init(
        restoring backup: String, of other: TestController, advance: Bool,
        kit: (path: String, passphrase: [UInt8])? = nil, time: (any TimeDoor)? = nil
    ) throws {
        self.time = time ?? other.time
        authority = other.authority
        adminToken = other.adminToken
        folder = try TemporaryFolder()
        _ = try ControllerRestore.perform(
            from: backup, to: folder.path, advance: advance, kit: kit, at: self.time.now())
    }

    /// A second controller with the same keys, record and repository, as docs/operations.md sets one up.
    init(beside other: TestController) throws {
        time = other.time
        authority = other.authority
        adminToken = other.adminToken
        folder = try TemporaryFolder()
        let (from, to) = (try Directory.open(other.folder.path), try Directory.open(folder.path))
        for entry in try from.list() where entry.kind == .directory && entry.name != "repository" {
            try to.createDirectory(entry.name, mode: 0o700)
            for file in try from.directory(entry.name).list() where file.kind == .file {
                let name = "\(entry.name)/\(file.name)"
                try to.writeDurably(name, try from.read(name, sizeMax: ByteCount(1 << 20)), mode: 0o600)
            }
        }
        let made = try ControllerDirectory.open(other.folder.path)
        var configuration = try made.json(ControllerConfiguration.self, ControllerDirectory.configurationName)
        configuration.repository = other.folder.path + "/repository"
        try ControllerDirectory(directory: to).write(ControllerDirectory.configurationName, json: configuration)
    }

    /// Changes `controller.json`, which counts from the next start.
    func configure(_ edit: (inout ControllerConfiguration) -> Void) throws {
        let made = try ControllerDirectory.open(folder.path)
        var configuration = try made.json(ControllerConfiguration.self, ControllerDirectory.configurationName)
        edit(&configuration)
        try made.write(ControllerDirectory.configurationName, json: configuration)
    }

    /// Runs the body with the server up, and stops the server after it.
    func run<Value>(
        patience: ConnectionPatience = ConnectionPatience(), _ body: (Running) async throws -> Value
    ) async throws -> Value {
        let running = try await start(patience: patience)
        do {
            let value = try await body(running)
            await stop(running)
            return value
        } catch {
            await stop(running)
            throw error
        }
    }

    /// - Parameter logger: nil: what it says is not heard.
    func start(
        patience: ConnectionPatience = ConnectionPatience(), logger heard: Logger? = nil
    ) async throws -> Running {
        var logger = heard ?? Logger(label: "test")
        if heard == nil { logger.logLevel = .critical }
        let controller = try Controller(directory: folder.path, time: time, logger: logger)
        let server = try ControllerServer(controller, patience: patience)
        let (ports, continuation) = AsyncStream.makeStream(of: Int.self)
        let task = Task {
            defer { continuation.finish() }
            try await server.run { port in continuation.yield(port) }
        }
        var iterator = ports.makeAsyncIterator()
        guard let port = await iterator.next() else {
            try await task.value
            throw TestFailure("the server did not start")
        }
        return Running(controller: controller, port: port, task: task)
    }

    /// As SIGKILL would: the lease and the contacts stay as they were.
    func kill(_ running: Running) async {
        await running.controller.dieSilently()
        running.task.cancel()
        _ = try? await running.task.value
        await running.controller.close()
    }

    /// As a kill would: no farewell to anybody; only the sockets are closed.
    func stop(_ running: Running) async {
        running.task.cancel()
        _ = try? await running.task.value
        await running.controller.close()
    }
}

struct TestFailure: Error {
    var text: String
    init(_ text: String) { self.text = text }
}

/// Requests as one caller.
struct TestClient: Sendable {
    let http: LiveHTTP
    let baseURL: String
    var token: String?

    init(
        _ test: TestController, _ running: TestController.Running, certificate: String? = nil, key: String? = nil,
        authority: String? = nil, token: String? = nil
    ) throws {
        try self.init(
            test, port: running.port, certificate: certificate, key: key, authority: authority, token: token)
    }

    init(
        _ test: TestController, port: Int, certificate: String? = nil, key: String? = nil, authority: String? = nil,
        token: String? = nil
    ) throws {
        http = try LiveHTTP(
            identity: TLSIdentity(
                trustRoots: authority ?? test.authority, certificateChain: certificate, privateKey: key),
            userAgent: "slipway-tests")
        baseURL = "https://127.0.0.1:\(port)"
        self.token = token
    }

    func send(
        _ method: String, _ path: String, headers: [HTTPField] = [], bytes: [UInt8]? = nil,
        timeout: TimeSpan = .seconds(30)
    ) async throws -> HTTPResponse {
        let authorization = token.map { [HTTPField("Authorization", "Bearer \($0)")] } ?? []
        return try await http.send(
            HTTPRequest(
                method, baseURL + path, headers: authorization + headers, body: bytes, timeout: timeout))
    }

    /// Plans a rollout and starts it with the plan's digest; where planning is refused, that answer.
    func startRollout(_ definition: RolloutDefinition) async throws -> HTTPResponse {
        let planned = try await post("/v1/rollouts/plans", definition)
        guard planned.status == 201 else { return planned }
        let digest = try planned.json(RolloutPlanView.self).digest
        return try await post("/v1/rollouts?plan=\(digest)", definition)
    }

    func post(_ path: String, _ body: some Encodable) async throws -> HTTPResponse {
        try await send("POST", path, bytes: JSONCoding.value(of: body).wireBytes)
    }

    func close() async { await http.shutdown() }
}

extension HTTPResponse {
    func json<Value: Decodable>(_ type: Value.Type) throws -> Value { try JSONCoding.decode(type, from: body) }
    var problemCode: String? { (try? json(Problem.self))?.code }
}
