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

    /// 1.4 is there on a copy; `before` is done to the host and its file system, then 1.5 is installed; what came of it is
    /// told in lines.
    private static func script(_ scenario: FaultScenario, mount: String, before: String) -> String {
        let agent = RealAgent.program
        let words = scenario.words.joined(separator: " ")
        return """
            set -u
            mount -t tmpfs -o size=256m,nr_inodes=100000 tmpfs \(mount) || exit 90
            mkdir \(mount)/dir \(mount)/root
            cp -a \(scenario.dir.path)/. \(mount)/dir && cp -a \(scenario.root.path)/. \(mount)/root || exit 91
            cp \(mount).json \(mount)/dir/agent.json || exit 91
            used() { du -sk \(mount)/root/opt \(mount)/dir/downloads \(mount)/dir/releases | awk '{n+=$1} END {print n}'; }
            \(before)
            before=$(used)
            timeout 50 \(agent) \(words) --dir \(mount)/dir >\(mount).out 2>&1
            echo "code $?"
            echo "grown $(($(used) - before))"
            for process in /proc/[0-9]*; do readlink $process/cwd; done | sed -n 's|^\(mount)/root/opt/|serves |p'
            mount -o remount,rw,size=256m,nr_inodes=100000 \(mount)
            echo "shows $(readlink \(mount)/root/opt/web)"
            \(agent) verify --dir \(mount)/dir >>\(mount).out 2>&1
            echo "verify $?"
            \(agent) status --output json --dir \(mount)/dir >/dev/null 2>>\(mount).out
            echo "status $?"
            ls -d \(mount)/root/opt/web.releases/.staging 2>/dev/null
            timeout 50 \(agent) \(words) --dir \(mount)/dir >>\(mount).out 2>&1
            echo "again $?"
            echo "shows $(readlink \(mount)/root/opt/web)"
            """
    }

    private func attempt(
        _ scenario: FaultScenario, before: (String) -> String
    ) async throws -> (lines: [String], output: String) {
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
                    Self.script(scenario, mount: mount, before: before(mount)),
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

    /// - Parameter serves: 1.4 ran before.
    private func check(_ name: String, _ found: (lines: [String], output: String), serves: Bool) {
        let (lines, output) = found
        let shown = lines.filter { $0.hasPrefix("shows ") }
        guard lines.count >= 6, shown.count == 2 else {
            Issue.record("\(name): \(lines) \(output.suffix(2000))")
            return
        }
        let isDone = lines[0] == "code 0"
        #expect(shown[0].hasPrefix("shows web.releases/\(isDone ? "1.5" : "1.4")-"), "\(name): \(lines)")
        if !isDone {
            let isSaid = ["pace", "full", "room", "inode", "read-only", "readOnly"].contains { output.contains($0) }
            #expect(isSaid, "\(name): the cause is not said: \(output.suffix(2000))")
            #expect(lines.contains("grown 0"), "\(name): what was fetched and staged is given back: \(lines)")
        }
        let serving = lines.filter { $0.hasPrefix("serves ") }
        if serves || isDone {
            let expected = "serves web.releases/\(isDone ? "1.5" : "1.4")-"
            #expect(serving.count == 1 && serving[0].hasPrefix(expected), "\(name): \(lines)")
        }
        #expect(lines.contains("verify 0") && lines.contains("status 0"), "\(name): \(lines) \(output.suffix(2000))")
        #expect(!lines.contains { $0.hasSuffix(".staging") }, "\(name): \(lines)")
        #expect(lines.contains("again 0"), "\(name): with room again it ends well: \(lines) \(output.suffix(2000))")
        #expect(shown[1].hasPrefix("shows web.releases/1.5-"), "\(name): \(lines)")
    }

    @Test(
        "R36: in 64 steps from room enough to none, of blocks and of inodes: the old release serves, the space is given back, the cause is said"
    )
    func full() async throws {
        let scenario = try #require(try await FaultScenario.prepare().first { $0.name == "update" })
        try await inParallel(Array(0..<Self.steps), width: Self.width) { step in
            // 4 MiB of it are what the agent leaves free.
            let blocks = (6 << 10) * (Self.steps - 1 - step) / (Self.steps - 1)
            let inodes = 96 * (Self.steps - 1 - step) / (Self.steps - 1)
            let (what, option) =
                step.isMultiple(of: 2)
                ? ("\(blocks) KiB", "size=$(($(df -k --output=used $M | tail -n 1) + \(blocks)))k")
                : ("\(inodes) inodes", "nr_inodes=$(($(df --output=iused $M | tail -n 1) + \(inodes)))")
            let found = try await attempt(scenario) { mount in
                // Any command by hand starts what should run.
                """
                M=\(mount)
                \(RealAgent.program) back-out none --dir $M/dir >/dev/null 2>&1
                mount -o remount,\(option) $M || exit 92
                """
            }
            check("step \(step), \(what) left", found, serves: true)
        }
    }

    @Test("R42: a file system that became read-only: the old release is shown, nothing is half done, it says so")
    func readOnly() async throws {
        let scenario = try #require(try await FaultScenario.prepare().first { $0.name == "update" })
        // Nothing of it runs: what a service has open for writing keeps mount(8) from this, though no disk that fails.
        check("read-only", try await attempt(scenario) { "mount -o remount,ro \($0)" }, serves: false)
    }
}
