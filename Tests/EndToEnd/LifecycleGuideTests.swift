import ControllerAPI
import Effects
import ReleaseDefinition
import Testing

extension EndToEnd {
    /// docs/lifecycle.md: each command is run as it stands there, by a shell, in its order.
    @Suite(.serialized) struct LifecycleGuides {
        /// A line of a walk: the command, and the stage that the release has after it.
        struct Step {
            var command: String
            var stage: LifecycleStage?
            var release: String?
        }

        static func steps(under heading: String, in text: String) throws -> [Step] {
            let section = try #require(text.components(after: "\n## \(heading)\n"), "\(heading)")
            let block = try #require(
                section.components(after: "\n```console\n")?.components(before: "\n```"), "its commands")
            return block.split(separator: "\n").map { line in
                let parts = String(line).split(separator: "  # ", maxSplits: 1)
                let command = parts[0].trimmed
                let words = parts.count > 1 ? parts[1].trimmed : ""
                let stage = words.split { !$0.isLetter }.first.flatMap { LifecycleStage(rawValue: String($0)) }
                let release = command.split(separator: " ").first { $0.contains("@") }.map(String.init)
                return Step(command: command, stage: words.hasPrefix("→ ") ? stage : nil, release: release)
            }
        }

        /// What the page tells its reader to fill in.
        private static func fill(_ path: String) throws {
            var text = try Files.read(path)
            for (old, new) in [
                (
                    "from: \"2026-11-24T20:00:00Z\", until: \"2026-11-24T23:00:00Z\"",
                    "from: \"2020-01-01T00:00:00Z\", until: \"2090-01-01T00:00:00Z\""
                ),
                ("docs/back-out.md", "RUNBOOK.md"), ("2026-11-20T09:12:00Z", "2026-01-01T00:00:00Z"),
                ("{ for: 24h,", "{ for: 2s,"), ("{ for: 3d,", "{ for: 2s,"), ("WHAT IT BRINGS", "a test"),
            ] { text = text.replacing(old, with: new) }
            try Files.write(path, text)
        }

        /// Runs one line as its reader would, with the controller's folder, the digest and the rollout that it saw last.
        private struct Shell {
            let fleet: Fleet
            let folder: String
            var digest = ""
            var rollout = ""
            var release = ""

            mutating func run(_ step: Step) async throws {
                let line = step.command.replacing("--dir DIR", with: "--dir '\(fleet.controllerFolder)'")
                    .replacing("DIGEST", with: digest).replacing("ROLLOUT", with: rollout)
                let path = "\(Files.programs):/usr/local/bin:/usr/bin:/bin"
                let result = try await ChildProcess.run(
                    "/bin/sh", ["-c", line], environment: ["PATH": path], folder: folder)
                #expect(result.status == 0, "\(line): \(result.errors)")
                digest = result.output.firstMatch(of: /[0-9a-f]{64}/).map { String($0.output) } ?? digest
                if line.hasSuffix("plan.yaml"), line.contains("--template") {
                    try LifecycleGuides.fill(folder + "/" + (line.split(separator: " ").last.map(String.init) ?? ""))
                }
                if line.contains(" emergency push ") {
                    rollout = try await fleet.json([RolloutView].self, "rollout", "list").last?.id.text ?? ""
                }
                release = step.release ?? release
                guard let stage = step.stage else { return }
                let name = release
                try await eventually("\(name) is \(stage.rawValue) after: \(line)") { [fleet] in
                    try await fleet.json(LifecycleView.self, "release", "status", name).stage == stage
                }
            }
        }

        @Test("Every command of the handbook's minor release and of its emergency, from the plan to the closed file")
        func handbook() async throws {
            let fleet = try await Fleet()
            let sink = try Sink(below: fleet.folder)
            try await sink.start(for: fleet)
            for _ in 1...2 { try await fleet.addAgent(environment: "production") }
            try await fleet.allOnline()
            let walk = fleet.folder + "/walk"
            try Files.makeFolder(walk)
            try Files.link(walk + "/examples", to: Files.root + "/examples")
            try Files.write(walk + "/junit.xml", "<testsuite><testcase name=\"a\"/></testsuite>")
            try Files.write(walk + "/findings.sarif", Files.cleanScan)
            for log in ["rehearsal.log", "restore.log"] { try Files.write("\(walk)/\(log)", "as before\n") }
            let text = try Files.read(Files.root + "/docs/lifecycle.md")
            let minor = try Self.steps(under: "A minor release, from `release plan` to `closed`", in: text)
            let emergency = try Self.steps(under: "An emergency", in: text)
            var shell = Shell(fleet: fleet, folder: walk)
            for step in minor { try await shell.run(step) }
            #expect(minor.last?.stage == .closed && emergency.last?.stage == .closed)
            #expect(Set(minor.compactMap(\.stage)).count >= 8, "the page says where the release stands")
            let review = try await fleet.json(ReleaseReviewView.self, "report", "review", shell.release)
            #expect(review.filled * 10 >= review.fields.count * 9, "\(review.fields)")
            for step in emergency { try await shell.run(step) }
            try await fleet.everyHostRuns("2.1.1")
            try await sink.hasEverything(fleet)
        }

        /// A service that breaks by itself, the files as they were signed.
        @Test("A host whose service is not healthy any more in early life goes back alone")
        func earlyLife() async throws {
            let fleet = try await Fleet.running("1.0", pushed: 2)
            let plan = fleet.folder + "/release-plan.yaml"
            let text = EndToEnd.Lifecycles.plan("web-service@1.1")
                .replacing("earlyLife: { for: 2s,", with: "earlyLife: { for: 1d, health: 1s,")
                .replacing("{ kind: scan, worst: warning }, ", with: "")
            try Files.write(plan, text)
            let name = "web-service@1.1"
            try await fleet.done("release", "plan", plan)
            try await fleet.done("release", "submit", Self.delicate(below: fleet.folder))
            let tests = fleet.folder + "/junit.xml"
            try Files.write(tests, "<testsuite><testcase name=\"a\"/></testsuite>")
            try await fleet.done("release", "evidence", "add", name, "--kind", "tests", "--file", tests)
            try await fleet.done("release", "evidence", "add", name, "--kind", "rehearsal")
            try await fleet.done("release", "authorise", name, "--stage", "change board", "--yes")
            try await fleet.done("cmdb", "baseline", name)
            try await fleet.done("rollout", "start", RolloutSource.write(name, below: fleet.folder))
            try await fleet.everyHostRuns("1.1")
            let agent = try #require(fleet.agents.first)
            try Files.write("\(fleet.folder)/ill-\(agent.port)", "")
            try await eventually("\(agent.name) is back on 1.0: \(agent.log.suffix(1500))") {
                await fleet.answer(of: agent) == "1.0"
            }
            #expect(await fleet.answer(of: fleet.agents[1]) == "1.1")
        }

        /// 1.1, which is healthy as long as no file says otherwise.
        private static func delicate(below base: String) throws -> String {
            var source = ReleaseSource(version: "1.1")
            source.files = ["service/bin/well": "#!/bin/sh\ntest ! -e '\(base)/ill-'$PORT\n"]
            let folder = try source.write(below: base)
            let check = "      - { command: [bin/well], every: 100ms, timeout: 5s, failures: 3 }\n"
            let text = try Files.read(folder + "/release.yaml")
            try Files.write(
                folder + "/release.yaml", text.replacing("    minimumHealthy:", with: check + "    minimumHealthy:"))
            return folder
        }
    }

    /// A webhook's receiver that refuses every message once before it takes it.
    final class Sink: Sendable {
        private let folder: String
        private let child: ChildProcess

        init(below base: String) throws {
            folder = base + "/sink"
            try Files.makeFolder(folder)
            let script = Files.root + "/Tests/ControllerTests/Support/sink.py"
            child = try ChildProcess(
                "/usr/bin/python3", [script, folder + "/port", folder + "/taken", "secret"], folder: folder,
                output: folder + "/log", errors: folder + "/log")
        }

        func start(for fleet: Fleet) async throws {
            let port = folder + "/port"
            try await eventually("the sink answers") { Files.exists(port) }
            let number = try Files.read(port)
            try Files.write(fleet.controllerFolder + "/webhook.secret", "secret\n", mode: 0o600)
            try Files.write(
                fleet.controllerFolder + "/notifications.json",
                """
                {"sinks":[{"kind":"webhook","name":"hook","secretFile":"webhook.secret",
                "url":"http://127.0.0.1:\(number)/"}]}
                """, mode: 0o600)
        }

        /// Every moment of both releases, none twice, each signed.
        func hasEverything(_ fleet: Fleet) async throws {
            let expected = [
                "scheduled": 1, "started": 2, "live": 2, "operational": 2, "closed": 2,
            ]
            func counts() -> [String: Int] {
                let types = lines().map { $0[1].split(separator: ".").last.map(String.init) ?? "" }
                return Dictionary(types.map { ($0, 1) }, uniquingKeysWith: +)
            }
            try await eventually("every message has arrived: \(lines())") {
                expected.allSatisfy { counts()[$0.key, default: 0] >= $0.value }
            }
            try await eventually("none is on its way") {
                try await fleet.json([NotificationView].self, "notifications", "list").isEmpty
            }
            let found = counts().filter { expected[$0.key] != nil }
            #expect(found == expected)
            #expect(Set(lines().map { $0[0] }).count == lines().count, "none twice")
            #expect(lines().allSatisfy { $0[2] == "True" && $0[3] == "1.0" })
        }

        private func lines() -> [[Substring]] {
            let text = (try? Files.read(folder + "/taken")) ?? ""
            return text.split(separator: "\n").map { $0.split(separator: " ") }.filter { $0.count == 4 }
        }
    }
}

extension String {
    fileprivate func components(after mark: String) -> String? {
        range(of: mark).map { String(self[$0.upperBound...]) }
    }
    fileprivate func components(before mark: String) -> String? {
        range(of: mark).map { String(self[..<$0.lowerBound]) }
    }
    fileprivate func range(of mark: String) -> Range<String.Index>? { firstRange(of: mark) }
}

extension StringProtocol {
    fileprivate var trimmed: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
