import Glibc
import Synchronization

import enum TestSupport.Ports

/// One host of a fleet: an agent, its folder, the tree that stands for its root, its service's port.
final class FleetAgent: Sendable {
    enum Delivery: Sendable, Equatable {
        case push
        /// From this URL, every second.
        case pull(String, channel: String = "staging.web-service")
    }

    let name: String
    let port: Int
    let delivery: Delivery
    /// Size of a file system of its own, as `4m`; nil: the fleet's.
    let disk: String?
    private let fleet: String
    private let environment: [String: String]
    private let process = Mutex<ChildProcess?>(nil)

    init(
        fleet: String, number: Int, delivery: Delivery, disk: String? = nil, environment: [String: String] = [:]
    ) throws {
        name = "agent-\(number)"
        port = try Ports.free()
        self.disk = disk
        self.fleet = fleet
        self.environment = environment
        self.delivery = delivery
    }

    var folder: String { "\(fleet)/\(name)/state" }
    /// Prefix of every `installTo`.
    var root: String { "\(fleet)/\(name)/root" }
    var log: String { (try? Files.read("\(fleet)/\(name).log")) ?? "" }
    /// The tree that the product's link leads to; nil: nothing is installed.
    var installedTree: String? { Files.target(ofLink: root + "/opt/web-service") }

    private func joining(_ string: String) -> [String] {
        var arguments = ["join", string, "--dir", folder, "--root", root, "--variable", "PORT=\(port)"]
        if case .pull(let url, let channel) = delivery {
            arguments += ["--pull", url, "--channel", channel, "--check-interval", "1s"]
        }
        return arguments
    }

    /// Joins and starts on a disk of its own, which no other process sees.
    func joinAndStart(_ string: String, disk: String) throws {
        try Files.makeFolder("\(fleet)/\(name)")
        let program = "'\(Files.programs)/slipway-agent'"
        let join = joining(string).map { "'\($0)'" }.joined(separator: " ")
        let words = SmallDisk.command(
            folder: "\(fleet)/\(name)", size: disk,
            then: "mkdir -p '\(root)'; \(program) \(join); exec \(program) run --dir '\(folder)'")
        let log = "\(fleet)/\(name).log"
        let child = try ChildProcess(
            words[0], Array(words.dropFirst()), folder: fleet + "/run", output: log, errors: log)
        process.withLock { $0 = child }
    }

    func join(_ string: String) async throws {
        try Files.makeFolder(root)
        let arguments = joining(string)
        let result = try await ChildProcess.run(
            Files.programs + "/slipway-agent", arguments, environment: environment, folder: fleet + "/run")
        guard result.status == 0 else { throw TestFailure(description: "slipway-agent join: \(result.errors)") }
    }

    func start() throws {
        let child = try ChildProcess(
            Files.programs + "/slipway-agent", ["run", "--dir", folder], environment: environment,
            folder: fleet + "/run", output: "\(fleet)/\(name).log", errors: "\(fleet)/\(name).log")
        process.withLock { $0 = child }
    }

    /// SIGKILL; its service goes on.
    func kill() {
        process.withLock { process in
            if disk != nil, let process { SmallDisk.killAll(like: process.processID) }
            process?.kill()
        }
    }

    /// SIGSTOP, SIGCONT: the machine sleeps.
    func sleep() { process.withLock { $0?.send(SIGSTOP) } }
    func wake() { process.withLock { $0?.send(SIGCONT) } }

    var residentKiB: Int { process.withLock { $0?.residentKiB ?? 0 } }

    func run(_ arguments: String...) async throws -> ChildProcess.Result {
        try await ChildProcess.run(
            Files.programs + "/slipway-agent", arguments + ["--dir", folder], environment: environment,
            folder: fleet + "/run")
    }
}
