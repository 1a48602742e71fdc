import AgentProtocol
import Effects
import Glibc
import ReleaseDefinition
import ReleaseDistribution
import ReleasePackaging
import Synchronization
import Testing
import enum TestSupport.Shim

@testable import AgentLibrary

/// A host in folders that are copied for each point, and what a command on it must end with.
struct FaultScenario: Sendable {
    let name: String
    /// What is done to the host: words after `slipway-agent`.
    let words: [String]
    /// The version that runs in the end, whatever happened on the way.
    let ends: String
    /// The exit codes with which the undisturbed command may end.
    let codes: Set<Int32>
    let dir: TemporaryFolder
    let root: TemporaryFolder
    /// What ends with the version that runs.
    var texts = ["etc/cron.d/web", "etc/motd", "etc/web/web.conf"]
    /// False: files alone, and nothing of it runs.
    var serves = true

    /// 1.4 runs, with a unit of each type that needs nothing of the host; 1.5 is to come by file, good or bad.
    static func prepare() async throws -> [FaultScenario] {
        let repository = try TestRepository()
        let work = try TemporaryFolder()
        let notes = work.path + "/notes"
        var tune = try UnitTypeTests.plain("tune", .script)
        tune.backup = ["/etc/extra"]
        let units = [
            try UnitTypeTests.plain("conf", .template, installTo: "/etc/web"),
            try UnitTypeTests.plain("crons", .file, installTo: "/etc"), tune,
            try TestRepository.unit(persistent: ["uploads"]),
        ]
        func files(_ version: String, _ check: TestRepository.File) -> [TestRepository.File] {
            [
                .init("conf/web.conf", "of {{ version }}\n", isProgram: false),
                .init("crons/cron.d/web", "job \(version)\n", isProgram: false),
                .init("crons/motd", "welcome \(version)\n", isProgram: false), TestRepository.serve, check,
            ] + UnitTypeTests.script("tune", notes)
        }
        func submit(_ version: String, _ check: TestRepository.File) async throws -> HostRelease {
            try await repository.submit(
                version, files: files(version, check), units: units, values: "{\"version\":\"\(version)\"}")
        }
        let old = try await submit("1.4", TestRepository.healthy)
        let good = try await submit("1.5", TestRepository.healthy)
        let bad = try await submit("1.6", TestRepository.broken)
        for (release, name) in [(good, "good"), (bad, "bad")] {
            let contents = try repository.export(release, valid: .days(30))
            let file = try work.directory.createFile("\(name).slip")
            try PackageFile.write(
                contents.manifestBytes, trust: contents.trust, blobs: repository.blobs, to: file)
        }
        kept.withLock { $0.append(work) }
        func host(_ releases: [HostRelease]) async throws -> TestHost {
            let root = try TemporaryFolder()
            _ = try root.directory.createDirectory("etc")
            try root.directory.writeDurably("etc/motd", Array("as it was\n".utf8))
            try root.directory.writeDurably("etc/extra", Array("data\n".utf8))
            let host = try await TestHost(repository, root: root)
            for (number, release) in releases.enumerated() {
                let ended = try await host.carryOut(
                    repository.assignment(number + 1, .install, release), order(number + 1))
                #expect(ended.outcome == .succeeded, "\(ended)")
            }
            try await host.end()
            await host.agent.close()
            try host.dir.directory.removeTree("services")
            return host
        }
        let first = try await host([old])
        let second = try await host([old, good])
        // Its way back writes down less than the others, so it has points of its own.
        var alone: [HostRelease] = []
        for version in Sweep.isWhole ? ["2.4", "2.5"] : [] {
            let crons = try UnitTypeTests.plain("crons", .file, installTo: "/etc")
            alone.append(
                try await repository.submit(
                    version, files: files(version, TestRepository.healthy),
                    units: [crons, UnitTypeTests.plain("web", .tree, installTo: "/opt/web")].map {
                        var unit = $0
                        unit.source = $0.name.text == "web" ? "tree" : $0.source
                        return unit
                    }))
        }
        let files = alone.isEmpty ? nil : try await host(alone)
        let install = { (name: String) in ["install", "\(work.path)/\(name).slip", "--receipt", "/dev/null"] }
        return [
            FaultScenario(
                name: "update", words: install("good"), ends: "1.5", codes: [0], dir: first.dir, root: first.root),
            FaultScenario(
                name: "failing update", words: install("bad"), ends: "1.4", codes: [7], dir: first.dir, root: first.root
            ),
            // Repeated after it is done, the way back would go on to what was there before: nothing.
            FaultScenario(
                name: "back-out", words: ["back-out", "web"], ends: "1.4", codes: [0], dir: second.dir,
                root: second.root),
        ]
            + (files.map { files in
                [
                    FaultScenario(
                        name: "back-out of files", words: ["back-out", "web"], ends: "2.4", codes: [0], dir: files.dir,
                        root: files.root, texts: ["etc/cron.d/web", "etc/motd"], serves: false)
                ]
            } ?? [])
    }

    private static let kept = Mutex<[TemporaryFolder]>([])
}

/// One call of one run at which something happens.
struct FaultPoint: Sendable, CustomStringConvertible {
    enum Kind: Int32, Sendable, CaseIterable {
        case kill = 0
        case inputOutput = 5
        case noSpace = 28
        case descriptors = 24
        /// EDQUOT: the user's share of the disk is used up.
        case quota = 122
        var countsOpens: Bool { self == .descriptors }
    }

    var scenario: FaultScenario
    var kind: Kind
    var number: Int
    /// `rename /etc/motd`, without what differs from run to run.
    var place: String
    /// The number counts the calls of this place alone.
    var isByPlace = false
    var description: String { "\(scenario.name), \(kind) at \(number) (\(place))" }

    /// What tells the shim so.
    var variables: [String: String] {
        var variables = [
            "FAULT_AT": "\(number)", "FAULT_ERRNO": "\(kind.rawValue)",
            "FAULT_KIND": kind.countsOpens ? "open" : "change",
        ]
        // `open AGENT/web-#`: the folder and the digest are of each run.
        guard isByPlace, let space = place.firstIndex(of: " ") else { return variables }
        let path = place[place.index(after: space)...].replacing("AGENT", with: "").replacing("#", with: "*")
        variables["FAULT_PLACE"] = place[...space] + "*" + path
        return variables
    }
}

/// A copy of the scenario's host.
struct FaultHost: Sendable {
    let scenario: FaultScenario
    let shim: String
    let dir: TemporaryFolder
    let root: TemporaryFolder
    private let processes = LiveProcesses()

    init(_ scenario: FaultScenario, shim: String) async throws {
        self.scenario = scenario
        self.shim = shim
        dir = try TemporaryFolder()
        root = try TemporaryFolder()
        for (from, to) in [(scenario.dir.path, dir.path), (scenario.root.path, root.path)] {
            let result = try await processes.run(
                ProcessCommand(
                    executable: "/bin/cp", arguments: ["-a", from + "/.", to], workingDirectory: "/",
                    timeout: .seconds(60)))
            #expect(result.end == .exited(0))
        }
        try RealAgent.configuration(repository: "http://127.0.0.1:1", root: root.path).write(in: dir.directory)
    }

    func run(_ words: [String], environment: [String: String] = [:]) async throws -> ProcessResult {
        var environment = environment
        if !environment.isEmpty { environment["LD_PRELOAD"] = shim }
        environment["SWIFT_BACKTRACE"] = "enable=no"
        return try await processes.run(
            ProcessCommand(
                executable: RealAgent.program, arguments: words + ["--dir", dir.path], environment: environment,
                workingDirectory: "/", timeout: .seconds(60)))
    }

    /// Every call that counts, of an undisturbed run.
    func trace(_ kind: FaultPoint.Kind) async throws -> [String] {
        let file = try TemporaryFolder()
        let result = try await run(
            scenario.words,
            environment: ["FAULT_TRACE": file.path + "/trace", "FAULT_KIND": kind.countsOpens ? "open" : "change"])
        guard case .exited(let code) = result.end, scenario.codes.contains(code) else {
            Issue.record("\(scenario.name): \(result.end) \(result.output)")
            return []
        }
        return places(try file.directory.read("trace", sizeMax: ByteCount(16 << 20)))
    }

    /// Lines of the shim.
    func places(_ lines: [UInt8]) -> [String] { Sweep.places(lines, [(dir.path, "AGENT"), (root.path, "")]) }

    /// One complete release that was verified is what the link shows and what the journal says; nothing is left over.
    func check(_ point: FaultPoint, ends: String?) async throws {
        let state = try HostState(reading: dir.directory)
        let record = state.record(of: TestRepository.product)
        let version = record.current?.name.version.text
        if let ends { #expect(version == ends, "\(point): the journal says \(version ?? "nothing")") }
        #expect(record.lockedBy == nil, "\(point)")
        #expect(state.installation == nil, "\(point)")
        let verified = try await run(["verify"])
        #expect(verified.end == .exited(0), "\(point): \(verified.output)")
        guard let version else { return }
        for path in scenario.texts {
            let text = String(
                decoding: try root.directory.readIfPresent(path, sizeMax: ByteCount(100)) ?? [], as: UTF8.self)
            #expect(text.hasSuffix(" \(version)\n"), "\(point): \(path) has \(text)")
        }
        let proc = try Directory.open("/proc")
        let folders = services.compactMap { try? proc.readLink("\($0.processID)/cwd") }
        if scenario.serves {
            #expect(folders.count == 1 && folders[0].contains("/web.releases/\(version)-"), "\(point): \(folders)")
        } else {
            #expect(folders.isEmpty, "\(point): \(folders)")
        }
        let leftovers = try leftovers()
        #expect(leftovers.isEmpty, "\(point): \(leftovers)")
        let told = state.reports.compactMap { report in
            if case .outcome(let outcome) = report.body { outcome } else { nil }
        }
        #expect(told.last?.running?.release.version.text == version, "\(point): the last report is not true")
    }

    private func leftovers() throws -> [String] {
        var found: [String] = []
        for folder in ["opt", "opt/web.releases", "etc", "etc/cron.d"] + (scenario.serves ? ["etc/web"] : []) {
            for entry in try root.directory.list(folder) where entry.name.hasPrefix(".") {
                found.append(folder + "/" + entry.name)
            }
        }
        return found
    }

    private var services: [ServiceProcess] { servicesRunning(in: dir.path) }

    func end() async throws {
        for service in services { try await processes.stopService(service, grace: .milliseconds(200)) }
    }
}

@Suite("The real agent, killed and failed at every durable act", .serialized)
struct FaultSweep {
    /// Points of each scenario and kind that an ordinary run takes.
    static let sample = 18
    static let width = Sweep.width(sample: 4)

    @Test("Afterwards one complete verified release runs, the journal is readable, the report is true")
    func sweep() async throws {
        let (shim, folder) = try await Shim.compile("faults")
        var tried = 0
        let scenarios = try await FaultScenario.prepare().filter { Sweep.scenario ?? $0.name == $0.name }
        try #require(!scenarios.isEmpty, "there is no \(Sweep.scenario ?? "scenario")")
        for scenario in scenarios {
            for kind in FaultPoint.Kind.allCases { tried += try await Self.sweep(scenario, kind, shim) }
        }
        print("faults: \(tried) points of \(scenarios.map(\.name).joined(separator: ", "))")
        #expect(tried >= 200 || Sweep.isWhole, "a sample is 200 points at least")
        withExtendedLifetime(folder) {}
    }

    /// - Returns: how many points there were.
    private static func sweep(_ scenario: FaultScenario, _ kind: FaultPoint.Kind, _ shim: String) async throws -> Int {
        let traced = try await FaultHost(scenario, shim: shim)
        let places = try await traced.trace(kind)
        try await traced.end()
        try #require(places.count > 20, "\(scenario.name): \(places.count) calls")
        func points(_ numbers: [Int]) -> [FaultPoint] {
            numbers.map {
                let place = $0 <= places.count ? places[$0 - 1] : "beyond"
                return FaultPoint(scenario: scenario, kind: kind, number: $0, place: place)
            }
        }
        var coverage = SweepCoverage("\(scenario.name), \(kind)", places: places)
        // A quota and a full disk are one to the agent: a sample shows that they are.
        let isSample = kind == .quota
        let chosen = points(
            isSample
                ? Array(stride(from: 1, through: places.count, by: max(1, places.count / sample)))
                : Sweep.calls(places, sample: sample))
        coverage.add(try await inParallel(chosen, width: width) { try await Self.try($0, shim) })
        if kind == .kill {
            let kills = coverage.hits.count { $0.isKilled }
            #expect(kills * 10 >= chosen.count * 8, "\(kills) of \(chosen.count) were killed")
        }
        // Where calls came in another number than in the trace: by their place, which others may resemble.
        for number in 1...6 where Sweep.share == 1 && !isSample && !coverage.missed.isEmpty {
            let more = coverage.missed.sorted().map {
                FaultPoint(scenario: scenario, kind: kind, number: number, place: $0, isByPlace: true)
            }
            coverage.add(try await inParallel(more, width: width) { try await Self.try($0, shim) })
        }
        print(coverage.description)
        if Sweep.share == 1, !isSample { #expect(coverage.missed.isEmpty, "every place is hit: \(coverage.missed)") }
        return coverage.hits.count
    }

    private static func `try`(_ point: FaultPoint, _ shim: String) async throws -> SweepHit {
        let host = try await FaultHost(point.scenario, shim: shim)
        let hit = try TemporaryFolder()
        let disturbed = try await host.run(
            point.scenario.words,
            environment: point.variables.merging(["FAULT_HIT": hit.path + "/hit"]) { $1 })
        if point.kind == .kill {
            // The last calls of a run do not come in the same number each time.
            if case .exited = disturbed.end {} else { #expect(disturbed.end == .signalled(SIGKILL), "\(point)") }
        } else if case .exited = disturbed.end {
        } else {
            Issue.record("\(point): \(disturbed.end) \(disturbed.output.suffix(2000))")
        }
        // Never between: the link shows one whole tree.
        let target = try host.root.directory.readLink("opt/web")
        let version = try host.root.directory.read("opt/\(target)/VERSION", sizeMax: ByteCount(100))
        #expect(["1.4", "1.5", "1.6", "2.4", "2.5"].contains(String(decoding: version, as: UTF8.self)), "\(point)")
        let again: ProcessResult
        if point.scenario.words[0] == "back-out" {
            let state = try HostState(reading: host.dir.directory)
            let isDone =
                state.installation == nil
                && state.record(of: TestRepository.product).current?.name.version.text == point.scenario.ends
            // Any command by hand ends what was left unfinished; a back-out that is done is not asked for again.
            again = isDone ? disturbed : try await host.run(point.scenario.words)
            if isDone {
                // What a kill after the end left to be tidied or started is done by the next start of any kind.
                _ = try await host.run(["back-out", "none"])
            }
        } else {
            again = try await host.run(point.scenario.words)
        }
        if point.scenario.words[0] != "back-out", case .exited(let code) = again.end {
            #expect(point.scenario.codes.contains(code), "\(point): again \(code) \(again.output.suffix(2000))")
        }
        try await host.check(point, ends: point.scenario.ends)
        try await host.end()
        let lines = try hit.directory.readIfPresent("hit", sizeMax: ByteCount(1 << 20)) ?? []
        let places = host.places(lines)
        return SweepHit(
            isKilled: disturbed.end == .signalled(SIGKILL), place: places.first, others: Array(places.dropFirst()))
    }
}
