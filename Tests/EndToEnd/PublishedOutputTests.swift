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
            let (old, new) = (folder + "/old.slip", folder + "/new.slip")
            let format = ["--format", "json"]
            let one = try ReleaseSource(version: "1.0").write(below: folder)
            let other = try ReleaseSource(version: "1.1").write(below: folder)
            let drafted = folder + "/drafted"
            try Files.write(drafted + "/bin/serve", Array("#!/bin/sh\n".utf8), mode: 0o755)
            let commands: [[String]] = [
                ["release", "draft", drafted],
                ["package", "build", drafted, "--output", folder + "/drafted.slip"] + format, ["version"], ["explain"],
                ["explain", "trust.root.expired"],
                ["simulate", "--hosts", "5"], ["simulate", "--hosts", "5", "--seeds", "2"],
                ["window", "test", "Mon..Fri 22:00", "--for", "2h"],
                ["package", "build", one, "--output", old] + format,
                ["package", "build", other, "--output", new] + format,
                ["package", "inspect", new, "--files"], ["package", "verify", new], ["package", "delta", old, new],
                ["package", "patch", old, new, "--output", folder + "/a.patch"] + format,
                ["package", "unpack", old, folder + "/tree"] + format,
            ]
            for command in commands {
                let all = command + (command.contains("--format") ? [] : ["--output", "json"])
                let result = try await ChildProcess.run(Files.programs + "/slipway", all, folder: folder)
                #expect(result.status == 0, "\(command): \(result.errors)")
                #expect(try PublishedOutput.problems(command, result.output) == [], "\(command)")
            }
        }

        @Test("What commands print of a controller is as docs/schemas says")
        func fleet() async throws {
            let fleet = try await Fleet.running("1.0", pushed: 1)
            let release = "web-service@1.0"
            let rollout = try await fleet.lastRollout().id.text
            let host = try #require(try await fleet.json([HostView].self, "hosts", "list").first?.id.text)
            let file = try RolloutSource.write(release, phases: "[100%]", below: fleet.folder)
            let commands: [[String]] = [
                ["hosts", "show", host], ["hosts", "doctor", host], ["release", "changes", "--affecting", host],
                ["hosts", "why", host, release], ["hosts", "invite"],
                ["hosts", "invitation", "list", "--all"], ["hosts", "authority", "show"],
                ["release", "list"], ["release", "show", release], ["release", "status"], ["release", "docs", release],
                ["release", "checklist", release], ["release", "evidence", "list", release],
                ["release", "review", "--all"], ["report", "measures"], ["deviation", "list"],
                ["rollout", "show", rollout], ["rollout", "why", rollout], ["rollout", "plan", file],
                ["rollout", "preflight", file], ["rollout", "order", file], ["rollout", "watch", rollout],
                ["tokens", "create", "ann"], ["tokens", "list", "--all"], ["grants", "add", "ann", "operator"],
                ["grants", "list"], ["freeze", "now", "--reason", "why"], ["freeze", "list"],
                ["freeze", "lift", "--reason", "why"], ["audit", "list"], ["audit", "verify"], ["keys", "status"],
                ["cmdb", "query"], ["notifications", "list"], ["doctor"],
                ["release", "revoke", release, "--environment", "staging", "--reason", "why"],
                ["hosts", "retire", host, "--reason", "why"],
            ]
            let own = ["XDG_CONFIG_HOME": fleet.folder + "/config"]
            for command in [["login", "--dir", fleet.controllerFolder], ["hosts", "list"], ["login", "--forget"]] {
                let result = try await ChildProcess.run(
                    Files.programs + "/slipway", command + ["--output", "json"], environment: own, folder: fleet.folder)
                #expect(result.status == 0, "\(command): \(result.errors)")
                #expect(try PublishedOutput.problems(command, result.output) == [], "\(command)")
            }
            for command in commands {
                let result = try await fleet.slipway(command + ["--output", "json"])
                // 1: something is broken, 6: something is missing; both are printed.
                #expect([0, 1, 6].contains(result.status), "\(command): \(result.errors)")
                #expect(try PublishedOutput.problems(command, result.output) == [], "\(command)")
            }
        }
    }
}
