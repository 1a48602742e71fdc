import ControllerAPI
import Effects
import ReleaseDefinition
import enum TestSupport.Ports
import Synchronization
import Testing

/// A controller, its agents and a plain web server, all real processes below one temporary folder; everything ends with
/// the value.
final class Fleet: Sendable {
    let folder: String
    let controllerPort: Int
    let http: LiveHTTP
    /// Of controller and agents.
    private let environment: [String: String]
    private let state = Mutex(State())

    private struct State {
        var controller: ChildProcess?
        var webServer: ChildProcess?
        var agents: [FleetAgent] = []
    }

    var controllerFolder: String { folder + "/controller" }
    var controllerURL: String { "https://127.0.0.1:\(controllerPort)" }
    var controllerLog: String { (try? Files.read(folder + "/controller.log")) ?? "" }

    /// A controller that answers, and no host yet.
    /// - Parameters:
    ///   - options: of `slipway init`; FOLDER in them and in `environment` is the fleet's.
    init(
        environments: String = "staging,production", options: [String] = [], environment: [String: String] = [:]
    ) async throws {
        let folder = try Files.makeTemporaryFolder()
        self.folder = folder
        self.environment = environment.mapValues { $0.replacing("FOLDER", with: folder) }
        controllerPort = try Ports.free()
        http = try LiveHTTP(identity: nil, userAgent: "slipway-test")
        try Files.makeFolder(folder + "/run")
        let more = options.map { $0.replacing("FOLDER", with: folder) }
        let usual = ["--listen", "127.0.0.1:\(controllerPort)", "--environments", environments]
        let made = try await slipway(["init", "--dir", controllerFolder] + usual + more, hasController: false)
        guard made.status == 0 else { throw TestFailure(description: "slipway init: \(made.errors)") }
        try await startController()
    }

    deinit {
        state.withLock { state in
            state.agents.forEach { $0.kill() }
            state.controller?.kill()
            state.webServer?.kill()
        }
        Files.killProcesses(below: folder)
        Files.removeTree(folder)
        let http = self.http
        Task { await http.shutdown() }
    }

    // MARK: controller

    func startController() async throws {
        let child = try ChildProcess(
            Files.programs + "/slipway-controller", ["run", "--dir", controllerFolder], environment: environment,
            folder: folder + "/run",
            output: folder + "/controller.log", errors: folder + "/controller.log")
        state.withLock { $0.controller = child }
        try await eventually("the controller answers; its log: \(controllerLog)") {
            if let code = child.endedWith { throw TestFailure(description: "it ended with \(code): \(controllerLog)") }
            return try await slipway("hosts", "list", "--output", "name").status == 0
        }
    }

    func killController() { state.withLock { $0.controller?.kill() } }

    func sendController(_ signal: Int32) { state.withLock { $0.controller?.send(signal) } }

    var controllerResidentKiB: Int { state.withLock { $0.controller?.residentKiB ?? 0 } }

    /// Runs the operator's command against this controller.
    func slipway(_ arguments: String..., hasController: Bool = true) async throws -> ChildProcess.Result {
        try await slipway(arguments, hasController: hasController)
    }

    func slipway(_ arguments: [String], hasController: Bool = true) async throws -> ChildProcess.Result {
        let all = arguments + (hasController ? ["--dir", controllerFolder] : [])
        return try await ChildProcess.run(
            Files.programs + "/slipway", all, environment: environment, folder: folder + "/run")
    }

    /// - Throws: where it does not end with 0.
    @discardableResult
    func done(_ arguments: String...) async throws -> String {
        let result = try await slipway(arguments)
        guard result.status == 0 else {
            throw TestFailure(description: "slipway \(arguments) ended with \(result.status): \(result.errors)")
        }
        return result.output
    }

    func json<Value: Decodable>(_ type: Value.Type, _ arguments: String...) async throws -> Value {
        let result = try await slipway(arguments + ["--output", "json"])
        guard result.status == 0 else {
            throw TestFailure(description: "slipway \(arguments) ended with \(result.status): \(result.errors)")
        }
        let problems = try PublishedOutput.problems(arguments, result.output)
        guard problems.isEmpty else { throw TestFailure(description: "slipway \(arguments) printed: \(problems)") }
        return try JSONCoding.decode(type, from: Array(result.output.utf8))
    }

    func lastRollout() async throws -> RolloutView {
        let rollouts = try await json([RolloutView].self, "rollout", "list")
        guard let last = rollouts.last else { throw TestFailure(description: "there is no rollout") }
        return try await json(RolloutView.self, "rollout", "show", last.id.text)
    }

    // MARK: agents

    var agents: [FleetAgent] { state.withLock { $0.agents } }

    /// Joins a host and starts its agent.
    /// - Parameter folder: of the controller that it belongs to; nil: the first.
    @discardableResult
    func addAgent(
        _ delivery: FleetAgent.Delivery = .push, environment: String = "staging", labels: [String: String] = [:],
        disk: String? = nil, by folder: String? = nil
    ) async throws -> FleetAgent {
        let options = labels.flatMap { ["--label", "\($0.key)=\($0.value)"] }
        let join = try await slipway(
            ["hosts", "invite", "--environment", environment, "--dir", folder ?? controllerFolder] + options,
            hasController: false)
        guard join.status == 0 else { throw TestFailure(description: "hosts invite: \(join.errors)") }
        let number = agents.count + 1
        let agent = try FleetAgent(
            fleet: self.folder, number: number, delivery: delivery, disk: disk, environment: self.environment)
        let string = join.output.filter { !$0.isWhitespace }
        if let disk {
            try agent.joinAndStart(string, disk: disk)
        } else {
            try await agent.join(string)
            try agent.start()
        }
        state.withLock { $0.agents.append(agent) }
        return agent
    }

    /// Push agents, all online.
    func addAgents(_ count: Int) async throws {
        for _ in 0..<count { try await addAgent() }
        try await allOnline()
    }

    func allOnline() async throws {
        let count = agents.count
        try await eventually("\(count) agents are online: \(agents.map(\.log))") {
            try await json([HostView].self, "hosts", "list").filter { $0.contact == .online }.count == count
        }
    }

    /// The version that a host's service itself answers; nil: nothing answers.
    func answer(of agent: FleetAgent) async -> String? {
        let url = "http://127.0.0.1:\(agent.port)/version"
        let response = try? await http.send(HTTPRequest("GET", url, timeout: .seconds(2)))
        return response.map { String(decoding: $0.body, as: UTF8.self).filter { !$0.isWhitespace } }
    }

    /// By the services' own answers and by the controller's record.
    func everyHostRuns(_ version: String, within limit: Duration = .seconds(60)) async throws {
        try await eventually(within: limit, "every host runs \(version)") {
            for agent in agents {
                let answer = await answer(of: agent)
                guard answer == version else {
                    throw TestFailure(
                        description: "\(agent.name) answers \(answer ?? "nothing"): \(agent.log.suffix(1500))")
                }
            }
            let hosts = try await json([HostView].self, "hosts", "list")
            for product in hosts.flatMap(\.products) where product.running?.text != version || !product.isAsWanted {
                throw TestFailure(description: "the record says \(product)")
            }
            return hosts.allSatisfy { !$0.products.isEmpty }
        }
    }

    // MARK: static repository

    /// A plain web server for `www` in the fleet's folder: a link to the controller's own repository folder, or to a
    /// copy that the test publishes and spoils.
    func startWebServer(serving target: String? = nil) async throws -> String {
        try Files.link(folder + "/www", to: target ?? controllerFolder + "/repository")
        let port = try Ports.free()
        let child = try ChildProcess(
            "/usr/bin/python3",
            ["-m", "http.server", "--bind", "127.0.0.1", "--directory", folder + "/www", String(port)],
            folder: folder + "/run", output: folder + "/web.log", errors: folder + "/web.log")
        state.withLock { $0.webServer = child }
        let url = "http://127.0.0.1:\(port)"
        try await eventually("the web server answers") {
            try await http.send(HTTPRequest("GET", url + "/")).status == 200
        }
        return url
    }

    /// Serves another folder from now on.
    func serve(_ target: String) throws { try Files.link(folder + "/www", to: target) }

    var webLog: String { (try? Files.read(folder + "/web.log")) ?? "" }
}
