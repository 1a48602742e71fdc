import Synchronization
import Testing

import enum TestSupport.Ports

/// Another controller on the database and the repository of a fleet's first, set up as docs/operations.md says; it ends with the value.
final class SecondController: Sendable {
    private let fleet: Fleet
    private let port: Int
    private let process = Mutex<ChildProcess?>(nil)

    init(beside fleet: Fleet) throws {
        self.fleet = fleet
        port = try Ports.free()
    }

    deinit { kill() }

    var folder: String { fleet.folder + "/second" }
    var log: String { (try? Files.read(fleet.folder + "/second.log")) ?? "" }

    /// Keys and settings of the first as they are now.
    func copySetup() async throws {
        Files.removeTree(folder)
        try Files.makeFolder(folder)
        let first = fleet.controllerFolder
        let names = ["controller.json", "client.json", "admin.token", "keys", "ca", "tls"]
        let copied = try await ChildProcess.run(
            "/bin/cp", ["-a"] + names.map { "\(first)/\($0)" } + [folder], folder: fleet.folder)
        guard copied.status == 0 else { throw TestFailure(description: "cp: \(copied.errors)") }
        for name in names.prefix(2) {
            let text = try Files.read("\(folder)/\(name)")
            try Files.write(
                "\(folder)/\(name)", text.replacing(":\(fleet.controllerPort)", with: ":\(port)"), mode: 0o600)
        }
        let settings = try Files.read(folder + "/controller.json")
        guard let brace = settings.firstIndex(of: "{") else { throw TestFailure(description: settings) }
        try Files.write(
            folder + "/controller.json",
            #"{"repository": "\#(first)/repository", "# + settings[settings.index(after: brace)...], mode: 0o600)
    }

    func start() async throws {
        let child = try ChildProcess(
            Files.programs + "/slipway-controller", ["run", "--dir", folder], folder: fleet.folder + "/run",
            output: fleet.folder + "/second.log", errors: fleet.folder + "/second.log")
        process.withLock { $0 = child }
        try await eventually("the second controller answers; its log: \(log)") {
            if let code = child.endedWith { throw TestFailure(description: "it ended with \(code): \(log)") }
            return try await fleet.slipway(["hosts", "list", "--dir", folder], hasController: false).status == 0
        }
    }

    func kill() { process.withLock { $0?.kill() } }
}
