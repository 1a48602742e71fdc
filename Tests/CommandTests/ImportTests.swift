import DefinitionFiles
import Effects
import ReleaseDefinition
import Testing

@testable import slipway

@Suite("An appspec of CodeDeploy becomes a release.yaml")
struct ImportTests {
    private func imported(_ appspec: String, _ files: [(String, String, UInt16)] = []) async throws -> (
        ImportedRelease, ReleaseDefinition
    ) {
        try await WorkFolder.with { work in
            let bundle = try Directory.open(work.path)
            for (path, content, mode) in files {
                let (folder, _) = Directory.split(path)
                if folder != "." { _ = try bundle.createDirectory(folder) }
                try bundle.writeDurably(path, Array(content.utf8), mode: mode)
            }
            let spec = try AppSpecFile.parse(Array(appspec.utf8), file: "appspec.yml")
            let release = try ImportedRelease(
                spec, product: ProductName("shop"), version: ReleaseVersion("1.0"), owner: "ann",
                bundle: bundle)
            return (release, try ReleaseFile.parse(Array(release.text.utf8), file: "release.yaml"))
        }
    }

    @Test("A private key given in place of an appspec is named, and no letter of it shown")
    func privateKey() {
        let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEmadeUp\n-----END PRIVATE KEY-----\n"
        let error = #expect(throws: DefinitionProblems.self) {
            try AppSpecFile.parse(Array(pem.utf8), file: "appspec.yml")
        }
        let said = error.map { String(describing: $0) } ?? ""
        #expect(said.contains("found a private key (not shown)"))
        #expect(!said.contains("MC4C"))
    }

    @Test("Sources become units of files, scripts the hooks of the same moment, with their user and longest time")
    func whole() async throws {
        let scripts = ["stop", "install", "start", "check"].map { ("scripts/\($0)", "#!/bin/sh\n", UInt16(0o755)) }
        let (release, definition) = try await imported(
            """
            version: 0.0
            os: linux
            files:
              - source: /
                destination: /var/www/html/
              - { source: config, destination: /etc/shop }
            hooks:
              ApplicationStop: [ { location: scripts/stop, timeout: 60, runas: shop } ]
              AfterInstall: [ { location: scripts/install, timeout: 300, runas: shop } ]
              ApplicationStart: [ { location: /scripts/start, timeout: 90, runas: shop } ]
              ValidateService: [ { location: scripts/check, timeout: 30, runas: shop } ]
            """, scripts + [("config/a.conf", "a", 0o644)])
        #expect(definition.units.map(\.name.text) == ["html", "shop-2"])
        #expect(definition.units.map(\.source) == [".", "config"])
        #expect(definition.units.map(\.installTo) == ["/var/www/html", "/etc/shop"])
        #expect(definition.units.allSatisfy { $0.type == .file })
        let hooks = definition.units[1].hooks
        #expect(definition.units[0].hooks.programs.isEmpty)
        #expect(hooks[.stop]?.path == "scripts/stop" && hooks[.preStart]?.path == "scripts/install")
        #expect(hooks[.start]?.path == "scripts/start" && hooks[.postHealthy]?.path == "scripts/check")
        #expect(hooks.user == "shop" && hooks.timeout == .minutes(5))
        #expect(release.notes.count == 1 && release.notes[0].contains("last unit"))
        #expect(
            release.taken.map(\.event) == ["ApplicationStop", "AfterInstall", "ApplicationStart", "ValidateService"])
    }

    @Test("What has no like here is said, each thing once, and never taken over silently")
    func notes() async throws {
        let (release, definition) = try await imported(
            """
            version: 0.0
            os: linux
            files:
              - { source: app, destination: /opt/shop }
              - { source: one.conf, destination: /etc }
              - { source: absent, destination: /srv }
            permissions:
              - { object: /opt/shop, pattern: "**", owner: shop, mode: 755, type: [directory] }
            hooks:
              BeforeBlockTraffic: [ { location: scripts/out } ]
              BeforeInstall: [ { location: scripts/before, runas: root } ]
              AfterInstall: [ { location: scripts/after } ]
              ApplicationStart: [ { location: scripts/start } ]
              ValidateService: [ { location: scripts/one }, { location: scripts/two } ]
            """,
            [
                ("app/a", "a", 0o644), ("one.conf", "a", 0o644),
                ("scripts/before", "#!/bin/sh\necho $DEPLOYMENT_ID\n", 0o644),
            ])
        #expect(definition.units.count == 1)
        #expect(release.taken.map(\.hook) == [.preStart])
        let expected = [
            "one.conf is no folder", "absent is not there", "permissions (/opt/shop)",
            "BeforeBlockTraffic is not taken",
            "AfterInstall is not taken: preStart is BeforeInstall", "BeforeInstall became preStart",
            "ValidateService has 2 scripts", "ApplicationStart is not taken: a service has a start and a stop",
            "scripts/before is not executable", "scripts/before reads DEPLOYMENT_ID",
        ]
        for words in expected { #expect(release.notes.count { $0.contains(words) } == 1, "\(words): \(release.notes)") }
        #expect(release.notes.count == expected.count)
        #expect(expected.allSatisfy { release.text.contains($0) })
    }

    @Test(
        "An appspec that is not of servers, or is not understood, is refused and nothing is guessed",
        arguments: [
            ("version: 0.0\nResources: []\n", "Lambda or ECS"),
            ("version: 0.0\nos: windows\nfiles: [ { source: /, destination: /opt/a } ]\n", "Linux only"),
            (
                "version: 0.0\nos: linux\nfiles: [ { source: ../x, destination: /opt/a } ]\n",
                "inside the release folder"
            ),
            ("version: 0.0\nos: linux\nfiles: [ { source: a, destination: opt } ]\n", "absolute"),
            ("version: 0.0\nos: linux\nfiles: []\nhook: {}\n", "Did you mean hooks?"),
            ("version: 0.0\nos: linux\nfiles: []\nhooks: { Stop: [] }\n", "unknown key"),
        ])
    func refused(_ text: String, _ words: String) {
        let problems = #expect(throws: DefinitionProblems.self) {
            try AppSpecFile.parse(Array(text.utf8), file: "appspec.yml")
        }
        #expect(problems?.problems.contains { "\($0)".contains(words) } == true, "\(problems?.problems ?? [])")
    }

    @Test("An appspec without a folder to install makes no release")
    func nothing() async throws {
        await #expect(throws: CommandError.self) {
            _ = try await imported("version: 0.0\nos: linux\nfiles: [ { source: a.conf, destination: /etc } ]\n")
        }
    }
}
