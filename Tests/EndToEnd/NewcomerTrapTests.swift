import ControllerAPI
import Glibc
import ReleaseDefinition
import TestSupport
import Testing

extension EndToEnd {
    /// What everybody runs into in the first week, played with the real programs. Each message is compared as a whole: it names
    /// the cause, both values, and what to type or to write next.
    @Suite(.serialized) struct NewcomerTraps {
        @Test(
            "Wrong port, certificate of another controller, token expired: the command names what it asked and what it knows"
        )
        func address() async throws {
            let fleet = try await Fleet()
            let other = try await Fleet()
            let words = [
                (fleet.folder, "FOLDER"), (other.folder, "OTHER"), ("127.0.0.1:\(fleet.controllerPort)", "CONTROLLER"),
                ("127.0.0.1:\(other.controllerPort)", "ANOTHER"),
            ]
            let free = try Ports.free()
            let wrong = try await fleet.slipway("hosts", "list", "--controller", "https://127.0.0.1:\(free)")
            #expect(wrong.status == 9)
            try GoldenMessage.check("wrong-port", wrong.errors, words: words + [("127.0.0.1:\(free)", "WRONG")])

            let stranger = try await fleet.slipway("hosts", "list", "--controller", other.controllerURL)
            #expect(stranger.status == 9)
            try GoldenMessage.check("certificate-of-another-controller", stranger.errors, words: words)

            let token = try await fleet.json(NewToken.self, "tokens", "create", "ann", "--for", "1s").token
            try Files.write(fleet.folder + "/token", token)
            let id = try #require(
                try await fleet.json([TokenView].self, "tokens", "list", "--all").first { $0.person == "ann" }?.id)
            var expired = try await fleet.slipway("hosts", "list", "--token-file", fleet.folder + "/token")
            try await eventually("the token has expired: \(expired.errors)") {
                expired = try await fleet.slipway("hosts", "list", "--token-file", fleet.folder + "/token")
                return expired.errors.contains("expired")
            }
            #expect(expired.status == 4)
            try GoldenMessage.check("token-expired", expired.errors, words: words + [(id, "TOKEN")])
        }

        @Test("A hook that release.yaml names and the folder lacks is named, with where it belongs")
        func hook() async throws {
            let folder = try Files.makeTemporaryFolder()
            defer { Files.removeTree(folder) }
            let release = try ReleaseSource(version: "1.0", unitLines: ["hooks: { preStart: hooks/check }"])
                .write(below: folder)
            let built = try await ChildProcess.run(
                Files.programs + "/slipway", ["package", "build", release, "--output", folder + "/a.slip"],
                folder: folder)
            #expect(built.status == 1)
            try GoldenMessage.check("missing-hook-file", built.errors)
        }

        @Test(
            "A service on another port than is asked, on none, or on a taken one: the host says which ports there are")
        func service() async throws {
            let fleet = try await Fleet()
            let agent = try await fleet.addAgent()
            try await fleet.allOnline()
            let other = try Ports.free()
            let words = [
                ("127.0.0.1:\(agent.port)", "THE-HOSTS-PORT"), ("\(agent.port)", "THE-HOSTS-PORT"),
                ("\(other)", "CHECKED-PORT"),
            ]

            try await fail(fleet, "1.0", "service-on-another-port", words) {
                $0.replacing("${PORT}", with: "\(other)").replacing("startPeriod: 15s", with: "startPeriod: 1s")
            }
            let idle = ["service/bin/idle": "#!/bin/sh\necho waiting for nothing\nexec sleep 1000\n"]
            try await fail(fleet, "1.1", "service-not-listening", words, files: idle) {
                $0.replacing("bin/serve", with: "bin/idle").replacing("startPeriod: 15s", with: "startPeriod: 1s")
            }
            let server = try ChildProcess(
                "/usr/bin/python3", ["-m", "http.server", "--bind", "127.0.0.1", "\(agent.port)"],
                folder: fleet.folder + "/run",
                output: "/dev/null", errors: "/dev/null")
            defer { server.kill() }
            try await eventually("somebody has the port") { await fleet.answer(of: agent) != nil }
            try await fail(fleet, "1.2", "port-taken", words) { $0 }
        }

        /// Rolls a release out whose unit cannot be healthy, and compares what `rollout show` says of the host.
        private func fail(
            _ fleet: Fleet, _ version: String, _ name: String, _ words: [(String, String)],
            files: [String: String] = [:],
            change: (String) -> String
        ) async throws {
            let folder = try ReleaseSource(version: version, files: files).write(below: fleet.folder)
            try Files.write(folder + "/release.yaml", change(Files.read(folder + "/release.yaml")))
            try await fleet.done("release", "submit", folder)
            let file = try RolloutSource.write("web-service@\(version)", below: fleet.folder)
            // One host is no phase that goes back: it halts, and the watch ends where nothing moves any more.
            let started = try await fleet.slipway("rollout", "start", file)
            #expect(
                started.status == 1 && started.errors.contains("nothing moves until somebody acts"), "\(started.errors)"
            )
            #expect(try await fleet.lastRollout().state == .halted)
            let shown = try await fleet.done("rollout", "show", fleet.lastRollout().id.text)
            // What Python says of it differs from version to version.
            let failures = shown.split(separator: "\n").drop { !$0.contains(" failed at ") }
            try GoldenMessage.check(
                name,
                failures.filter {
                    !["    | Trace", "    |   ", "    | OSError", "    | --- service"].contains(where: $0.hasPrefix)
                }.joined(
                    separator: "\n")
                    + "\n",
                words: words)
        }

        @Test(
            "Window closed, approval missing, no hosts matched: the refusal says since when, by whose rule and what to do"
        )
        func policy() async throws {
            let fleet = try await Fleet()
            try await fleet.addAgent(labels: ["role": "web"])
            try await fleet.done("release", "submit", ReleaseSource(version: "1.0").write(below: fleet.folder))
            let file = try RolloutSource.write("web-service@1.0", below: fleet.folder)
            let none = fleet.folder + "/none.yaml"
            try Files.write(none, Files.read(file).replacing("hosts: all", with: "hosts: role=shop"))
            let unmatched = try await fleet.slipway("rollout", "start", none)
            #expect(unmatched.status == 1)
            try GoldenMessage.check("no-hosts-matched", unmatched.errors)

            // Four days from now, whenever now is.
            let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
            var (now, parts) = (time(nil), tm())
            gmtime_r(&now, &parts)
            let day = days[(Int(parts.tm_wday) + 4) % 7]
            try Files.write(
                fleet.folder + "/policy.yaml",
                """
                environments: { staging: { windows: [night] } }
                windows: { night: { opens: "\(day) 03:00", for: 1h, zone: UTC } }

                """)
            try await fleet.done("policy", "apply", fleet.folder + "/policy.yaml", "--reason", "a test")
            let closed = try await fleet.slipway("rollout", "start", file)
            #expect(closed.status == 6)
            try GoldenMessage.check(
                "window-closed", closed.errors, words: [(day, "DAY")] + days.map { ("\($0),", "DAY,") })

            try Files.write(fleet.folder + "/policy.yaml", "environments: { staging: { authorisations: 1 } }\n")
            try await fleet.done("policy", "apply", fleet.folder + "/policy.yaml", "--reason", "a test")
            let alone = try await fleet.slipway("rollout", "start", file)
            #expect(alone.status == 6)
            try GoldenMessage.check("approval-missing", alone.errors, words: [(file, "rollout.yaml")])
        }

        @Test("Files that nothing is asked of have no healthy deadline: a short progress deadline fits them")
        func noHealth() async throws {
            let fleet = try await Fleet()
            try await fleet.addAgent()
            let folder = try ReleaseSource(version: "1.0").write(below: fleet.folder)
            try Files.write(
                folder + "/release.yaml",
                """
                product: web-service
                version: "1.0"
                category: major
                summary: Files alone
                owner: tests
                units: [{ name: web, type: tree, source: ./service, installTo: /opt/web-service, health: none }]

                """)
            try await fleet.done("release", "submit", folder)
            let file = try RolloutSource.write("web-service@1.0", below: fleet.folder)
            try await fleet.done("rollout", "start", file)
        }

        @Test("A port that another program has: the controller names the program")
        func listen() async throws {
            let fleet = try await Fleet()
            let made = try await fleet.slipway(
                "init", "--dir", fleet.folder + "/second", "--listen", "127.0.0.1:\(fleet.controllerPort)",
                hasController: false)
            #expect(made.status == 0, "\(made.errors)")
            let second = try await ChildProcess.run(
                Files.programs + "/slipway-controller", ["run", "--dir", fleet.folder + "/second"], folder: fleet.folder
            )
            #expect(second.status == 1)
            try GoldenMessage.check(
                "port-of-the-controller-taken", second.errors, words: [("127.0.0.1:\(fleet.controllerPort)", "ADDRESS")]
            )
        }

        /// Root can be somebody else, and that somebody can run our programs.
        private static var canBeNobody: Bool {
            guard geteuid() == 0,
                let child = try? ChildProcess(
                    "/usr/bin/setpriv",
                    ["--reuid=65534", "--clear-groups", "/usr/bin/test", "-x", Files.programs + "/slipway-controller"],
                    folder: "/", output: "/dev/null", errors: "/dev/null")
            else { return false }
            while child.endedWith == nil { usleep(5000) }
            return child.endedWith == 0
        }

        @Test(
            "A controller that root made and another user runs: whose the folder is, and how to give it away",
            .enabled(if: canBeNobody, "needs root"))
        func owner() async throws {
            let folder = try Files.makeTemporaryFolder()
            defer { Files.removeTree(folder) }
            chmod(folder, 0o755)
            // That of all tests may be this user's alone; it is this controller's folder that is to be refused.
            chmod(folder.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 }, 0o711)
            let made = try await ChildProcess.run(
                Files.programs + "/slipway-controller", ["init", "--dir", folder + "/controller"], folder: folder)
            #expect(made.status == 0, "\(made.errors)")
            let run = try await ChildProcess.run(
                "/usr/bin/setpriv",
                [
                    "--reuid=65534", "--clear-groups", Files.programs + "/slipway-controller", "run", "--dir",
                    folder + "/controller",
                ],
                folder: folder)
            #expect(run.status == 1)
            try GoldenMessage.check("wrong-owner", run.errors, words: [(folder, "FOLDER")])
        }

        @Test("A host whose clock is off by 400 days does not join, and says by how much and how it is set")
        func clock() async throws {
            let fleet = try await Fleet()
            let join = try await fleet.done("hosts", "invite").filter { !$0.isWhitespace }
            let shim = try await Shim.compile("clock")
            let offset = Int64(-400 * 86_400)
            try Files.write(fleet.folder + "/offset", withUnsafeBytes(of: offset.littleEndian) { Array($0) })
            let joined = try await ChildProcess.run(
                Files.programs + "/slipway-agent", ["join", join, "--dir", fleet.folder + "/host"],
                environment: ["LD_PRELOAD": shim.path, "SLIPWAY_TEST_CLOCK": fleet.folder + "/offset"],
                folder: fleet.folder)
            #expect(joined.status == 9)
            let said = joined.errors.replacing(#/off by \d+d( \d+h)?/#, with: "off by DAYS")
            try GoldenMessage.check("clock-off", said, words: [("127.0.0.1:\(fleet.controllerPort)", "CONTROLLER")])
        }

        @Test(
            "A release that does not fit on the host's disk: how much it needs and how much there is",
            .enabled(if: SmallDisk.isPossible, "needs root or user namespaces"))
        func disk() async throws {
            let fleet = try await Fleet()
            try await fleet.addAgent(disk: "12m")
            try await fleet.allOnline()
            let folder = try ReleaseSource(version: "1.0").write(below: fleet.folder)
            try Files.write(folder + "/service/large.bin", Files.noise(16 << 20))
            try await fleet.done("release", "submit", folder)
            try await fleet.done(
                "rollout", "start", RolloutSource.write("web-service@1.0", below: fleet.folder), "--detach")
            try await eventually("the rollout halts") { try await fleet.lastRollout().state == .halted }
            let shown = try await fleet.done("rollout", "show", fleet.lastRollout().id.text)
            let failures = shown.split(separator: "\n").drop { !$0.contains(" failed at ") }
            try GoldenMessage.check(
                "disk-full", failures.joined(separator: "\n") + "\n", words: [(fleet.folder, "FOLDER")])
        }
    }
}
