import Synchronization

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
    private let fleet: String
    private let process = Mutex<ChildProcess?>(nil)

    init(fleet: String, number: Int, delivery: Delivery) throws {
        name = "agent-\(number)"
        port = try Ports.free()
        self.fleet = fleet
        self.delivery = delivery
    }

    var folder: String { "\(fleet)/\(name)" }
    /// Prefix of every `installTo`.
    var root: String { "\(fleet)/host-\(name)" }
    var log: String { (try? Files.read("\(fleet)/\(name).log")) ?? "" }
    /// The tree that the product's link leads to; nil: nothing is installed.
    var installedTree: String? { Files.target(ofLink: root + "/opt/web-service") }

    func join(_ string: String) async throws {
        var arguments = ["join", string, "--dir", folder, "--root", root, "--variable", "PORT=\(port)"]
        if case .pull(let url, let channel) = delivery {
            arguments += ["--pull", url, "--channel", channel, "--check-interval", "1s"]
        }
        let result = try await ChildProcess.run(Files.programs + "/slipway-agent", arguments, folder: fleet + "/run")
        guard result.status == 0 else { throw TestFailure(description: "slipway-agent join: \(result.errors)") }
    }

    func start() throws {
        let child = try ChildProcess(
            Files.programs + "/slipway-agent", ["run", "--dir", folder], folder: fleet + "/run",
            output: "\(fleet)/\(name).log", errors: "\(fleet)/\(name).log")
        process.withLock { $0 = child }
    }

    /// SIGKILL; its service goes on.
    func kill() { process.withLock { $0?.kill() } }

    var residentKiB: Int { process.withLock { $0?.residentKiB ?? 0 } }

    func run(_ arguments: String...) async throws -> ChildProcess.Result {
        try await ChildProcess.run(
            Files.programs + "/slipway-agent", arguments + ["--dir", folder], folder: fleet + "/run")
    }
}
