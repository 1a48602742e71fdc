import Glibc
import ReleaseDefinition
import Testing
import TestSupport

@testable import Effects

@Suite("Programs run to their end")
struct ProcessRunTests {
    /// Ends the spans that sleepers sleep here: another run of these tests beside this one has sleepers too.
    private static let own = "\(getpid())s"

    let folder: TemporaryFolder
    let processes = LiveProcesses(grace: .milliseconds(300))

    init() throws { folder = try TemporaryFolder() }

    private func shell(_ script: String, timeout: TimeSpan = .seconds(60)) -> ProcessCommand {
        ProcessCommand(
            executable: "/bin/sh", arguments: ["-c", script], environment: ["PATH": "/usr/bin:/bin", "A": "b c"],
            workingDirectory: folder.path, timeout: timeout)
    }

    /// Who is alive with this text among its arguments.
    private func alive(_ text: String) -> [Int32] {
        ProcessTable.all().filter { !$0.isZombie }.map(\.processID).filter { processID in
            guard let bytes = try? Directory.open("/proc").openFile("\(processID)/cmdline").read(upTo: 4096) else {
                return false
            }
            return String(decoding: bytes, as: UTF8.self).contains(text)
        }
    }

    @Test("A program sees its arguments, its environment and nothing else; both outputs and its exit status come back")
    func surroundings() async throws {
        let result = try await processes.run(
            shell("echo out; echo err >&2; pwd; cat; env | grep -v -e ^SLIPWAY_PROCESS= -e ^PWD= | sort; exit 7"))
        #expect(result.end == .exited(7))
        #expect(result.output == "out\nerr\n\(folder.path)\nA=b c\nPATH=/usr/bin:/bin\n")
        #expect(!result.outputIsOpen)
    }

    @Test("A file can be a program's standard input, with a keeper and without; one that is not there says so")
    func standardInput() async throws {
        try folder.directory.writeDurably("said", Array("one\ntwo\n".utf8), mode: 0o600)
        var command = shell("cat; ls /proc/self/fd | tr '\\n' ' '")
        command.standardInput = folder.path + "/said"
        for processes in [processes, LiveProcesses.keeping(grace: .milliseconds(300))] {
            #expect(try await processes.run(command).output == "one\ntwo\n0 1 2 3 ")
        }
        command.standardInput = folder.path + "/nothing"
        await #expect(throws: EffectsError.self) { try await processes.run(command) }
    }

    @Test("A program has standard input, both outputs, no other descriptor, and no terminal")
    func descriptors() async throws {
        let leaky = open("/etc/passwd", O_RDONLY)
        defer { close(leaky) }
        // 3 is the listing's own.
        let list = ProcessCommand(
            executable: "/bin/ls", arguments: ["/proc/self/fd"], workingDirectory: folder.path, timeout: .seconds(20))
        #expect(try await processes.run(list).output == "0\n1\n2\n3\n")
        #expect(try await processes.run(shell("(echo x >/dev/tty) 2>&1 | grep -c /dev/tty")).output == "1\n")
    }

    @Test(
        "As another user a script has that user's groups, no way back and nothing open but itself",
        .enabled(if: geteuid() == 0, "only root may become somebody else"))
    func asAnotherUser() async throws {
        let nobody = try SystemUser(named: "nobody")
        // Where that user may not walk to.
        let closed = try folder.directory.createDirectory("closed", mode: 0o700)
        let text = """
            #!/bin/sh
            id -u; id -G; echo "$A"; pwd; ls /proc/self/fd | tr '\\n' ' '; echo; kill -0 1 2>/dev/null || echo powerless
            exec setpriv --reuid 0 true 2>/dev/null
            """
        try closed.writeDurably("script", Array(text.utf8), mode: 0o755)
        let command = ProcessCommand(
            executable: closed.path + "/script", environment: ["PATH": "/usr/bin:/bin", "A": "b"],
            workingDirectory: "/", timeout: .seconds(60), user: try ProcessUser(nobody))
        let result = try await processes.run(command)
        let groups = try nobody.groups().map(String.init).joined(separator: " ")
        // 3 is the script, 10 and above are the shell's and the listing's own.
        let lines = result.output.split(separator: "\n").map(String.init)
        #expect(lines.prefix(4) == [String(nobody.id), groups, "b", "/"], "\(result)")
        #expect(lines.dropFirst(4).first?.hasPrefix("0 1 2 3") == true)
        #expect(lines.last == "powerless")
        #expect(result.end != .exited(0), "there is a way back to root")

        var missing = command
        missing.executable = closed.path + "/none"
        await #expect(throws: EffectsError.self) { try await processes.run(missing) }
        let hanging = ProcessCommand(
            executable: "/bin/sleep", arguments: ["61.75\(Self.own)"], workingDirectory: "/",
            timeout: .milliseconds(100), user: try ProcessUser(nobody))
        #expect(try await processes.run(hanging).end == .timedOut)
        #expect(alive("61.75\(Self.own)").isEmpty)
        #expect(throws: EffectsError.self) { try SystemUser(named: "nobody-of-that-name") }
    }

    @Test("A signal that ends a program is told from an exit status")
    func signalled() async throws {
        #expect(try await processes.run(shell("kill -SEGV $$")).end == .signalled(SIGSEGV))
    }

    @Test("R1: the result does not wait for a child left behind that holds the output")
    func childHoldsOutput() async throws {
        let startedAt = ContinuousClock.now
        let result = try await processes.run(shell("sleep 61.25\(Self.own) & echo started; exit 0"))
        // 1 s is promised; a machine that runs many tests at once may take its time to tell us.
        #expect(startedAt.duration(to: .now) < .seconds(45))
        #expect(result == ProcessResult(end: .exited(0), output: "started\n", outputIsOpen: true))
        // It is not ours to kill: the hook ended in time. The test cleans up.
        // The shell may have ended before its child became the sleeper.
        try await eventually { alive("61.25\(Self.own)").count == 1 }
        for processID in alive("61.25\(Self.own)") { kill(processID, SIGKILL) }
    }

    @Test("R2: after a time-out nothing is left: not what traps TERM, not what made a session of its own, not orphans")
    func timeoutKillsFamily() async throws {
        let script = """
            trap '' TERM
            sleep 62.25\(Self.own) &
            setsid sh -c 'trap "" TERM; sleep 62.25\(Self.own) & sleep 62.25\(Self.own)' &
            (setsid setsid sleep 62.25\(Self.own) >/dev/null 2>&1 &)
            echo ready
            while :; do sleep 62.25\(Self.own); done
            """
        let startedAt = ContinuousClock.now
        let result = try await processes.run(shell(script, timeout: .seconds(5)))
        #expect(result.end == .timedOut)
        #expect(result.output == "ready\n")
        #expect(startedAt.duration(to: .now) < .seconds(45))
        #expect(alive("62.25\(Self.own)").isEmpty)
    }

    @Test("A program that heeds TERM is given the time to clean up")
    func termIsHeeded() async throws {
        let script = "trap 'echo cleaned; exit 3' TERM; echo ready; while :; do sleep 0.01; done"
        let result = try await LiveProcesses().run(shell(script, timeout: .seconds(5)))
        #expect(result.end == .timedOut)
        #expect(result.output.hasPrefix("ready\n") && result.output.hasSuffix("cleaned\n"))
    }

    @Test("R3: a program that asks a question gets the end of its input")
    func noInput() async throws {
        #expect(try await processes.run(shell("read answer || echo none")).output == "none\n")
    }

    @Test("R7: a flood of output costs bounded memory and keeps its start and its end")
    func flood() async throws {
        let result = try await processes.run(
            shell("echo first; head -c 200000000 /dev/zero | tr '\\0' x; echo; echo last"))
        #expect(result.end == .exited(0))
        #expect(result.output.utf8.count < 40 << 10)
        #expect(result.output.hasPrefix("first\nxxx"))
        #expect(result.output.hasSuffix("xxx\nlast\n"))
        let leftOut = 200_000_000 + 6 + 6 - ProcessResult.outputHeadMax - ProcessResult.outputTailMax
        #expect(result.output.contains("\n[\(leftOut) bytes left out]\n"))
    }

    @Test("A flood after the program's own end does not hold the result up")
    func floodByGrandchild() async throws {
        let result = try await processes.run(shell("yes 63.25\(Self.own) & exit 0"))
        #expect(result.end == .exited(0))
        // Its output is closed now: it ends by itself.
        try await eventually { alive("63.25\(Self.own)").isEmpty }
    }

    @Test("A cancelled run leaves nothing")
    func cancelled() async throws {
        let processes = processes
        let command = shell("touch here; exec sleep 64.25\(Self.own)")
        let task = Task { try await processes.run(command) }
        try await eventually { try folder.directory.status("here") != nil }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(alive("64.25\(Self.own)").isEmpty)
    }

    @Test("What cannot be started says why")
    func startFailures() async throws {
        try folder.directory.writeDurably("data", Array("no program".utf8), mode: 0o755)
        try folder.directory.writeDurably("script", Array("#!/no/interpreter\n".utf8), mode: 0o755)
        try folder.directory.writeDurably("closed", Array("#!/bin/sh\n".utf8), mode: 0o644)
        let cases: [(String, String, String)] = [
            ("/no/program", folder.path, "is not there"),
            (folder.path + "/script", folder.path, "its first line names /no/interpreter, which is not there"),
            (folder.path + "/closed", folder.path, "not executable"),
            (folder.path + "/data", folder.path, "neither a program"),
            ("/bin/true", "/no/folder", "working directory /no/folder"),
            ("true", folder.path, "absolute"),
            ("/bin/tr\u{0}ue", folder.path, "zero byte"),
        ]
        for (executable, place, words) in cases {
            let command = ProcessCommand(executable: executable, workingDirectory: place, timeout: .seconds(5))
            let error = await #expect(throws: EffectsError.self) { try await processes.run(command) }
            #expect(error?.code == "effects.process.start")
            #expect(error?.summary.contains(words) == true, "\(error?.summary ?? "")")
        }
    }

    @Test("A hundred runs leave no descriptor and no zombie")
    func nothingLeft() async throws {
        _ = try await processes.run(shell("true"))
        for _ in 0..<10 {
            try await withThrowingTaskGroup(of: ProcessResult.self) { group in
                for _ in 0..<10 { group.addTask { try await processes.run(shell("exit 0")) } }
                for try await result in group { #expect(result.end == .exited(0)) }
            }
        }
        // Other tests of this process run beside this one: what counts is that ours are gone.
        try await eventually {
            ProcessTable.all().filter { $0.parentID == getpid() && $0.isZombie }.isEmpty
        }
    }

    @Test("The kernel's table is read even where a process chose a misleading name")
    func processNames() throws {
        let line = "42 (a) S 1 (b)) R 7 8 9 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 12345 0 0"
        let entry = try #require(ProcessTable.parse(Array(line.utf8)))
        #expect(entry.processID == 42 && entry.parentID == 7 && entry.groupID == 8 && entry.sessionID == 9)
        #expect(entry.startTicks == 12345 && !entry.isZombie)
        for broken in ["", "42", "42 (", ") 42 (", "x (a) S 1", "1 (a) S 1 2 3"] {
            #expect(ProcessTable.parse(Array(broken.utf8)) == nil)
        }
    }

    @Test("An excerpt keeps head and tail whatever the pieces are", arguments: [1, 3, 7, 100])
    func excerpt(pieceSize: Int) {
        let text = (0..<50).map { UInt8(ascii: "a") + UInt8($0 % 26) }
        var excerpt = OutputExcerpt(headMax: 10, tailMax: 8)
        for start in stride(from: 0, to: text.count, by: pieceSize) {
            excerpt.append(text[start..<min(start + pieceSize, text.count)])
        }
        let tail = String(decoding: text.suffix(8), as: UTF8.self)
        #expect(excerpt.text == "abcdefghij\n[32 bytes left out]\n\(tail)")
    }
}
