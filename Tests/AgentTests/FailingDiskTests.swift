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

    @Test(
        "R42: while its disk fails a running agent takes up nothing and says that it is unfit; what runs goes on",
        .enabled(if: Sweep.isWhole && geteuid() == 0, "needs a loop device"))
    func unfit() async throws {
        let folder = try TemporaryFolder()
        func shell(_ script: String) async throws -> ProcessResult {
            try await LiveProcesses().run(
                ProcessCommand(
                    executable: "/bin/sh", arguments: ["-c", "F=\(folder.path)\n" + script],
                    environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"], workingDirectory: "/", timeout: .seconds(60)
                ))
        }
        // A file with holes, on a file system that will have no room for them: the blocks of the disk above fail then.
        let made = try await shell(
            """
            set -e
            mkdir $F/below $F/disk
            mount -t tmpfs -o size=32m tmpfs $F/below
            truncate -s 128M $F/below/blocks
            D=$(losetup -f --show $F/below/blocks); echo $D
            mkfs.ext4 -q -E lazy_journal_init=1 $D
            mount -o errors=remount-ro $D $F/disk
            """)
        let device = made.output.split(separator: "\n").first.map(String.init) ?? ""
        let result: Result<Void, any Error>
        do {
            try #require(made.end == .exited(0), "\(made.output)")
            try await fail(on: folder.path + "/disk") { _ = try await shell("head -c 64M /dev/zero >$F/below/fill") }
            result = .success(())
        } catch { result = .failure(error) }
        _ = try await shell("umount -l $F/disk; losetup -d \(device); umount -l $F/below")
        try result.get()
    }

    private func fail(on disk: String, _ fill: () async throws -> Void) async throws {
        let repository = try TestRepository()
        let (one, two) = (try await repository.submit("1.0"), try await repository.submit("2.0"))
        let host = try await TestHost(repository, dir: TemporaryFolder(in: disk), root: TemporaryFolder(in: disk))
        try await host.carryOut(repository.assignment(1, .install, one), order(1))
        let serving = servicesRunning(in: host.dir.path)
        #expect(await host.agent.facts().unwritable == nil)
        try await fill()
        await host.agent.offer(try repository.assignment(2, .install, two))
        let words = try await poll { await host.agent.facts().unwritable }
        #expect(await host.agent.host.finished.count == 1, "nothing is said to have ended")
        #expect(try host.version() == "1.0")
        #expect(servicesRunning(in: host.dir.path) == serving && serving.count == 1)
        print("faults: a disk that failed beneath a running agent: \(words)")
        await host.stop()
        await host.agent.close()
        for service in serving { try await LiveProcesses().stopService(service, grace: .milliseconds(200)) }
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
