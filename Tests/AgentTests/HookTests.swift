import AgentProtocol
import Effects
import Glibc
import ReleaseDefinition
import ReleasePackaging
import Synchronization
import Testing

@testable import AgentLibrary

@Suite("Hooks, with real programs")
struct HookTests {
    private static func hook(_ name: String, _ body: String) -> TestRepository.File {
        TestRepository.File("hooks/" + name, "#!/bin/sh\n" + body + "\n")
    }

    private static let files = [TestRepository.serve, TestRepository.healthy]

    /// A host that runs 1.0, and the repository.
    private func running(_ repository: TestRepository) async throws -> TestHost {
        let one = try await repository.submit("1.0")
        let host = try await TestHost(repository, variables: ["PORT": "8080"])
        #expect(try await host.carryOut(repository.assignment(1, .install, one), order(1)).outcome == .succeeded)
        return host
    }

    @Test("Hooks run in their order, each with the documented environment and nothing else")
    func orderAndEnvironment() async throws {
        let repository = try TestRepository()
        let names = Dictionary(uniqueKeysWithValues: HookMoment.allCases.map { ($0, "hooks/" + $0.rawValue) })
        let recording = HookMoment.allCases.map { moment in
            Self.hook(
                moment.rawValue,
                "echo \"$SLIPWAY_HOOK $SLIPWAY_VERSION\" >> \"$SLIPWAY_FOLDER.calls\"; env > \"$SLIPWAY_FOLDER.env\"; cat"
            )
        }
        let units = [try TestRepository.unit(hooks: names)]
        let host = try await TestHost(repository, variables: ["PORT": "8080"])
        let one = try await repository.submit("1.0", files: Self.files + recording, units: units)
        let two = try await repository.submit("2.0", files: Self.files + recording, units: units)
        let first = try await host.carryOut(repository.assignment(1, .install, one), order(1))
        #expect(first.outcome == .succeeded, "\(first)")
        try await host.carryOut(repository.assignment(2, .install, two), order(2))
        try await host.carryOut(repository.assignment(2, .backOut, two), order(2, .backOut))
        let calls = String(
            decoding: try host.root.directory.read("opt/web.calls", sizeMax: ByteCount(1 << 16)), as: UTF8.self)
        let starting = ["preStart", "start", "postHealthy", "undrain"]
        let stopping = ["drain", "preStop", "stop"]
        let expected =
            starting.map { "\($0) 1.0" }  //
            + stopping.map { "\($0) 1.0" } + starting.map { "\($0) 2.0" }
            + stopping.map { "\($0) 2.0" } + starting.map { "\($0) 1.0" }
        #expect(calls.split(separator: "\n").map(String.init) == expected)
        let text = String(
            decoding: try host.root.directory.read("opt/web.env", sizeMax: ByteCount(1 << 16)), as: UTF8.self)
        let pairs = text.split(separator: "\n").map { $0.split(separator: "=", maxSplits: 1).map(String.init) }
        let environment = Dictionary(pairs.map { ($0[0], $0.count > 1 ? $0[1] : "") }, uniquingKeysWith: { $1 })
        #expect(environment["SLIPWAY_HOOK"] == "undrain")
        #expect(environment["SLIPWAY_VERSION_FROM"] == "2.0")
        #expect(environment["SLIPWAY_VERSION_TO"] == "1.0")
        #expect(environment["SLIPWAY_ORDER"] == "rollout-2/backOut/1")
        #expect(try environment["TRACEPARENT"] == TraceParent(order(2, .backOut)).description)
        #expect(environment["SLIPWAY_LABEL_ZONE"] == "a")
        #expect(environment["PORT"] == "8080")
        #expect(environment["HOME"] == nil && environment["TMPDIR"] == nil)
        try await host.end()
    }

    @Test(
        "Hooks run as the user they name, if the host has it and its bounds allow it",
        .enabled(if: SystemUser.current == 0, "only root may become somebody else"))
    func user() async throws {
        let repository = try TestRepository()
        let told = Self.hook("who", "id -un; echo $HOME $USER; exit 1")
        var number = 0
        func outcome(_ user: String?, _ bounds: ProductBounds?) async throws -> FinishedOrder {
            number += 1
            let units = [try TestRepository.unit(hooks: [.preStart: "hooks/who"], user: user)]
            let one = try await repository.submit("1.\(number)", files: Self.files + [told], units: units)
            let host = try await TestHost(repository, bounds: bounds.map { ["web": $0] })
            let ended = try await host.carryOut(repository.assignment(number, .install, one), order(number))
            try await host.end()
            return ended
        }
        let ran = try await outcome("nobody", ProductBounds(hookUsers: ["nobody"]))
        #expect(ran.failure?.evidence.logTail.hasPrefix("nobody\n") == true, "\(ran)")
        #expect(ran.failure?.evidence.logTail.contains(" nobody\n") == true, "\(ran)")
        for (user, allowed) in [("nobody", ["payments"]), (nil, ["nobody"]), ("absent-user", ["absent-user"])] {
            let refused = try await outcome(user, ProductBounds(hookUsers: allowed))
            #expect(refused.outcome == .failed(.preflight), "\(refused)")
        }
    }

    @Test(
        "A failing hook backs the host out, with its output as evidence",
        arguments: [HookMoment.preStart, .start, .postHealthy])
    func fails(moment: HookMoment) async throws {
        let repository = try TestRepository()
        let host = try await running(repository)
        let units = [try TestRepository.unit(hooks: [moment: "hooks/fails"])]
        let bad = try await repository.submit(
            "2.0", files: Self.files + [Self.hook("fails", "echo no database here; exit 4")], units: units)
        let ended = try await host.carryOut(repository.assignment(2, .install, bad), order(2))
        #expect(ended.outcome == .backedOut(.hook), "\(ended)")
        #expect(ended.failure?.evidence.logTail.contains("no database here") == true)
        #expect(ended.failure?.evidence.error.summary.contains("exit code 4") == true)
        #expect(try host.version() == "1.0")
        #expect(try host.serving().count == 1)
        try await host.end()
    }

    @Test("R5: a failing stop hook of the old release: the host never leaves it, and it serves again")
    func stopFails() async throws {
        let repository = try TestRepository()
        let units = [try TestRepository.unit(hooks: [.stop: "hooks/fails"])]
        let one = try await repository.submit(
            "1.0", files: Self.files + [Self.hook("fails", "echo cannot stop; exit 1")], units: units)
        let two = try await repository.submit("2.0")
        let host = try await TestHost(repository)
        try await host.carryOut(repository.assignment(1, .install, one), order(1))
        let ended = try await host.carryOut(repository.assignment(2, .install, two), order(2))
        #expect(ended.outcome == .failed(.hook), "\(ended)")
        #expect(try host.version() == "1.0")
        #expect(try host.serving().count == 1)
        try await host.end()
    }

    @Test("R5: a failing stop hook of the old release does not hold up an order that says so")
    func stopFailsAndIsIgnored() async throws {
        let repository = try TestRepository()
        let units = [try TestRepository.unit(hooks: [.stop: "hooks/fails"])]
        let one = try await repository.submit(
            "1.0", files: Self.files + [Self.hook("fails", "echo cannot stop; exit 1")], units: units)
        let two = try await repository.submit("2.0")
        let host = try await TestHost(repository)
        try await host.carryOut(repository.assignment(1, .install, one), order(1))
        let ended = try await host.carryOut(
            repository.assignment(2, .install, two, ignoreStopFailure: true), order(2))
        #expect(ended.outcome == .succeeded, "\(ended)")
        #expect(try host.version() == "2.0")
        #expect(try host.serving().count == 1)
        try await host.end()
    }

    @Test("R5: a back-out goes on without a stop hook that fails again and again")
    func stopFailsInBackOut() async throws {
        let repository = try TestRepository()
        let host = try await running(repository)
        let units = [try TestRepository.unit(hooks: [.stop: "hooks/fails"])]
        let bad = try await repository.submit(
            "2.0", files: [TestRepository.serve, TestRepository.broken, Self.hook("fails", "exit 1")], units: units)
        let ended = try await host.carryOut(repository.assignment(2, .install, bad), order(2))
        #expect(ended.outcome == .backedOut(.health), "\(ended)")
        #expect(try host.version() == "1.0")
        try await host.end()
    }

    @Test("R2: a hook that hangs is ended at its timeout with all it started")
    func hangs() async throws {
        let repository = try TestRepository()
        let host = try await running(repository)
        let units = [try TestRepository.unit(hooks: [.preStart: "hooks/hangs"], timeout: .seconds(1))]
        let bad = try await repository.submit(
            "2.0", files: Self.files + [Self.hook("hangs", "sleep 4242 & sleep 4242")], units: units)
        let ended = try await host.carryOut(repository.assignment(2, .install, bad), order(2))
        #expect(ended.outcome == .backedOut(.hook))
        #expect(ended.failure?.evidence.error.summary.contains("did not end within 1s") == true)
        #expect(try host.version() == "1.0")
        try await host.end()
    }

    @Test("R1: a hook that leaves a child with its output open is done when it is done")
    func leavesChild() async throws {
        let repository = try TestRepository()
        let host = try await running(repository)
        let units = [try TestRepository.unit(hooks: [.start: "hooks/leaves"])]
        let two = try await repository.submit(
            "2.0", files: Self.files + [Self.hook("leaves", "sleep 20 & exit 0")], units: units)
        let ended = try await host.carryOut(repository.assignment(2, .install, two), order(2))
        #expect(ended.outcome == .succeeded, "\(ended)")
        try await host.end()
    }

    @Test(
        "R1: a thousand hooks that leave a child behind: each is known within a second of its end, none leaves a file or a thread"
    )
    func leavesThousand() async throws {
        let repository = try TestRepository()
        let units = [try TestRepository.unit(hooks: [.start: "hooks/leaves"])]
        // The one that the installation itself leaves is found by its file.
        let body = """
            sleep 3600 &
            echo $! > "$SLIPWAY_FOLDER.child"
            echo "child $!"
            echo "ends $(cut -d' ' -f1 /proc/uptime)"
            """
        let one = try await repository.submit("1.0", files: Self.files + [Self.hook("leaves", body)], units: units)
        let host = try await TestHost(repository)
        #expect(try await host.carryOut(repository.assignment(1, .install, one), order(1)).outcome == .succeeded)
        let child = try #require(try host.text("opt/web.child").flatMap { Int32($0.dropLast()) })
        kill(child, SIGKILL)
        let hooks = await host.agent.operations.hooks
        let stored = try await host.agent.store.stored(one)
        let unit = try #require(stored.manifest.units.first)
        let program = try stored.hookPath(#require(unit.hook(.start)))
        @Sendable func run(_: Int) async throws -> TimeSpan {
            let result = try await hooks.run(program: program, called: "start", of: unit, in: stored, [:])
            let knownAt = SystemTime().monotonic()
            let words = result.output.split(whereSeparator: \.isWhitespace)
            try #require(words.count == 4, "its output is all there: \(result.output)")
            #expect(result.end == .exited(0) && result.outputIsOpen)
            kill(try #require(Int32(words[1])), SIGKILL)
            return TimeSpan(
                milliseconds: knownAt.milliseconds - Int64(1000 * (try #require(Double(words[3])))))
        }
        // As many threads at once as there will be.
        try await inParallel(Array(0..<16), width: 8, run)
        func open() throws -> (files: Int, threads: Int) {
            let own = try Directory.open("/proc/self")
            return (try own.list("fd").count, try own.list("task").count)
        }
        let before = try open()
        let late = try await inParallel(Array(0..<Sweep.amount(1000, sample: 50)), width: 8, run).sorted()
        let after = try open()
        // Of a sample beside other tests the most; scripts/faults runs it alone.
        #expect(late[late.count * 9 / 10] <= .seconds(1), "known \(late[late.count * 9 / 10]) after its end")
        if Sweep.isWhole {
            #expect(late.last ?? .zero <= .seconds(1))
            #expect(after.files <= before.files, "\(before.files) files before, \(after.files) after")
            #expect(after.threads <= before.threads, "\(before.threads) threads before, \(after.threads) after")
            print(
                "faults: hooks: \(late.count), known at most \(late.last ?? .zero) after their ends; \(after) of \(before)"
            )
        }
        try await host.end()
    }

    @Test("R8: a hook that removes its working folder and the release under it is noticed before the switch")
    func removesRelease() async throws {
        let repository = try TestRepository()
        let vandal = Self.hook(
            "any", "rm -rf \"$SLIPWAY_FOLDER\".releases/2.0-*; cd /tmp && rm -rf \"$OLDPWD/nothing\"")
        let one = try await repository.submit(
            "1.0", files: Self.files + [vandal], units: [TestRepository.unit(hooks: [.preStop: "hooks/any"])])
        let two = try await repository.submit("2.0")
        let host = try await TestHost(repository)
        try await host.carryOut(repository.assignment(1, .install, one), order(1))
        let ended = try await host.carryOut(repository.assignment(2, .install, two), order(2))
        #expect(ended.outcome == .backedOut(.install), "\(ended)")
        #expect(ended.failure?.evidence.error.code == "agent.release.absent", "\(ended)")
        #expect(try host.version() == "1.0")
        #expect(try host.serving().map { $0.hasSuffix(one.folder) } == [true])
        try await host.end()
    }

    @Test("R7: a hook that prints without end keeps its first 4 KiB and last 32, and costs no disk")
    func flood() async throws {
        let repository = try TestRepository()
        let loud = Self.hook(
            "any",
            "echo the beginning; head -c \(Sweep.amount(10_000_000_000, sample: 300_000_000)) /dev/zero | tr '\\0' x; echo; echo the end; exit 9"
        )
        let release = try await repository.submit(
            "1.0", files: Self.files + [loud],
            units: [TestRepository.unit(hooks: [.preStart: "hooks/any"], timeout: .minutes(10))])
        let host = try await TestHost(repository)
        let ended = try await host.carryOut(
            repository.assignment(1, .install, release), order(1), within: .minutes(10))
        #expect(ended.outcome == .backedOut(.hook), "\(ended.outcome)")
        let tail = try #require(ended.failure?.evidence.logTail)
        #expect(tail.contains("the end") && tail.utf8.count <= FailureEvidence.logTailMax)
        var size: Int64 = 0
        for name in ["journal", "logs"] {
            size += try TreeCopy.size(of: name, in: host.dir.directory)
        }
        #expect(size < 4 << 20)
        try await host.end()
    }

    @Test("R3: a hook that asks gets no answer: its input is empty")
    func asks() async throws {
        let repository = try TestRepository()
        let host = try await running(repository)
        let units = [try TestRepository.unit(hooks: [.preStart: "hooks/asks"])]
        let bad = try await repository.submit(
            "2.0", files: Self.files + [Self.hook("asks", "read answer || { echo nobody answered; exit 9; }")],
            units: units)
        let ended = try await host.carryOut(repository.assignment(2, .install, bad), order(2))
        #expect(ended.outcome == .backedOut(.hook))
        #expect(ended.failure?.evidence.logTail.contains("nobody answered") == true)
        try await host.end()
    }

    @Test("Exit 75 is asked again later, and given up after half an hour")
    func later() async throws {
        let time = ManualTime(now: start)
        let processes = ScriptedProcesses(ends: [.exited(75), .exited(75), .exited(0)])
        let (unit, stored, runner, folder) = try await scripted(processes, time)
        async let done = runner.run(.preStart, of: unit, in: stored, HookContext(try task()))
        for _ in 0..<2 {
            await time.untilSleeping()
            time.advance(by: .seconds(60))
        }
        #expect(try await done)
        #expect(processes.runs == 3)

        let never = ScriptedProcesses(ends: Array(repeating: .exited(75), count: 100))
        let (unit2, stored2, patient, other) = try await scripted(never, time)
        let failing = Task { try await patient.run(.preStart, of: unit2, in: stored2, HookContext(try task())) }
        for _ in 0..<30 {
            await time.untilSleeping()
            time.advance(by: .seconds(60))
        }
        await #expect(throws: StepError.self) { try await failing.value }
        #expect(never.runs == 31)
        withExtendedLifetime((folder, other)) {}
    }

    private func scripted(
        _ processes: ScriptedProcesses, _ time: ManualTime
    ) async throws -> (ManifestUnit, StoredRelease, HookRunner, TemporaryFolder) {
        let repository = try TestRepository()
        let units = [try TestRepository.unit(hooks: [.preStart: "hooks/any"])]
        let release = try await repository.submit("1.0", files: Self.files + [Self.hook("any", "exit 0")], units: units)
        let folder = try TemporaryFolder()
        let store = ReleaseStore(directory: folder.directory, root: "/", units: folder.path + "/units")
        let manifest = try repository.manifest(of: release)
        let stored = try store.keep(
            manifest, bytes: manifest.bytes, blobs: BlobStore(repository.folder.directory.directory("blobs")))
        let configuration = RealAgent.configuration(repository: "http://127.0.0.1", root: "/")
        let runner = HookRunner(
            processes: processes, time: time,
            environment: StepEnvironment(
                configuration: configuration, labels: LabelsInForce(configuration.labels)),
            workingDirectory: "/")
        return (try #require(manifest.units.first), stored, runner, folder)
    }
}

/// Programs that end as they are told.
final class ScriptedProcesses: ProcessDoor {
    private let state: Mutex<(ends: [ProcessResult.End], runs: Int)>
    var runs: Int { state.withLock { $0.runs } }

    init(ends: [ProcessResult.End]) { state = Mutex((ends, 0)) }

    func run(_ command: ProcessCommand) async throws -> ProcessResult {
        state.withLock { state in
            state.runs += 1
            return ProcessResult(end: state.ends.isEmpty ? .exited(0) : state.ends.removeFirst(), output: "")
        }
    }

    func startService(_ command: ProcessCommand, log: String) throws -> ServiceProcess {
        ServiceProcess(processID: 1, startTicks: 1)
    }

    func isRunning(_ process: ServiceProcess) -> Bool { false }
    func stopService(_ process: ServiceProcess, grace: TimeSpan) async throws {}
    func waitForEnd(of process: ServiceProcess) async throws {}
}
