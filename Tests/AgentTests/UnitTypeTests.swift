import AgentProtocol
import Effects
import ReleaseDefinition
import Testing

@testable import AgentLibrary

@Suite("Units of every type, several in one release")
struct UnitTypeTests {
    typealias File = TestRepository.File

    /// A unit without health of its own.
    static func plain(
        _ name: String, _ type: UnitType, installTo: String = "", requires: [String]? = nil,
        runOn: String? = nil, reversible: Bool? = nil
    ) throws -> UnitDefinition {
        UnitDefinition(
            name: try UnitName(name), type: type, source: name, installTo: installTo,
            hooks: UnitHooks(timeout: .seconds(20)), minimumHealthy: .milliseconds(1),
            requires: try requires?.map { try UnitName($0) }, runOn: try runOn.map { try HostQuery($0) },
            reversible: reversible)
    }

    /// A script that notes in a file beside the root what it was told, and ends as it is told.
    static func script(_ name: String, _ notes: String, exit code: Int = 0, backOut: Int = 0) -> [File] {
        [
            File(
                "\(name)/apply", "#!/bin/sh\necho \"apply $SLIPWAY_UNIT $SLIPWAY_VERSION\" >> \(notes)\nexit \(code)\n"),
            File(
                "\(name)/back-out",
                "#!/bin/sh\necho \"back-out $SLIPWAY_UNIT $SLIPWAY_VERSION\" >> \(notes)\nexit \(backOut)\n"),
        ]
    }

    static func lines(_ notes: TemporaryFolder) throws -> [String] {
        let bytes = try notes.directory.readIfPresent("notes", sizeMax: ByteCount(1 << 16)) ?? []
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    @Test("Files and templates come one by one; a first install that fails brings back what lay there, to the mode")
    func filesAndOriginals() async throws {
        let repository = try TestRepository()
        let units = [
            try Self.plain("conf", .template, installTo: "/etc/web"),
            try Self.plain("crons", .file, installTo: "/etc"),
            try TestRepository.unit(),
        ]
        let files = [
            File(
                "conf/web.conf", "port={{ port }}\nhost={{ $NAME }}\nraw={{{{x}}\npw={{ db.password }}\n",
                isProgram: false),
            File("crons/cron.d/web", "* * * * * root web\n", isProgram: false),
            File("crons/motd", "welcome\n", isProgram: false),
        ]
        let values = #"{"port":8080,"db":{"password":{"secret":"web/db"}}}"#
        let bad = try await repository.submit(
            "1.0", files: files + [TestRepository.serve, TestRepository.broken], units: units, values: values)
        let good = try await repository.submit(
            "1.1", files: files + [TestRepository.serve, TestRepository.healthy], units: units, values: values)
        let (root, secrets) = (try TemporaryFolder(), try TemporaryFolder())
        _ = try secrets.directory.createDirectory("web")
        try secrets.directory.writeDurably("web/db", Array("hunter2\n".utf8))
        _ = try root.directory.createDirectory("etc")
        try root.directory.writeDurably("etc/motd", Array("as it was\n".utf8), mode: 0o640)

        let host = try await TestHost(
            repository, root: root, variables: ["NAME": "alpha"], secrets: secrets.path)
        let failed = try await host.carryOut(repository.assignment(1, .install, bad), order(1))
        #expect(failed.outcome == .backedOut(.health), "\(failed)")
        #expect(try host.text("etc/motd") == "as it was\n")
        #expect(try root.directory.status("etc/motd")?.mode == 0o640)
        #expect(try root.directory.list("etc").map(\.name) == ["motd"], "folders that came with the release are gone")

        let installed = try await host.carryOut(repository.assignment(2, .install, good), order(2))
        #expect(installed.outcome == .succeeded, "\(installed)")
        #expect(try host.text("etc/web/web.conf") == "port=8080\nhost=alpha\nraw={{x}}\npw=hunter2\n")
        #expect(try host.text("etc/cron.d/web") == "* * * * * root web\n")
        #expect(try host.text("etc/motd") == "welcome\n")
        let back = try await host.carryOut(repository.assignment(2, .backOut, good), order(2, .backOut))
        #expect(back.outcome == .backedOut(nil), "\(back)")
        #expect(try host.text("etc/motd") == "as it was\n")
        #expect(try root.directory.list("etc").map(\.name) == ["motd"])
        try await host.end()
    }

    @Test("A unit that a release drops is removed, and comes back with the release before")
    func droppedUnit() async throws {
        let repository = try TestRepository()
        let notes = try TemporaryFolder()
        let file = notes.path + "/notes"
        let files = [File("crons/cron.d/web", "job\n", isProgram: false)] + Self.script("tune", file)
        let one = try await repository.submit(
            "1.0", files: files + [TestRepository.serve, TestRepository.healthy],
            units: [
                try Self.plain("crons", .file, installTo: "/etc"), try Self.plain("tune", .script),
                try TestRepository.unit(),
            ])
        let two = try await repository.submit("2.0")
        let host = try await TestHost(repository)
        try await host.carryOut(repository.assignment(1, .install, one), order(1))
        #expect(try host.text("etc/cron.d/web") == "job\n")
        try await host.carryOut(repository.assignment(2, .install, two), order(2))
        #expect(try host.text("etc/cron.d/web") == nil)
        #expect(try Self.lines(notes) == ["apply tune 1.0", "back-out tune 1.0"])
        let back = try await host.carryOut(repository.assignment(2, .backOut, two), order(2, .backOut))
        #expect(back.outcome == .backedOut(nil), "\(back)")
        #expect(try host.text("etc/cron.d/web") == "job\n")
        #expect(try Self.lines(notes).last == "apply tune 1.0")
        try await host.end()
    }

    @Test("Unit k fails: k to the first are taken back, in reverse order")
    func reverse() async throws {
        let repository = try TestRepository()
        let notes = try TemporaryFolder()
        let file = notes.path + "/notes"
        let units = try ["one", "two", "three"].map { try Self.plain($0, .script) }
        let files = Self.script("one", file) + Self.script("two", file) + Self.script("three", file, exit: 3)
        let release = try await repository.submit("1.0", files: files, units: units)
        let host = try await TestHost(repository)
        let ended = try await host.carryOut(repository.assignment(1, .install, release), order(1))
        #expect(ended.outcome == .backedOut(.hook), "\(ended)")
        #expect(
            try Self.lines(notes) == [
                "apply one 1.0", "apply two 1.0", "apply three 1.0", "back-out three 1.0", "back-out two 1.0",
                "back-out one 1.0",
            ])
        #expect(await host.record.current == nil)
        try await host.end()
    }

    @Test("A migration runs on the hosts that it names, once for its files, and not again when a release keeps them")
    func migration() async throws {
        let repository = try TestRepository()
        let notes = try TemporaryFolder()
        let file = notes.path + "/notes"
        let files =
            Self.script("schema", file) + Self.script("other", file)
            + [TestRepository.serve, TestRepository.healthy]
        let units = [
            try Self.plain("schema", .migration, runOn: "zone=a"), try Self.plain("other", .migration, runOn: "zone=b"),
            try TestRepository.unit(),
        ]
        let host = try await TestHost(repository)
        // The file VERSION that every test release has lies in `tree`, so the migrations' files do not change.
        for (number, version) in ["1.0", "1.1"].enumerated() {
            let release = try await repository.submit(version, files: files, units: units)
            let ended = try await host.carryOut(
                repository.assignment(number + 1, .install, release), order(number + 1))
            #expect(ended.outcome == .succeeded, "\(ended)")
        }
        #expect(try Self.lines(notes) == ["apply schema 1.0"])
        try await host.end()
    }

    @Test("A rollout's migration runs only on the host that it names, and goes back with it")
    func namedMigration() async throws {
        let repository = try TestRepository()
        let notes = try TemporaryFolder()
        let files = Self.script("schema", notes.path + "/notes") + [TestRepository.serve, TestRepository.healthy]
        let first = try await repository.submit("1.0")
        let second = try await repository.submit(
            "1.1", files: files, units: [Self.plain("schema", .migration, runOn: "zone=a"), TestRepository.unit()])
        for isNamed in [false, true] {
            let host = try await TestHost(repository)
            let own = await host.agent.configuration.host
            let named = isNamed ? [own] : [try HostID("another")]
            try await host.carryOut(repository.assignment(1, .install, first), order(1))
            let ended = try await host.carryOut(
                repository.assignment(2, .install, second, migrates: named), order(2))
            #expect(ended.outcome == .succeeded, "\(ended)")
            let back = try await host.carryOut(
                repository.assignment(2, .backOut, second, migrates: named), order(2, .backOut))
            #expect(back.outcome == .backedOut(nil), "\(back)")
            try await host.end()
            let said = (try? Self.lines(notes)) ?? []
            #expect(said == (isNamed ? ["apply schema 1.1", "back-out schema 1.1"] : []))
        }
    }

    @Test("Behind an irreversible unit a failure halts: nothing is taken back by itself, the product is locked")
    func irreversible() async throws {
        let repository = try TestRepository()
        let notes = try TemporaryFolder()
        let first = try await repository.submit("1.0")
        let units = [try Self.plain("tune", .script, reversible: false), try TestRepository.unit()]
        let bad = try await repository.submit(
            "2.0", files: Self.script("tune", notes.path + "/notes") + [TestRepository.serve, TestRepository.broken],
            units: units)
        let host = try await TestHost(repository)
        try await host.carryOut(repository.assignment(1, .install, first), order(1))
        let ended = try await host.carryOut(repository.assignment(2, .install, bad), order(2))
        #expect(ended.outcome == .backOutFailed, "\(ended)")
        #expect(ended.failure?.evidence.backOutError?.code == "agent.backOut.irreversible")
        #expect(try Self.lines(notes) == ["apply tune 2.0"])
        #expect(await host.record.lockedBy == (try order(2)))
        try await host.end()
    }

    @Test("What cannot be placed or rendered is refused before anything is stopped", arguments: [0, 1, 2, 3, 4])
    func refusedEarly(_ number: Int) async throws {
        let repository = try TestRepository()
        let root = try TemporaryFolder()
        let outside = try TemporaryFolder()
        var files = [TestRepository.serve, TestRepository.healthy]
        var units = [try TestRepository.unit()]
        let code: String
        switch number {
        case 0:
            files.append(File("conf/a", "{{ nothing.here }}", isProgram: false))
            units.append(try Self.plain("conf", .template, installTo: "/etc"))
            code = "agent.template"
        case 1:
            files.append(File("conf/a", "text", isProgram: false))
            units.append(try Self.plain("conf", .file, installTo: "/etc"))
            _ = try root.directory.createDirectory("etc/a")
            code = "agent.place.taken"
        case 2:
            files += [File("conf/a", "text", isProgram: false), File("more/a", "text", isProgram: false)]
            units += [
                try Self.plain("conf", .file, installTo: "/etc"), try Self.plain("more", .file, installTo: "/etc"),
            ]
            code = "agent.preflight.place"
        case 3:
            // R50: a folder on the way is a link that leads away.
            files.append(File("conf/a", "text", isProgram: false))
            units.append(try Self.plain("conf", .file, installTo: "/etc/web"))
            _ = try root.directory.createDirectory("etc")
            try root.directory.createSymlink("etc/web", to: outside.path)
            code = "effects.file.escape"
        default:
            files.append(File("tune/README", "no programs", isProgram: false))
            units.append(try Self.plain("tune", .script))
            code = "agent.script.program"
        }
        let release = try await repository.submit("1.0", files: files, units: units)
        let host = try await TestHost(repository, root: root)
        let ended = try await host.carryOut(repository.assignment(1, .install, release), order(1))
        guard case .failed = ended.outcome else { return #expect(Bool(false), "\(ended)") }
        #expect(ended.failure?.evidence.error.code == code, "\(ended)")
        #expect(try root.directory.status("opt/web") == nil)
        #expect(try outside.directory.list().isEmpty)
        try await host.end()
    }

    @Test("agent.json bounds each product: its paths and its types of units")
    func bounds() async throws {
        let repository = try TestRepository()
        let release = try await repository.submit("1.0")
        let allowed: [(ProductBounds?, Bool)] = [
            (ProductBounds(paths: ["/opt"], unitTypes: [.tree]), true), (ProductBounds(paths: ["/srv", "/op"]), false),
            (ProductBounds(unitTypes: [.file]), false), (nil, false),
        ]
        for (bounds, isAllowed) in allowed {
            let host = try await TestHost(repository, bounds: bounds.map { ["web": $0] } ?? ["other": ProductBounds()])
            let ended = try await host.carryOut(repository.assignment(1, .install, release), order(1))
            #expect(ended.outcome == (isAllowed ? .succeeded : .failed(.preflight)), "\(ended)")
            if !isAllowed { #expect(ended.failure?.evidence.error.code == "agent.bounds") }
            try await host.end()
        }
    }
}
