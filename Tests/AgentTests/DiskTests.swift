import AgentProtocol
import Effects
import Glibc
import ReleaseDefinition
import Synchronization
import Testing

@testable import AgentLibrary

/// The real agent on a file system of its own, made too small or read-only in a mount namespace of its own.
@Suite("Full and read-only file systems", .serialized)
struct DiskTests {
    private static let steps = 64
    private static let width = 4

    /// 1.4 runs on a copy; `before` is done to the file system, then 1.5 is installed; what came of it is told in lines.
    private static func script(_ scenario: FaultScenario, mount: String, options: String, before: String = "true")
        -> String
    {
        let agent = RealAgent.program
        let words = scenario.words.joined(separator: " ")
        return """
            set -u
            mount -t tmpfs -o \(options) tmpfs \(mount) || exit 90
            mkdir \(mount)/dir \(mount)/root
            cp -a \(scenario.dir.path)/. \(mount)/dir && cp -a \(scenario.root.path)/. \(mount)/root || exit 91
            cp \(mount).json \(mount)/dir/agent.json || exit 91
            \(before)
            timeout 50 \(agent) \(words) --dir \(mount)/dir >\(mount).out 2>&1
            echo "code $?"
            mount -o remount,rw,size=256m,nr_inodes=100000 \(mount)
            readlink \(mount)/root/opt/web
            \(agent) verify --dir \(mount)/dir >>\(mount).out 2>&1
            echo "verify $?"
            \(agent) status --output json --dir \(mount)/dir >/dev/null 2>>\(mount).out
            echo "status $?"
            ls -d \(mount)/root/opt/web.releases/.staging 2>/dev/null
            timeout 50 \(agent) \(words) --dir \(mount)/dir >>\(mount).out 2>&1
            echo "again $?"
            readlink \(mount)/root/opt/web
            """
    }

    private func attempt(_ scenario: FaultScenario, options: String, before: (String) -> String = { _ in "true" })
        async throws -> (lines: [String], output: String)
    {
        let folder = try TemporaryFolder()
        _ = try folder.directory.createDirectory("m")
        let mount = folder.path + "/m"
        try RealAgent.configuration(repository: "http://127.0.0.1:1", root: mount + "/root").write(in: folder.directory)
        try folder.directory.rename(AgentConfiguration.fileName, to: "m.json")
        let result = try await LiveProcesses().run(
            ProcessCommand(
                executable: "/usr/bin/unshare",
                arguments: [
                    "--mount", "--propagation", "private", "/bin/bash", "-c",
                    Self.script(scenario, mount: mount, options: options, before: before(mount)),
                ],
                environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SWIFT_BACKTRACE": "enable=no"],
                workingDirectory: "/", timeout: .seconds(180)))
        // The folder itself is in a mount that is gone.
        for service in ServiceStrays.find(markerBeginning: "\(mount)/dir/services/web.web#") {
            try await LiveProcesses().stopService(service, grace: .milliseconds(200))
        }
        let output = String(
            decoding: try folder.directory.readIfPresent("m.out", sizeMax: ByteCount(1 << 20)) ?? [], as: UTF8.self)
        return (result.output.split(separator: "\n").map(String.init), output)
    }

    private func check(_ name: String, _ found: (lines: [String], output: String)) {
        let (lines, output) = found
        guard lines.count >= 6, let target = lines.dropFirst().first else {
            Issue.record("\(name): \(lines) \(output.suffix(2000))")
            return
        }
        if lines[0] == "code 0" {
            #expect(target.hasPrefix("web.releases/1.5-"), "\(name): \(lines)")
        } else {
            #expect(target.hasPrefix("web.releases/1.4-"), "\(name): \(lines) \(output.suffix(2000))")
            let isSaid = ["pace", "full", "room", "inode", "read-only", "readOnly"].contains { output.contains($0) }
            #expect(isSaid, "\(name): the cause is not said: \(output.suffix(2000))")
        }
        #expect(lines.contains("verify 0") && lines.contains("status 0"), "\(name): \(lines) \(output.suffix(2000))")
        #expect(!lines.contains { $0.hasSuffix(".staging") }, "\(name): \(lines)")
        #expect(lines.contains("again 0"), "\(name): with room again it ends well: \(lines) \(output.suffix(2000))")
        #expect(lines.last?.hasPrefix("web.releases/1.5-") == true, "\(name): \(lines)")
    }

    private static func usage(_ scenario: FaultScenario) async throws -> (kibibytes: Int, inodes: Int) {
        let result = try await LiveProcesses().run(
            ProcessCommand(
                executable: "/bin/sh",
                arguments: [
                    "-c",
                    "du -sk \(scenario.dir.path) \(scenario.root.path) | awk '{n+=$1} END {print n}';"
                        + " find \(scenario.dir.path) \(scenario.root.path) | wc -l",
                ], environment: ["PATH": "/usr/bin:/bin"], workingDirectory: "/", timeout: .seconds(60)))
        let numbers = result.output.split(separator: "\n").compactMap { Int($0) }
        try #require(numbers.count == 2)
        return (numbers[0], numbers[1])
    }

    @Test(
        "R36: in 64 steps from room enough to none, of blocks and of inodes: the old release serves, the cause is said")
    func full() async throws {
        let scenario = try #require(try await FaultScenario.prepare().first { $0.name == "update" })
        let used = try await Self.usage(scenario)
        try await inParallel(Array(0..<Self.steps), width: Self.width) { step in
            // 4 MiB of it are what the agent leaves free.
            let blocks = used.kibibytes + 256 + (6 << 10) * (Self.steps - 1 - step) / Self.steps
            let options =
                step.isMultiple(of: 2)
                ? "size=\(blocks)k,nr_inodes=100000"
                : "size=256m,nr_inodes=\(used.inodes + 4 + 96 * (Self.steps - 1 - step) / Self.steps)"
            check("step \(step), \(options)", try await attempt(scenario, options: options))
        }
    }

    @Test("R42: a file system that became read-only: the old release serves, nothing is half done, it says so")
    func readOnly() async throws {
        let scenario = try #require(try await FaultScenario.prepare().first { $0.name == "update" })
        check(
            "read-only",
            try await attempt(scenario, options: "size=256m") { "mount -o remount,ro \($0)" })
    }
}
