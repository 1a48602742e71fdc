import ControllerAPI
import ReleaseDefinition
import Testing

extension EndToEnd {
    /// Whoever redirects into a file on a full disk must not be told that all went well.
    @Suite(.serialized) struct FullOutput {
        /// Runs a program whose stdout is /dev/full.
        private static func run(_ program: String, _ arguments: [String], in folder: String) async throws
            -> ChildProcess.Result
        {
            try await ChildProcess.run(
                "/bin/sh", ["-c", #"exec "$0" "$@" >/dev/full"#, "\(Files.programs)/\(program)"] + arguments,
                folder: folder)
        }

        private static func check(
            _ program: String, _ arguments: [String], in folder: String,
            sourceLocation: SourceLocation = #_sourceLocation
        ) async throws {
            let result = try await run(program, arguments, in: folder)
            #expect(
                result.status == 1, "\(program) \(arguments): \(result.status) \(result.errors)",
                sourceLocation: sourceLocation)
            #expect(
                result.errors.contains("could not be written"), "\(program) \(arguments): \(result.errors)",
                sourceLocation: sourceLocation)
        }

        /// Every command and group of a program, as words.
        private static func tree(_ program: String, _ folder: String) async throws -> [[String]] {
            let result = try await ChildProcess.run(
                "\(Files.programs)/\(program)", ["--experimental-dump-help"], folder: folder)
            let dump = try JSONValue(parsing: Array(result.output.utf8), limits: JSONLimits(depthMax: 100))
            func walk(_ command: JSONValue?, _ path: [String]) -> [[String]] {
                [path]
                    + (command?["subcommands"]?.arrayValue ?? []).flatMap { below -> [[String]] in
                        let name = below["commandName"]?.stringValue ?? ""
                        return name == "help" ? [] : walk(below, path + [name])
                    }
            }
            return walk(dump["command"], [])
        }

        @Test(
            "The help of every command, and the version, end with 1 where stdout is full",
            arguments: [("slipway", 120), ("slipway-agent", 18), ("slipway-controller", 7)])
        func help(_ program: String, _ count: Int) async throws {
            let folder = try Files.makeTemporaryFolder()
            defer { Files.removeTree(folder) }
            let tree = try await Self.tree(program, folder)
            #expect(tree.count >= count, "\(tree.count)")
            // `slipway init --help` is what slipway-controller says.
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (place, words) in tree.enumerated() {
                    if place >= 4 { try await group.next() }
                    group.addTask { try await Self.check(program, words + ["--help"], in: folder) }
                }
                try await group.waitForAll()
            }
            for words in [["--version"], ["--experimental-dump-help"], ["--generate-completion-script", "bash"]] {
                try await Self.check(program, words, in: folder)
            }
        }

        @Test("What works without a controller ends with 1 where stdout is full, and what is made is there")
        func local() async throws {
            let folder = try Files.makeTemporaryFolder()
            defer { Files.removeTree(folder) }
            for command in try PublishedCommands.local(below: folder) {
                try await Self.check("slipway", PublishedCommands.asJSON(command), in: folder)
            }
            for command in [["completions", "bash"], ["version"], ["explain", "trust.root.expired"]] {
                try await Self.check("slipway", command, in: folder)
            }
            #expect(Files.exists(folder + "/new.slip") && Files.exists(folder + "/key.pem"))
            let made = folder + "/controller"
            let commands = [
                ["init", "--dir", made], ["backup", "--dir", made, "--output", folder + "/backup"],
                ["restore", "--from", folder + "/backup", "--dir", folder + "/again"],
                ["retention", "--dir", made], ["recovery-kit", "--dir", made, "--output", folder + "/kit"],
            ]
            for command in commands { try await Self.check("slipway-controller", command, in: folder) }
            #expect(Files.exists(made + "/controller.json") && Files.exists(folder + "/again/controller.json"))
            #expect(Files.list(folder + "/kit") == [], "nobody has read its passphrase")
        }

        @Test("What is asked of a controller, and of an agent's folder, ends with 1 where stdout is full")
        func fleet() async throws {
            let fleet = try await Fleet.running("1.0", pushed: 1)
            for command in try await PublishedCommands.online(fleet) {
                try await Self.check(
                    "slipway", PublishedCommands.asJSON(command) + ["--dir", fleet.controllerFolder], in: fleet.folder)
            }
            let agent = try #require(fleet.agents.first)
            let words: [[String]] = [
                ["status"], ["status", "--output", "json"], ["history"], ["why", "web-service"], ["verify"], ["docs"],
            ]
            for command in words {
                try await Self.check("slipway-agent", command + ["--dir", agent.folder], in: fleet.folder)
            }
        }
    }
}
