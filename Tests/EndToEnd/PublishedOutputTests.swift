import ControllerAPI
import ReleaseDefinition
import Testing

extension EndToEnd {
    /// docs/schemas against what is really printed. Whatever other tests read of a fleet is compared by the fleet itself.
    @Suite(.serialized) struct Published {
        @Test("What commands print without a controller is as docs/schemas says")
        func local() async throws {
            let folder = try Files.makeTemporaryFolder()
            defer { Files.removeTree(folder) }
            for command in try PublishedCommands.local(below: folder) {
                let result = try await ChildProcess.run(
                    Files.programs + "/slipway", PublishedCommands.asJSON(command), folder: folder)
                #expect(result.status == 0, "\(command): \(result.errors)")
                #expect(try PublishedOutput.problems(command, result.output) == [], "\(command)")
            }
        }

        @Test("What commands print of a controller is as docs/schemas says")
        func fleet() async throws {
            let fleet = try await Fleet.running("1.0", pushed: 1)
            for command in try await PublishedCommands.online(fleet) {
                let result = try await fleet.slipway(PublishedCommands.asJSON(command))
                // 1: something is broken, 6: something is missing; both are printed.
                #expect([0, 1, 6].contains(result.status), "\(command): \(result.errors)")
                #expect(try PublishedOutput.problems(command, result.output) == [], "\(command)")
            }
        }

        @Test("What the agent's commands print is as docs/schemas/agent says")
        func agent() async throws {
            let fleet = try await Fleet.running("1.0", pushed: 1)
            try await fleet.install("1.1")
            let agent = try #require(fleet.agents.first)
            func check(_ words: String..., folder: String? = nil) async throws {
                let result = try await ChildProcess.run(
                    Files.programs + "/slipway-agent", words + ["--dir", folder ?? agent.folder, "--output", "json"],
                    folder: fleet.folder)
                #expect(result.status == 0, "\(words): \(result.errors)")
                let problems = try PublishedOutput.problems(Array(words.prefix(1)), result.output, of: "slipway-agent")
                #expect(problems == [], "\(words)")
            }
            try await check("status")
            try await check("history")
            try await check("why", "web-service")
            try await check("verify")
            try await check("docs")
            try await check("restore", "web-service")
            let invited = try await fleet.done("hosts", "invite").filter { !$0.isWhitespace }
            try await check("join", invited, folder: fleet.folder + "/joined")
            agent.kill()
            try await check("back-out", "web-service")
            try Files.write(agent.root + "/old/bin/serve", "#!/bin/sh\n", mode: 0o755)
            try await check("adopt", "/old", "--product", "old")
        }

        @Test(
            "Whoever is logged in names no controller, also where a command can do without one; --offline asks nobody")
        func login() async throws {
            let fleet = try await Fleet()
            let own = ["XDG_CONFIG_HOME": fleet.folder + "/config"]
            func slipway(_ words: String...) async throws -> ChildProcess.Result {
                try await ChildProcess.run(
                    Files.programs + "/slipway", words, environment: own, folder: fleet.folder)
            }
            for command in [["login", "--dir", fleet.controllerFolder], ["hosts", "list"]] {
                let result = try await ChildProcess.run(
                    Files.programs + "/slipway", command + ["--output", "json"], environment: own, folder: fleet.folder)
                #expect(result.status == 0, "\(command): \(result.errors)")
                #expect(try PublishedOutput.problems(command, result.output) == [], "\(command)")
            }
            // Well-formed, and of an environment that this controller does not have.
            try Files.write(fleet.folder + "/policy.yaml", "environments: { nowhere: { strategies: [phased] } }\n")
            let asked = try await slipway("policy", "check", "policy.yaml")
            #expect(asked.status == 1 && asked.errors.contains("nowhere"), "\(asked.status): \(asked.errors)")
            let offline = try await slipway("policy", "check", "policy.yaml", "--offline")
            #expect(offline.status == 0, "\(offline.errors)")
            try await fleet.done("release", "submit", ReleaseSource(version: "1.0").write(below: fleet.folder))
            let template = try await slipway("release", "plan", "--template", "major", "--release", "web-service@1.0")
            try Files.write(fleet.folder + "/plan.yaml", template.output)
            let checked = try await slipway("release", "plan", "plan.yaml", "--offline", "--output", "json")
            #expect(checked.status == 0 && checked.output.isEmpty, "\(checked.errors)")
            let planned = try await slipway("release", "plan", "plan.yaml", "--output", "json")
            #expect(planned.status == 0 && planned.output.contains("web-service@1.0"), "\(planned.errors)")
            let both = try await slipway("policy", "check", "p", "--offline", "--dir", fleet.controllerFolder)
            #expect(both.status == 2, "\(both.errors)")
            let proposed = try await slipway("window", "propose", "--environment", "staging")
            #expect(proposed.errors.contains("--policy FILE") == false && proposed.status != 2, "\(proposed.errors)")
            #expect(try await slipway("login", "--forget", "--output", "json").status == 0)
            #expect(try await slipway("window", "propose", "--environment", "staging").status == 2)
        }
    }
}

/// Commands that are played as a whole, for what they print and for where it goes. One that writes a file ends with
/// `--format`, whose value is the test's.
enum PublishedCommands {
    static func asJSON(_ command: [String]) -> [String] {
        command + (command.last == "--format" ? ["json"] : ["--output", "json"])
    }

    static func local(below folder: String) throws -> [[String]] {
        let (old, new) = (folder + "/old.slip", folder + "/new.slip")
        let one = try ReleaseSource(version: "1.0").write(below: folder)
        let other = try ReleaseSource(version: "1.1").write(below: folder)
        let drafted = folder + "/drafted"
        try Files.write(drafted + "/bin/serve", Array("#!/bin/sh\n".utf8), mode: 0o755)
        return [
            ["release", "draft", drafted],
            ["package", "build", drafted, "--output", folder + "/drafted.slip", "--format"], ["version"], ["explain"],
            ["explain", "trust.root.expired"],
            ["simulate", "--hosts", "5"], ["simulate", "--hosts", "5", "--seeds", "2"],
            ["window", "test", "Mon..Fri 22:00", "--for", "2h"],
            ["package", "build", one, "--output", old, "--format"],
            ["package", "build", other, "--output", new, "--format"],
            ["package", "inspect", new, "--files"], ["package", "verify", new], ["package", "delta", old, new],
            ["package", "patch", old, new, "--output", folder + "/a.patch", "--format"],
            ["package", "unpack", old, folder + "/tree", "--format"],
            ["keys", "generate", "--output", folder + "/key.pem", "--format"],
        ]
    }

    /// For a fleet with one host that runs web-service@1.0; the host is retired in the end.
    static func online(_ fleet: Fleet) async throws -> [[String]] {
        let release = "web-service@1.0"
        let rollout = try await fleet.lastRollout().id.text
        guard let host = try await fleet.json([HostView].self, "hosts", "list").first?.id.text else {
            throw TestFailure(description: "there is no host")
        }
        let file = try RolloutSource.write(release, phases: "[100%]", below: fleet.folder)
        let exported = fleet.folder + "/exported"
        return [
            ["hosts", "list"], ["hosts", "show", host], ["hosts", "doctor", host], ["hosts", "drift"],
            ["release", "changes", "--affecting", host], ["hosts", "why", host, release], ["hosts", "invite"],
            ["hosts", "pin", host, "--reason", "why"], ["hosts", "pin", host, "--lift", "--reason", "why"],
            ["hosts", "invitation", "list", "--all"], ["hosts", "authority", "show"],
            ["release", "list"], ["release", "show", release], ["release", "status"], ["release", "docs", release],
            ["release", "retention"],
            ["release", "checklist", release], ["release", "evidence", "list", release],
            ["release", "review", "--all"], ["report", "measures"], ["deviation", "list"],
            ["rollout", "list"], ["rollout", "show", rollout], ["rollout", "why", rollout], ["rollout", "plan", file],
            ["rollout", "preflight", file], ["rollout", "order", file], ["rollout", "watch", rollout],
            ["tokens", "create", "ann"], ["tokens", "list", "--all"], ["grants", "add", "ann", "operator"],
            ["grants", "list"], ["freeze", "now", "--reason", "why", "--yes"], ["freeze", "list"],
            ["freeze", "lift", "--reason", "why"], ["audit", "list"], ["audit", "verify"], ["keys", "status"],
            ["keys", "renew", "targets"], ["keys", "rotate", "timestamp"],
            ["cmdb", "query"], ["notifications", "list"], ["doctor"],
            ["audit", "export", "--output", exported + ".log", "--format"],
            ["release", "export", release, "--host", host, "--output", exported + ".slip", "--format"],
            ["repository", "publish", exported],
            ["release", "revoke", release, "--environment", "staging", "--reason", "why", "--yes"],
            ["hosts", "retire", host, "--reason", "why", "--yes"],
        ]
    }
}
