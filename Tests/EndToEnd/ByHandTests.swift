import ControllerAPI
import ReleaseDefinition
import Testing

extension EndToEnd.ByHand {
    /// Where the command is killed: at an append to the journal, or at the N-th call of a kind to the kernel.
    private enum KillPoint: CustomStringConvertible {
        case append(Int, String)
        case call(String, Int)

        var description: String {
            switch self {
            case .append(let number, let when): "\(when) append \(number)"
            case .call(let name, let number): "\(name) \(number)"
            }
        }
    }

    @Test("An installation by hand that is killed anywhere is completed by the same command, with a true receipt")
    func killed() async throws {
        let (fleet, agent, _, package) = try await Fleet.exported()
        // The eighth line is the last: after it the order has ended, and the same command has nothing to do, though nothing serves.
        let points: [KillPoint] =
            (1...7).flatMap { number in ["before", "torn", "after"].map { .append(number, $0) } }
            + [.append(8, "before"), .append(8, "torn")]
            + ["mkdirat", "fsync", "renameat", "renameat2", "linkat", "symlinkat"].flatMap { name in
                [1, 2, 4].map { .call(name, $0) }
            }
        var killed = 0
        var whole: [String] = []
        for (number, point) in points.enumerated() {
            let host = try await copy(of: agent, in: fleet, number)
            if try await killInstallation(of: package, on: host, at: point, in: fleet) { killed += 1 }
            // Never between: no link, or the link to a whole tree.
            if Files.target(ofLink: host.root + "/opt/web-service") != nil {
                #expect(try Files.read(host.root + "/opt/web-service/VERSION") == "1.0\n", "\(point)")
            }
            Files.killProcesses(below: host.root)
            let receipt = host.folder + ".receipt"
            let again = try await install(package, on: host, in: fleet, more: ["--receipt", receipt])
            #expect(again.status == 0, "\(point): \(again.errors)")
            #expect(await fleet.answer(of: agent) == "1.0", "\(point)")
            let files = Files.walk(host.root + "/opt").map { $0.replacing(/1\.0-[0-9a-f]+/, with: "1.0") }
            if whole.isEmpty { whole = files }
            #expect(files == whole && files.contains { $0.hasSuffix("/VERSION") }, "\(point)")
            #expect(!files.contains { $0.contains("staging") }, "\(point)")
            let envelope = try JSONValue(parsing: Files.bytes(receipt))["envelope"]
            let payload = try JSONValue(parsing: Base64.decode(envelope?["payload"]?.stringValue ?? "") ?? [])
            #expect(payload["release"]?.stringValue == "web-service@1.0", "\(point): \(payload)")
            #expect(["succeeded", "alreadyCurrent"].contains { "\(payload)".contains($0) }, "\(point): \(payload)")
            // Only the last host's is carried back: all of them are one host.
            if number == points.count - 1 {
                try await fleet.done("hosts", "receipt", "import", receipt)
                let told = try await fleet.json([HostView].self, "hosts", "list").first?.products.first?.running?.text
                #expect(told == "1.0")
            }
            Files.killProcesses(below: host.root)
            Files.removeTree(host.folder)
            Files.removeTree(host.root)
        }
        #expect(killed >= points.count / 2, "\(killed) of \(points.count)")
    }

    // MARK: -

    private struct Host {
        var folder: String
        var root: String
    }

    private func copy(of agent: FleetAgent, in fleet: Fleet, _ number: Int) async throws -> Host {
        let host = Host(folder: "\(fleet.folder)/copy-\(number)/state", root: "\(fleet.folder)/copy-\(number)/root")
        try Files.makeFolder(host.root)
        let result = try await ChildProcess.run(
            "/bin/cp", ["-a", agent.folder, host.folder], folder: fleet.folder + "/run")
        #expect(result.status == 0)
        // Its own root is another folder: with --root alone that would be an image for some other host.
        let file = host.folder + "/agent.json"
        let text = try Files.read(file)
        try #require(text.contains(agent.root))
        try Files.write(file, text.replacing(agent.root, with: host.root), mode: 0o600)
        return host
    }

    private func words(_ package: String, on host: Host) -> [String] {
        [Files.programs + "/slipway-agent", "install", package, "--dir", host.folder]
    }

    private func install(
        _ package: String, on host: Host, in fleet: Fleet, more: [String] = []
    ) async throws -> ChildProcess.Result {
        let words = words(package, on: host)
        return try await ChildProcess.run(words[0], words.dropFirst() + more, folder: fleet.folder + "/run")
    }

    /// - Returns: whether it was killed; else it had come to its end.
    private func killInstallation(
        of package: String, on host: Host, at point: KillPoint, in fleet: Fleet
    ) async throws -> Bool {
        let words = words(package, on: host)
        let log = host.folder + ".killed"
        var environment = ["SWIFT_BACKTRACE": "enable=no"]
        var command = words
        switch point {
        case .append(let number, let when):
            environment["SLIPWAY_FAULT_KILL_AT"] = "\(number)"
            environment["SLIPWAY_FAULT_KILL_WHEN"] = when
        case .call(let name, let number):
            command =
                [
                    "/usr/bin/strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=\(name)", "-e",
                    "inject=\(name):signal=KILL:when=\(number)",
                ] + words
        }
        let child = try ChildProcess(
            command[0], Array(command.dropFirst()), environment: environment, folder: fleet.folder + "/run",
            output: log, errors: log)
        // strace stays with the service that it saw start: the end of the command shows in its words.
        try await eventually("\(point): the command ends") {
            let said = (try? Files.read(log)) ?? ""
            return child.endedWith != nil || said.contains("web-service@1.0: ")
        }
        let hasEnded = child.endedWith
        child.kill()
        return hasEnded.map { $0 >= 128 } ?? false
    }
}
