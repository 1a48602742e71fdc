import ArgumentParser
import ControllerAPI
import DefinitionFiles
import Effects
import ReleaseDefinition
import Testing

@testable import slipway

@Suite("The last login, drafts and completions")
struct LoginTests {
    private let material = ConnectionMaterial(url: "https://a.example:8443", authority: "PEM", token: "secret")

    @Test("A login is kept for its owner alone, read back as a controller's folder is, and taken away whole")
    func keeps() async throws {
        try await WorkFolder.with { work in
            let path = work.path + "/config/slipway"
            try LoginFolder.keep(material, in: path)
            try LoginFolder.keep(material, in: path)
            let settings = try ClientSettings.read(folder: path)
            #expect(settings.url == material.url)
            #expect(try InputFile.readText(settings.tokenFile) == "secret")
            #expect(try InputFile.readText(settings.authority) == "PEM")
            let folder = try Directory.open(path)
            for name in ["client.json", "token", "authority.pem"] {
                #expect(try folder.status(name)?.mode == 0o600, "\(name)")
            }
            try LoginFolder.forget(in: path)
            #expect(try folder.list().isEmpty)
            try LoginFolder.forget(in: path + "/none")
        }
    }

    @Test("Login takes a controller or --forget, never both and never neither")
    func options() {
        #expect(throws: (any Error).self) { try LoginCommand.parse([]) }
        #expect(throws: (any Error).self) { try LoginCommand.parse(["--dir", "d", "--forget"]) }
        #expect(throws: Never.self) { try LoginCommand.parse(["--dir", "d"]) }
        #expect(throws: Never.self) { try LoginCommand.parse(["--forget"]) }
    }

    @Test("A folder that is named by an empty text is a mistake of what was typed, not a folder that is absent")
    func emptyFolder() {
        for words in [["release", "draft", ""], ["hosts", "list", "--dir", ""]] {
            let error = #expect(throws: (any Error).self) { try SlipwayCommand.parseAsRoot(words) }
            #expect(
                error.map { SlipwayCommand.fullMessage(for: $0) }?.contains("An empty text names no folder.") == true)
        }
        let file = #expect(throws: ValidationError.self) { try InputFile.open("") }
        #expect(file.map(ProgramExit.report) == .usage)
    }

    @Test(
        "A draft's owner is whom git commits as in that folder, else the account; words left from an earlier draft are told"
    )
    func owner() async throws {
        try await WorkFolder.with { work in
            let home = work.path
            var environment = ["PATH": "/usr/bin:/bin", "HOME": home, "GIT_CONFIG_NOSYSTEM": "1"]
            #expect(await DraftOwner.current(in: work, environment: environment) == DraftOwner.account)
            try work.writeDurably(".gitconfig", Array("[user]\n\tname = Ann Example\n".utf8))
            #expect(await DraftOwner.current(in: work, environment: environment) == "Ann Example")
            let long = String(repeating: "a", count: 101)
            try work.writeDurably(".gitconfig", Array("[user]\n\tname = \(long)\n".utf8))
            #expect(await DraftOwner.current(in: work, environment: environment) == DraftOwner.account)
            environment["PATH"] = "/nowhere"
            #expect(await DraftOwner.current(in: work, environment: environment) == DraftOwner.account)
        }
        let old = ReleaseDraft(
            product: try ProductName("shop"), version: try ReleaseVersion("1.0"), owner: DraftOwner.placeholder,
            command: nil, health: nil)
        let notice = DraftOwner.notice(try ReleaseFile.parse(Array(old.text.utf8), file: "release.yaml"))
        #expect(notice?.hasPrefix("owner of shop@1.0 is still") == true)
    }

    @Test("A draft is a definition as it stands, with the one program of bin/ as its service")
    func draft() async throws {
        try await WorkFolder.with { work in
            let folder = try work.createDirectory("Shop_v2")
            #expect(try ReleaseDraftCommand.product(of: folder.path).text == "shop-v2")
            #expect(try ReleaseDraftCommand.product(of: folder.path + "/../Shop_v2/.").text == "shop-v2")
            #expect(try ReleaseDraftCommand.command(in: folder) == nil)
            _ = try work.createDirectory("Grüße")
            let nameless = #expect(throws: CommandError.self) {
                try ReleaseDraftCommand.product(of: folder.path + "/../Grüße")
            }
            #expect(nameless?.code == "command.draft.product")
            _ = try folder.createDirectory("bin")
            try folder.writeDurably("bin/readme", Array("x".utf8), mode: 0o644)
            try folder.writeDurably("bin/serve", Array("x".utf8), mode: 0o755)
            #expect(try ReleaseDraftCommand.command(in: folder) == ["bin/serve"])
            try folder.writeDurably("bin/admin", Array("x".utf8), mode: 0o755)
            let several = #expect(throws: CommandError.self) { try ReleaseDraftCommand.command(in: folder) }
            #expect(several?.code == "command.draft.command")
        }
        let drafts = [
            ReleaseDraft(
                product: try ProductName("shop"), version: try ReleaseVersion("1.0"), owner: #"Ann "A." Example: ops"#,
                command: ["bin/serve", #"-v", "\"#],
                health: "http://127.0.0.1:80/healthz"),
            ReleaseDraft(
                product: try ProductName("shop"), version: try ReleaseVersion("2.0"),
                owner: DraftOwner.account, command: nil, health: nil),
        ]
        for draft in drafts {
            let definition = try ReleaseFile.parse(Array(draft.text.utf8), file: "release.yaml")
            #expect(definition.name.product.text == "shop" && definition.units.count == 1)
            #expect(definition.units[0].service?.words == draft.command)
            #expect(definition.owner == draft.owner && DraftOwner.notice(definition) == nil)
            // Files alone are asked nothing, so there is nothing to wait for.
            #expect(draft.text.contains("minimumHealthy") == (draft.command != nil))
            #expect(draft.command == nil || definition.units[0].minimumHealthy == .seconds(10))
        }
    }

    @Test(
        "Each shell's completions ask for the names of hosts, releases and rollouts",
        arguments: ["bash", "zsh", "fish"])
    func completions(_ name: String) throws {
        let shell = try #require(CompletionShell(rawValue: name))
        let script = SlipwayCommand.completionScript(for: shell)
        // Bounded, quiet, and nothing but names: bash evaluates the words that it is given.
        for list in ["hosts list", "release list", "rollout list", "tokens list", "freeze list"] {
            let asked = "timeout 2 slipway \(list) --output name 2>/dev/null </dev/null | grep -xE "
            #expect(script.contains(asked), "\(list)")
            #expect(!script.replacing(asked, with: "").contains("slipway \(list) --output name"), "\(list)")
        }
        #expect(throws: Never.self) { try CompletionsCommand.parse([name]) }
    }
}

@Suite("A host and what was changed, judged by what the controller knows")
struct ExaminationTests {
    private let now = UTCInstant(secondsSince1970: 1_800_000_000)

    private func host(
        _ contact: HostContact, certificateIn left: TimeSpan, healthy: Bool, wanted: String, isOver: Bool = false
    ) throws
        -> HostView
    {
        HostView(
            id: try HostID("web-1"), environment: try EnvironmentName("staging"), labels: [:], delivery: .push,
            contact: contact, lastContactAt: now, agentVersion: "1.0",
            products: [
                HostProductView(
                    product: try ProductName("web"), wanted: try ReleaseVersion(wanted),
                    running: try ReleaseVersion("1.0"),
                    manifest: nil, isHealthy: healthy, rollout: nil)
            ], certificateNotAfter: isOver ? now - left : now + left)
    }

    @Test("A host that is well has no finding but good ones; each trouble is one of its own with its remedy")
    func doctor() throws {
        let well = HostExamination(
            host: try host(.online, certificateIn: .days(20), healthy: true, wanted: "1.0"), now: now)
        #expect(well.findings.allSatisfy { $0.level == .good && $0.remedy == nil })
        let late = HostExamination(
            host: try host(.online, certificateIn: .days(1), healthy: true, wanted: "1.1"), now: now)
        #expect(late.findings.map(\.level) == [.good, .good, .warning, .warning])
        let ill = HostExamination(
            host: try host(.offline, certificateIn: .days(1), healthy: false, wanted: "1.0", isOver: true), now: now)
        #expect(ill.findings.map(\.level) == [.good, .problem, .problem, .problem])
        #expect(ill.findings.dropFirst().allSatisfy { $0.remedy != nil })
    }

    @Test("A host in maintenance may be away, and is named with whoever said so; what drifted is a warning")
    func marks() throws {
        var away = try host(.offline, certificateIn: .days(20), healthy: true, wanted: "1.0")
        #expect(HostDrift(away) == nil)
        away.marks = [HostMarkView(mark: .maintenance, reason: "a new disk", by: "person:ann", at: now)]
        away.drift = ["web.site: a differs", "web.site: b differs"]
        let findings = HostExamination(host: away, now: now).findings
        #expect(findings.map(\.level) == [.good, .warning, .good, .warning, .warning, .good])
        #expect(findings[3].summary.contains("person:ann: a new disk"))
        #expect(findings[3].remedy?.contains("slipway hosts maintenance web-1 --lift") == true)
        #expect(findings[4].summary.hasSuffix("a differs, and 1 more"))
        #expect(try #require(HostDrift(away)).differences.count == 2)
    }

    @Test("A rollout touches its product, release, environment, hosts and what its plan's changes affect")
    func changes() throws {
        let change = RecentChange(try Sample.rollout(.running, sequence: 1), plan: nil)
        #expect(change.touches(change.release.product.text) && change.touches(change.release.description))
        #expect(change.touches(change.environment.text) && !change.touches("nothing"))
    }
}
