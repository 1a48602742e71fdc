import AgentLibrary
import AgentProtocol
import ArgumentParser
import ControllerAPI
import ControllerLibrary
import DefinitionFiles
import Effects
import Glibc
import ReleaseDefinition
import Testing

@testable import slipway

@Suite struct ProgramExitTests {
    @Test("Exit codes are the contract's numbers")
    func numbers() {
        #expect(ProgramExit.allCases.map(\.rawValue) == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 130])
    }

    @Test("The code of a watch follows the final state, and no other state ends it")
    func finalStates() {
        #expect(ProgramExit(.succeeded) == .done)
        #expect(ProgramExit(.backedOut) == .backedOut)
        #expect(ProgramExit(.backOutFailed) == .failed)
        for state in RolloutState.allCases { #expect((ProgramExit(state) != nil) == state.isFinal, "\(state)") }
    }

    @Test(
        "A status that the controller answers becomes a code of its own",
        arguments: [
            (404, ProgramExit.notFound), (401, .permission), (403, .permission), (409, .conflict), (412, .conflict),
            (423, .notNow), (503, .unreachable), (400, .failed), (500, .failed),
        ])
    func statuses(_ status: Int, _ exit: ProgramExit) {
        #expect(ProgramExit(ControllerAPIError.family(ofStatus: status)) == exit)
    }

    @Test("A token never goes to an address without TLS", arguments: ["http://127.0.0.1:1", "garbage", "https://", ""])
    func clearText(_ url: String) async throws {
        let options = try ConnectionOptions.parse(["--controller", url, "--token-file", "/t", "--authority", "/a"])
        await #expect(throws: ValidationError.self) { try await options.withClient { _ in } }
    }

    @Test(
        "Words for hosts label are hosts, labels that are set and labels that are removed; what is unclear is refused")
    func labelWords() throws {
        func request(_ words: String...) throws -> HostLabelsRequest {
            try HostsLabelCommand.parse(words + ["--dir", "/none"]).request()
        }
        let named = try request("web-1", "zone=b=c", "web-2", "canary-", "--reason", "moved", "--dry-run")
        #expect(named.hosts?.map(\.text) == ["web-1", "web-2"] && named.query == nil)
        #expect(named.set == ["zone": "b=c"] && named.remove == ["canary"])
        #expect(named.reason == "moved" && named.isDryRun == true)
        let every = try request("zone=b", "--hosts", "role=web", "--environment", "staging")
        #expect(every.hosts == nil && every.query?.text == "role=web" && every.environment?.text == "staging")
        #expect(try request("zone=b", "--all").query == .all)
        for words in [
            ["web-1"], ["zone=b"], ["web-1", "zone=b", "--all"], ["web-1", "zone=b", "--hosts", "role=web"],
            ["web-1", "zone=b", "zone-"], ["web-1", "zone=a", "zone=b"], ["Web 1", "zone=b"], ["-", "zone=b", "--all"],
            ["web-1", "=b"], ["web-1", "zone=b", "--environment", "staging"],
        ] {
            #expect(throws: (any Error).self, "\(words)") { try HostsLabelCommand.parse(words + ["--dir", "/none"]) }
        }
    }

    @Test("Every command of the tree has an abstract, and help lists the exit codes")
    func help() {
        func walk(_ command: any ParsableCommand.Type) -> [any ParsableCommand.Type] {
            [command] + command.configuration.subcommands.flatMap(walk)
        }
        for command in walk(SlipwayCommand.self) {
            #expect(!command.configuration.abstract.isEmpty, "\(command)")
        }
        #expect(SlipwayCommand.helpMessage().contains("130 interrupted"))
    }

    @Test("docs/commands.md has every command and every exit code, and no other")
    func documentation() throws {
        let path = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/") + "/docs/commands.md"
        let text = String(decoding: try InputFile.read(path), as: UTF8.self)
        let rows = text.split(separator: "\n").filter { $0.hasPrefix("| ") }.map { String($0) }
        let commands = rows.compactMap { row in row.firstMatch(of: /^\| `(slipway [^`]*)`/).map { String($0.1) } }
        #expect(commands.sorted() == Self.leaves(SlipwayCommand.self, "slipway").sorted())
        let codes = rows.filter { $0.firstMatch(of: /^\| [0-9]+ \|/) != nil }
        #expect(codes == ProgramExit.allCases.map { "| \($0.rawValue) | \($0.meaning) |" })
    }

    private static func leaves(_ command: any ParsableCommand.Type, _ path: String) -> [String] {
        let children = command.configuration.subcommands
        return children.isEmpty
            ? [path] : children.flatMap { leaves($0, "\(path) \($0.configuration.commandName ?? "")") }
    }
}

@Suite struct OptionTests {
    @Test("A plan of each category that the command prints is one that it takes", arguments: ReleaseCategory.allCases)
    func templates(_ category: ReleaseCategory) throws {
        let plan = try ReleasePlanFile.parse(Array(PlanTemplate.text(category, release: nil).utf8), file: "x")
        #expect(plan.category == category)
        #expect(plan.backOut != nil && plan.earlyLife != nil && !plan.evidence.isEmpty)
    }

    @Test("Versions of other people's packages compare part by part")
    func materialOrder() {
        #expect(MaterialOrder.isBelow("3.0.11", "3.0.13") && MaterialOrder.isBelow("3.0.9", "3.0.13"))
        #expect(!MaterialOrder.isBelow("3.0.13", "3.0.13") && !MaterialOrder.isBelow("3.1", "3.0.13"))
        #expect(MaterialOrder.isBelow("1.1.1k", "1.1.1w") && MaterialOrder.isBelow("1.1.1", "1.1.1a"))
    }

    @Test("A push to nobody in particular is refused: --hosts or --all, never both")
    func hostSelection() {
        let connection = ["--dir", "x"]
        #expect(throws: (any Error).self) { try PushCommand.parse(["payments@1.4"] + connection) }
        #expect(throws: (any Error).self) {
            try PushCommand.parse(["payments@1.4", "--all", "--hosts", "role=web"] + connection)
        }
        #expect(throws: Never.self) { try PushCommand.parse(["payments@1.4", "--all"] + connection) }
    }

    @Test("Values are parsed once, at the door, with our own words when they are wrong")
    func values() throws {
        let command = try PushCommand.parse(["payments@1.4", "--hosts", "role=web and not pinned", "--dir", "x"])
        #expect(command.release.product.text == "payments")
        #expect(command.selection.query.text == "role=web and not pinned")
        #expect(throws: (any Error).self) { try PushCommand.parse(["payments", "--all", "--dir", "x"]) }
    }

    @Test("Words of a fixed set that are none of it are usage, in all three programs")
    func fixedWords() async throws {
        try await WorkFolder.with { work in
            for wrong in [["--profile", "huge"], ["--environments", ","], ["--output", "huge"]] {
                let arguments = ["init", "--dir", work.path + "/made"] + wrong
                #expect(await ControllerCommand.execute(arguments) == 2, "\(wrong)")
                let made = try work.list()
                #expect(made.isEmpty)
            }
        }
        for command in ["run", "network", "converge"] {
            #expect(await AgentCommand.runToExitCode([command, "--log-level", "huge"]) == 2)
        }
        #expect(PermissionSetWord.allCases.map(\.rawValue) == PermissionSet.allCases.map(\.rawValue))
        #expect(throws: (any Error).self) { try GrantsAddCommand.parse(["ann", "huge", "--dir", "x"]) }
    }

    @Test("Publishing without the controller's folder says where it runs, and what to type there")
    func publishing() throws {
        let error = #expect(throws: (any Error).self) { try RepositoryPublishCommand.parse(["my www"]) }
        let words = error.map { RepositoryPublishCommand.message(for: $0) } ?? ""
        #expect(words.contains("slipway repository publish 'my www' --dir DIR"), "\(words)")
        #expect(try RepositoryPublishCommand.parse(["www", "--dir", "fleet"]).dir == "fleet")
    }

    @Test("A definition of another kind is named, with the command that takes it")
    func otherKinds() async throws {
        try await WorkFolder.with { work in
            let text = "release: web@1.0\nenvironment: staging\nhosts: all\nstrategy: bigBang\n"
            try work.writeDurably("big.yaml", Array(text.utf8))
            let error = #expect(throws: CommandError.self) { try PackageSource.archive(at: work.path + "/big.yaml") }
            #expect(error?.summary.contains("a rollout (rollout.yaml)") == true)
            #expect(error?.remedy.contains("slipway rollout start \(work.path)/big.yaml") == true)
        }
    }

    @Test("A misfortune by its name is the option of that name; one that is none is refused")
    func faults() throws {
        let named = try SimulationOptions.parse(
            ["--fault", "failing=0,20", "--fault", "clock-steps=3", "--fault", "unattended"])
        let options = try SimulationOptions.parse(["--failing", "0,20", "--clock-steps", "3", "--unattended"])
        #expect("\(try named.conditions)" == "\(try options.conditions)")
        #expect(try named.conditions.failurePercents == [0, 20])
        for wrong in ["earthquake=1", "stuck", "stuck=101", "unattended=1", "failing=x", ""] {
            #expect(throws: (any Error).self, "\(wrong)") { try SimulationOptions.parse(["--fault", wrong]) }
        }
    }

    @Test("Labels are KEY=VALUE, each key once")
    func labels() throws {
        #expect(try HostsInviteCommand.parse(labels: ["role=web", "zone=a=b"]) == ["role": "web", "zone": "a=b"])
        #expect(throws: (any Error).self) { try HostsInviteCommand.parse(labels: ["role"]) }
        #expect(throws: (any Error).self) { try HostsInviteCommand.parse(labels: ["role=a", "role=b"]) }
    }

    @Test("Without a controller's folder a command says what it needs")
    func connection() throws {
        #expect(throws: (any Error).self) { try HostsListCommand.parse([]) }
        #expect(throws: (any Error).self) { try HostsListCommand.parse(["--controller", "https://x"]) }
        #expect(throws: Never.self) { try HostsListCommand.parse(["--dir", "x"]) }
    }
}

@Suite struct FreezeNameTests {
    @Test(
        "A freeze of the policy is not lifted, and a name that is none is not there",
        arguments: [
            ("policy.yaml:9:5", "command.freeze.policy", ProgramExit.conflict),
            ("freezes[0]", "command.freeze.policy", .conflict),
            ("no freeze", "command.freeze.unknown", .notFound),
        ])
    func names(_ name: String, _ code: String, _ exit: ProgramExit) throws {
        let error = try #require(throws: CommandError.self) { try FreezeLiftCommand.named(name) }
        #expect(error.code == code)
        #expect(ProgramExit.report(error) == exit)
        #expect(try FreezeLiftCommand.named("f12").text == "f12")
    }

    @Test("What a controller finds in a policy is told with the name that the file has here")
    func files() {
        let text = "policy.yaml:3:5: environments.x: none\nfreeze f1: frozen"
        #expect(PolicyText.lines(text, of: "b2.yaml") == "b2.yaml:3:5: environments.x: none\nfreeze f1: frozen")
    }

    @Test("A back-out reaches back over a phase, a rollout or named hosts, and nothing else is offered")
    func scopes() throws {
        let rest = ["r1", "--reason", "x", "--dir", "d"]
        #expect(throws: Never.self) { try RolloutBackOutCommand.parse(rest + ["--scope", "phase"]) }
        #expect(throws: Never.self) { try RolloutBackOutCommand.parse(rest + ["--host", "web-1"]) }
        #expect(throws: (any Error).self) { try RolloutBackOutCommand.parse(rest + ["--scope", "host"]) }
        #expect(throws: (any Error).self) {
            try RolloutBackOutCommand.parse(rest + ["--scope", "phase", "--host", "a"])
        }
    }
}

@Suite struct PresentationTests {
    @Test("Columns are as wide as their widest cell and lines have no trailing space")
    func table() {
        let table = TextTable(["A", "LONGER"], [["wide cell", "x"], ["y", "zz"]])
        #expect(table.text == "A          LONGER\nwide cell  x\ny          zz\n")
    }

    @Test("Rows of every list fill every column")
    func cells() throws {
        let rollout = RolloutPresentation(rollout: try Sample.rollout(.running, sequence: 1))
        #expect(rollout.cells.count == RolloutPresentation.columns.count)
        let host = HostView(
            id: try HostID("web-1"), environment: try EnvironmentName("staging"), labels: [:], delivery: nil,
            contact: .never, lastContactAt: nil, agentVersion: nil, products: [])
        let rows = HostRow.rows([host])
        #expect(rows.map(\.cells.count) == [HostRow.columns.count])
    }

    @Test("A rollout's page names the next command, where there is one")
    func nextCommand() throws {
        for state in RolloutState.allCases {
            var rollout = try Sample.rollout(state, sequence: 1)
            rollout.successor = try RolloutID("r2")
            let asks = ![.succeeded, .backedOut].contains(state)
            #expect(RolloutPresentation(rollout: rollout).details.contains("next         slipway ") == asks, "\(state)")
            rollout.stillRunning = [try HostID("web-1")]
            #expect(rollout.nextCommand == "slipway doctor" || !state.isFinal)
        }
        var failed = try Sample.rollout(.backedOut, sequence: 1)
        failed.hosts = [
            RolloutHostView(
                host: try HostID("web-1"), phase: 1, delivery: .push, before: nil, order: nil, step: nil, outcome: nil,
                evidence: FailureEvidence(
                    step: .checking,
                    error: ReportedError(code: "agent.health.failed", summary: "It failed.", remedy: "Look."),
                    logTail: ""),
                startedAt: nil, endedAt: nil)
        ]
        #expect(failed.nextCommand?.contains("newer than 1.4") == true)
    }

    @Test("The row of a host that could not go back says so beside its health")
    func couldNotGoBack() throws {
        let order = OrderID(rollout: try RolloutID("r2"), action: .backOut)
        let product = HostProductView(
            product: try ProductName("web"), wanted: nil, running: try ReleaseVersion("1.0"), manifest: nil,
            isHealthy: false, rollout: nil, lockedBy: order)
        #expect(product.healthWords(on: try host(.online)) == "no, \(order) could not go back")
    }

    @Test("A host that is away is not called healthy: its row says since when nobody has heard of it")
    func silent() throws {
        let product = HostProductView(
            product: try ProductName("web"), wanted: nil, running: try ReleaseVersion("1.0"), manifest: nil,
            isHealthy: true, rollout: nil)
        #expect(product.healthWords(on: try host(.online)) == "yes")
        #expect(product.healthWords(on: try host(.offline)) == "silent since 2026-10-21T10:00:00Z")
    }

    private func host(_ contact: HostContact) throws -> HostView {
        HostView(
            id: try HostID("web-1"), environment: try EnvironmentName("staging"), labels: [:], delivery: .push,
            contact: contact, lastContactAt: try UTCInstant("2026-10-21T10:00:00Z"), agentVersion: nil, products: [],
            certificateNotAfter: nil)
    }

    @Test("A change is one line: time and words")
    func line() throws {
        #expect(RolloutFollower.line(try Sample.change(1, .running), .of(.utc)) == "08:00:00  succeeded")
    }
}

@Suite struct RepositoryCopyTests {
    @Test("A copy has every file, is brought up to date by what is new only, and leaves nothing unfinished")
    func copies() async throws {
        try await WorkFolder.with { work in
            let source = try work.createDirectory("source")
            let destination = try work.createDirectory("destination")
            for (path, text) in [
                ("blobs/aa", "payload"), ("targets/staging/payments/1.4/x.manifest.json", "{}"),
                ("metadata/1.root.json", "root"), ("metadata/timestamp.json", "one"), ("director/staging.json", "d"),
            ] { try Self.write(path, text, in: source) }
            let copy = RepositoryCopy(from: source, to: destination)
            #expect(try copy.run().files == 5)
            #expect(try copy.run().files == 0)
            try Self.write("blobs/bb", "more", in: source)
            try Self.write("metadata/timestamp.json", "two", in: source)
            #expect(try copy.run().files == 2)
            let timestamp = try destination.read("metadata/timestamp.json", sizeMax: ByteCount(100))
            #expect(timestamp == Array("two".utf8))
            #expect(try destination.list("blobs").map(\.name) == ["aa", "bb"])
        }
    }

    @Test("A file that a killed copy left short is written again")
    func repairs() async throws {
        try await WorkFolder.with { work in
            let source = try work.createDirectory("source")
            let destination = try work.createDirectory("destination")
            try Self.write("blobs/aa", "payload", in: source)
            try Self.write("metadata/timestamp.json", "one", in: source)
            try Self.write("blobs/aa", "pay", in: destination)
            try Self.write("blobs/.publishing-aa", "payl", in: destination)
            // Of the same length, by a publish that was cut short before anything named it.
            try Self.write("metadata/2.targets.json", "new", in: source)
            try Self.write("metadata/2.targets.json", "old", in: destination)
            _ = try RepositoryCopy(from: source, to: destination).run()
            let targets = try destination.read("metadata/2.targets.json", sizeMax: ByteCount(100))
            #expect(targets == Array("new".utf8))
            #expect(try destination.read("blobs/aa", sizeMax: ByteCount(100)) == Array("payload".utf8))
            #expect(try destination.list("blobs").map(\.name) == ["aa"])
        }
    }

    private static func write(_ path: String, _ text: String, in directory: Directory) throws {
        _ = try directory.createDirectory(Directory.split(path).folder)
        try directory.writeDurably(path, Array(text.utf8))
    }
}

@Suite("What the codes of errors mean")
struct ExplainTests {
    private static let file =
        "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/") + "/docs/errors.md"

    @Test("docs/errors.md says what the catalogue says")
    func document() throws {
        let text = ErrorCatalogue.document
        if getenv("SLIPWAY_WRITE_ERRORS") != nil {
            let (folder, name) = Directory.split(Self.file)
            try Directory.open(folder).writeDurably(name, Array(text.utf8))
        }
        let kept = String(decoding: try InputFile.read(Self.file), as: UTF8.self)
        #expect(kept == text, "run this test with SLIPWAY_WRITE_ERRORS=1 and commit docs/errors.md")
    }

    @Test("Every explanation has a code of its own, a meaning and a remedy, each in whole sentences")
    func whole() {
        #expect(Set(ErrorCatalogue.all.map(\.code)).count == ErrorCatalogue.all.count)
        for one in ErrorCatalogue.all {
            #expect(one.code.contains(/^[A-Za-z]+(\.[A-Za-z0-9]+)*$/), "\(one.code)")
            #expect(one.meaning.count > 10 && ".)".contains(one.meaning.last ?? " "), "\(one.code)")
            #expect(one.remedy.count > 10 && one.remedy.first?.isUppercase == true, "\(one.code)")
        }
    }

    @Test(
        "A code is found as people and programs write it",
        arguments: [
            ("trust.snapshot.rollback", "trust.snapshot.rollback"), ("trust.ROLE.expired", "trust.ROLE.expired"),
            ("urn:slipway:controller.access.token", "controller.access.token"),
            ("/problems/controller.access.token", "controller.access.token"),
            ("https://127.0.0.1:8443/problems/controller.access.token", "controller.access.token"),
            ("effects.file.noSpace:", "effects.file.noSpace"),
        ])
    func found(_ text: String, _ code: String) { #expect(ErrorCatalogue.explanation(of: text)?.code == code) }

    @Test("A code that is none ends with 3, and names the one that was meant")
    func unknown() {
        #expect(ErrorCatalogue.explanation(of: "trust.banana.rollback") == nil)
        #expect(ErrorCatalogue.explanations(in: "controller.access").count > 10)
        let error = ExplainCommand.unknown("effects.file.nospace")
        #expect(error.remedy.hasPrefix("Did you mean effects.file.noSpace?"))
        #expect(ProgramExit.report(error) == .notFound)
    }
}
