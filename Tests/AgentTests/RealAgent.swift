import AgentProtocol
import Effects
import Glibc
import ReleaseDefinition
import ReleaseDistribution
import Testing

@testable import AgentLibrary

/// The agent's own program, on a host of its own.
struct RealAgent: Sendable {
    let dir: TemporaryFolder
    let root: TemporaryFolder
    private let processes = LiveProcesses()

    /// Beside the test bundle.
    static var program: String {
        let parts = #filePath.split(separator: "/").dropLast(3)
        return "/" + parts.joined(separator: "/") + "/.build/debug/slipway-agent"
    }

    static func configuration(repository: String, root: String) -> AgentConfiguration {
        AgentConfiguration(
            controller: "https://127.0.0.1:1", host: TestHost.name, environment: TestRepository.environment,
            delivery: .pull, repository: repository, channels: [TestRepository.channel], checkInterval: .seconds(1),
            root: root)
    }

    /// A host that has its folders already.
    init(dir: TemporaryFolder, root: TemporaryFolder) throws { (self.dir, self.root) = (dir, root) }

    /// A host that runs what `baseline` runs, by a copy of its folders.
    /// - Parameter edit: changes its configuration; the second argument is its root.
    init(
        copying baseline: TestHost, repository: String,
        edit: (inout AgentConfiguration, String) -> Void = { _, _ in }
    ) async throws {
        dir = try TemporaryFolder()
        root = try TemporaryFolder()
        for (from, to) in [(baseline.dir.path, dir.path), (baseline.root.path, root.path)] {
            let result = try await processes.run(
                ProcessCommand(
                    executable: "/bin/cp", arguments: ["-a", from + "/.", to], workingDirectory: "/",
                    timeout: .seconds(30)))
            #expect(result.end == .exited(0))
        }
        try dir.directory.removeTree("services")
        var configuration = Self.configuration(repository: repository, root: root.path)
        edit(&configuration, root.path)
        try configuration.write(in: dir.directory)
    }

    /// - Parameters:
    ///   - nearby: with a relative `--dir`, the same for every agent.
    ///   - halves: only the root half; the other is `startNetworkHalf`.
    func start(
        environment: [String: String] = [:], nearby: Bool = false, halves: Bool = false
    ) throws -> ServiceProcess {
        let how =
            halves ? ["--socket", dir.path + "/socket", "--network-user", try Self.user] : ["--single"]
        return try start(
            ["run"] + how + ["--dir", nearby ? "." : dir.path], environment, in: nearby ? dir.path : "/",
            log: "agent.log")
    }

    func startNetworkHalf() throws -> ServiceProcess {
        let tls = try AgentFolder(base: dir.directory).tls().path
        return try start(
            ["network", "--socket", dir.path + "/socket", "--tls", tls, "--root-user", try Self.user],
            log: "network.log")
    }

    private func start(
        _ arguments: [String], _ environment: [String: String] = [:], in folder: String = "/", log: String
    ) throws -> ServiceProcess {
        try processes.startService(
            ProcessCommand(
                executable: Self.program, arguments: arguments,
                environment: environment.merging(["SWIFT_BACKTRACE": "enable=no"]) { $1 }, workingDirectory: folder,
                timeout: .zero), log: dir.path + "/" + log)
    }

    private static var user: String {
        get throws {
            let entry = try #require(getpwuid(geteuid()), "this user has a name")
            return String(cString: entry.pointee.pw_name)
        }
    }

    func isRunning(_ process: ServiceProcess) -> Bool { processes.isRunning(process) }

    func kill(_ process: ServiceProcess) async throws {
        _ = Glibc.kill(process.processID, SIGKILL)
        try await processes.waitForEnd(of: process)
    }

    var state: HostState { get throws { try HostState(reading: dir.directory) } }

    /// The version that the link shows; nil: there is no link. Throws if it shows no whole tree.
    func version() throws -> String? {
        guard try root.directory.status("opt/web") != nil else { return nil }
        let target = try root.directory.readLink("opt/web")
        return String(
            decoding: try root.directory.read("opt/\(target)/VERSION", sizeMax: ByteCount(100)), as: UTF8.self)
    }

    var services: [ServiceProcess] { servicesRunning(in: dir.path) }

    func end() async throws {
        try endAgents()
        for service in services { try await processes.stopService(service, grace: .seconds(2)) }
    }
}

extension RealAgent {
    /// Whichever agent of this folder is left: one that becomes another program was taken for dead by whoever looked just then.
    private func endAgents() throws {
        let proc = try Directory.open("/proc")
        for entry in try proc.list() {
            guard let number = Int32(entry.name),
                let line = try? proc.openFile("\(number)/cmdline").read(upTo: 4096),
                line.split(separator: 0).contains(where: { $0.elementsEqual(dir.path.utf8) })
            else { continue }
            _ = Glibc.kill(number, SIGKILL)
        }
    }
}

/// `python3 -m http.server` over a repository's folder.
struct WebServer: Sendable {
    let url: String
    var port: String { String(url.split(separator: ":").last ?? "0") }
    var processID: Int32 { process.processID }
    private let process: ServiceProcess

    init(_ repository: TestRepository, port: String = "0") async throws {
        let log = try TemporaryFolder()
        process = try LiveProcesses().startService(
            ProcessCommand(
                executable: "/usr/bin/python3",
                arguments: [
                    "-u", "-m", "http.server", port, "--bind", "127.0.0.1", "--directory", repository.folder.path,
                ], workingDirectory: "/", timeout: .zero), log: log.path + "/log")
        let port = try await poll {
            let text = String(decoding: try log.directory.read("log", sizeMax: ByteCount(1 << 20)), as: UTF8.self)
            return text.split(separator: " ").drop { $0 != "port" }.dropFirst().first.map(String.init)
        }
        url = "http://127.0.0.1:\(port)"
    }

    func end() async throws { try await LiveProcesses().stopService(process, grace: .seconds(2)) }
}
