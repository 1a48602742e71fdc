import Effects
import Glibc
import ReleaseDefinition
import Testing
import enum TestSupport.Shim

@testable import AgentLibrary

/// The real agent on a disk that fails beneath it: an ext4 on a loop device, whose blocks come from nbdkit.
@Suite("A disk that fails", .serialized)
struct FailingDiskTests {
    private static let nbdkit = "/usr/bin/nbdkit"
    /// Moments of an update at which the disk begins to fail, beside the one before it.
    private static var moments: Int { Sweep.amount(40, sample: 40) }

    /// While the file `inject` is there, every write to a block fails with EIO; the shim makes it at the call `at`. Afterwards
    /// the disk is well again: it is checked, mounted, and the same command given again.
    private static func script(_ scenario: FaultScenario, mount: String, shim: String, at: Int) -> String {
        let words = scenario.words.joined(separator: " ")
        let agent = RealAgent.program
        return """
            set -u
            N=\(mount).n M=\(mount)
            ended() {
                for process in /proc/[0-9]*; do
                    case "$(readlink "$process/cwd")" in "$M"/*) kill -9 "${process#/proc/}";; esac
                done
                umount "$M" 2>/dev/null || umount -l "$M" 2>/dev/null
            }
            trap 'ended; [ -z "${D:-}" ] || losetup -d $D; fusermount3 -q -u $N; kill $F; wait $F' EXIT
            mkdir $N
            nbdfuse $N "$1" & F=$!
            for i in $(seq 200); do [ -e $N/nbd ] && break; sleep 0.05; done
            D=$(losetup -f --show $N/nbd) || exit 90
            mkfs.ext4 -q $D && mount $D $M || exit 90
            mkdir $M/dir $M/root
            cp -a \(scenario.dir.path)/. $M/dir && cp -a \(scenario.root.path)/. $M/root || exit 91
            cp $M.json $M/dir/agent.json && sync || exit 91
            [ \(at) -gt 0 ] || touch $M.inject
            FAULT_AT=\(at) FAULT_TOUCH=$M.inject LD_PRELOAD=\(shim) timeout 30 \(agent) \(words) --dir $M/dir >$M.out 2>&1
            echo "code $?"
            [ -e $M.inject ] && echo "failed"
            ended
            rm -f $M.inject
            e2fsck -fy $D >/dev/null 2>&1
            mount $D $M || exit 92
            cat $M/root/opt/web/VERSION && echo
            timeout 50 \(agent) \(words) --dir $M/dir >>$M.out 2>&1
            echo "again $?"
            \(agent) verify --dir $M/dir >>$M.out 2>&1
            echo "verify $?"
            cat $M/root/opt/web/VERSION && echo
            """
    }

    @Test(
        "R42: a disk on which every write fails: the host is on one whole release, and goes on when the disk is well again",
        .enabled(if: Sweep.isWhole && access(nbdkit, X_OK) == 0, "scripts/faults installs nbdkit"))
    func inputOutput() async throws {
        let (shim, folder) = try await Shim.compile("faults")
        let scenario = try #require(try await FaultScenario.prepare().first { $0.name == "update" })
        let traced = try await FaultHost(scenario, shim: shim)
        let calls = try await traced.trace(.kill).count
        try await traced.end()
        let points = Array(stride(from: 0, through: calls, by: max(1, calls / Self.moments)))
        let told = try await inParallel(points, width: 4) { try await attempt(scenario, shim, at: $0) }.count { $0 }
        print("faults: a disk that fails with EIO from one of \(points.count) calls on: \(told) updates ended by it")
        #expect(told * 2 > points.count, "what failed is noticed")
        withExtendedLifetime(folder) {}
    }

    /// - Returns: whether the update ended by it.
    private func attempt(_ scenario: FaultScenario, _ shim: String, at: Int) async throws -> Bool {
        let folder = try TemporaryFolder()
        _ = try folder.directory.createDirectory("m")
        let mount = folder.path + "/m"
        try RealAgent.configuration(repository: "http://127.0.0.1:1", root: mount + "/root").write(in: folder.directory)
        try folder.directory.rename(AgentConfiguration.fileName, to: "m.json")
        try folder.directory.writeDurably(
            "script", Array(Self.script(scenario, mount: mount, shim: shim, at: at).utf8), mode: 0o700)
        let result = try await LiveProcesses().run(
            ProcessCommand(
                executable: "/usr/bin/unshare",
                arguments: [
                    "--mount", "--propagation", "private", Self.nbdkit, "-U", "-", "--filter=error", "memory",
                    "size=96M", "error=EIO", "error-pwrite-rate=100%", "error-file=\(mount).inject", "--run",
                    "bash \(folder.path)/script \"$uri\" 2>\(mount).log",
                ],
                environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SWIFT_BACKTRACE": "enable=no"],
                workingDirectory: "/", timeout: .seconds(180)))
        let lines = result.output.split(separator: "\n").map(String.init)
        let said = try ["m.out", "m.log"].map {
            String(decoding: try folder.directory.readIfPresent($0, sizeMax: ByteCount(1 << 20)) ?? [], as: UTF8.self)
                .suffix(2000)
        }
        let comment: Comment = "from call \(at) on: \(result.end) \(lines) \(said)"
        let versions = lines.filter { $0.hasPrefix("1.") }
        #expect(versions.count == 2 && ["1.4", "1.5"].contains(versions.first) && versions.last == "1.5", comment)
        #expect(lines.contains("again 0") && lines.contains("verify 0"), comment)
        let isEnded = lines.first != "code 0"
        // Whoever says that it went well has it on the disk.
        if !isEnded { #expect(versions.first == "1.5", comment) }
        if at == 0 { #expect(isEnded && versions.first == "1.4", comment) }
        return isEnded
    }
}
