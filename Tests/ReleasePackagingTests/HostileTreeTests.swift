import Effects
import Glibc
import ReleaseDefinition
import Testing
import TestSupport

@testable import ReleasePackaging

@Suite("Source trees that a package cannot carry are refused, with what to do")
struct HostileTreeTests {
    let fixture: PackagingFixture

    init() throws {
        fixture = try PackagingFixture()
        try fixture.write("service/run", Array("x".utf8))
    }

    private var root: String { fixture.source.path + "/service" }

    private func build() async -> ReportedError? {
        do {
            _ = try await fixture.build()
            return nil
        } catch { return ReportedError(error) }
    }

    @Test(
        "A program of service or check that no host could start is refused by the build",
        arguments: [
            ("bin/none", "is not there"), ("bin", "is a folder"), ("plain", "nobody may execute"),
            ("bin/lost", "is not there"), ("run", nil), ("./bin/it", nil), ("/usr/bin/true", nil),
            ("bin/${NAME}", nil), ("kept/it", nil), ("listed", nil), ("by/it", nil),
        ])
    func programs(_ word: String, _ flaw: String?) async throws {
        try fixture.write("service/run", Array("x".utf8), mode: 0o755)
        try fixture.write("service/plain", Array("x".utf8))
        try fixture.write("service/listed", Array("x".utf8))
        try fixture.write("service/bin/other", Array("x".utf8))
        try fixture.link("service/bin/it", to: "../run")
        try fixture.link("service/bin/lost", to: "../gone")
        try fixture.link("service/by", to: "bin")
        for isService in [true, false] {
            var definition = try PackagingFixture.definition(
                attributes: [PathAttribute(path: "listed", mode: 0o750)], persistent: ["kept"])
            definition.units[0].service = isService ? .command([word, "--port", "80"]) : nil
            definition.units[0].health = isService ? [] : [HealthCheck(probe: .command([word]))]
            do {
                _ = try await fixture.build(definition)
                #expect(flaw == nil)
            } catch {
                #expect(ReportedError(error).code == "packaging.source.program")
                #expect(flaw.map(ReportedError(error).summary.contains) == true, "\(ReportedError(error))")
            }
        }
    }

    @Test("Names of any text that shows what it is are packed as they are")
    func honestNames() async throws {
        let names = [
            "$(touch x)", "`id`", "a b", "'quoted\"", "-rf", "*", "~", "%s", "ünï", "u\u{308}", "日本", "🧱",
            String(repeating: "n", count: 255), ".hidden", "con", "a:b", "#", "&amp;",
        ]
        for name in names { try fixture.write("service/\(name)", Array(name.utf8)) }
        let package = try await fixture.build()
        let staging = try fixture.staging()
        try PayloadInstaller.unpack(package.manifest.units[0], blobs: fixture.blobs, into: staging)
        for name in names { #expect(try staging.read(name, sizeMax: ByteCount(1000)) == Array(name.utf8)) }
        // The two ü stay two names, for Swift's strings are equal where their bytes are not.
        #expect(package.manifest.units[0].payload.fileCount == names.count + 1)
    }

    @Test(
        "Names that deceive",
        arguments: [
            ("new\nline", "packaging.path.control"), ("bell\u{7}", "packaging.path.control"),
            ("right\u{202E}gpj.exe", "packaging.path.direction"), ("back\\slash", "packaging.path.backslash"),
            ("line\u{2028}break", "packaging.path.control"),
        ])
    func names(_ name: String, _ expected: String) async throws {
        try fixture.write("service/\(name)", [1])
        let error = try #require(await build())
        #expect(error.code == expected && !error.remedy.isEmpty)
        // The message shows it escaped.
        #expect(!error.summary.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x202E })
    }

    @Test("A name that is not UTF-8")
    func utf8() async throws {
        let path = Array(root.utf8CString.dropLast()) + [0x2F, 0x61, CChar(bitPattern: 0xFF), 0]
        close(open(path, O_CREAT | O_WRONLY, 0o644))
        #expect(await build()?.code == "packaging.path.utf8")
    }

    @Test("A path of more than 1024 bytes, and one of more than 64 levels")
    func long() async throws {
        try fixture.write("service/" + String(repeating: String(repeating: "d", count: 250) + "/", count: 5) + "f", [1])
        #expect(await build()?.code == "packaging.path.length")
        try fixture.source.removeTree("service")
        try fixture.write("service/" + String(repeating: "d/", count: 70) + "f", [1])
        #expect(await build()?.code == "packaging.path.depth")
    }

    @Test("A pipe and a socket")
    func special() async throws {
        mkfifo(root + "/pipe", 0o644)
        #expect(await build()?.code == "packaging.source.special")
        try fixture.source.removeTree("service/pipe")
        let script = "import socket; socket.socket(socket.AF_UNIX).bind('socket')"
        #expect(try await run("/usr/bin/python3", "-c", script, in: root).end == .exited(0))
        #expect(await build()?.code == "packaging.source.special")
    }

    @Test("A device", .enabled(if: geteuid() == 0, "makes a device"))
    func device() async throws {
        let made = try await run("/bin/mknod", root + "/null", "c", "1", "3", in: "/")
        guard made.end == .exited(0) else { try Test.cancel("this root may make no device") }
        #expect(await build()?.code == "packaging.source.special")
    }

    @Test("Programs that give rights to whoever runs them", arguments: [0o4755, 0o2755] as [UInt16])
    func setuid(_ mode: UInt16) async throws {
        try fixture.source.openFile("service/run").setMode(mode)
        let error = try #require(await build())
        #expect(error.code == "packaging.source.setuid" && error.remedy.contains("chmod"))
    }

    @Test(
        "A capability is refused; other attributes are of the build machine and stay there",
        .enabled(if: geteuid() == 0))
    func attributes() async throws {
        let before = try await fixture.build().manifest.units[0].payload
        let set = { (name: String, value: String) in
            try await run(
                "/usr/bin/python3", "-c", "import os; os.setxattr('run', '\(name)', bytes.fromhex('\(value)'))",
                in: root
            ).end == .exited(0)
        }
        // tmpfs and overlays may have no user attributes.
        if try await set("user.note", "61") { #expect(try await fixture.build().manifest.units[0].payload == before) }
        // Only what may be run gives rights to whoever runs it.
        _ = try await run("/usr/bin/chmod", "755", "run", in: root)
        guard try await set("security.capability", "0100000200200000000000000000000000000000") else {
            try Test.cancel("this user may give no capability")
        }
        let error = try #require(await build())
        #expect(error.code == "packaging.source.capability" && error.remedy.contains("setcap -r"))
    }

    @Test("Hard links become files of their own")
    func hardLinks() async throws {
        #expect(link(root + "/run", root + "/again") == 0)
        let package = try await fixture.build()
        let staging = try fixture.staging()
        try PayloadInstaller.unpack(package.manifest.units[0], blobs: fixture.blobs, into: staging)
        #expect(try describe(staging) == describe(fixture.source.directory("service")))
        #expect(try staging.status("again")?.links == 1)
    }

    @Test("Links that are absolute or lead out say how to make them right")
    func links() async throws {
        try fixture.link("service/current", to: "/opt/web/run")
        let error = try #require(await build())
        #expect(error.code == "packaging.path.absolute" && error.remedy.contains("ln -sr"))
    }

    @Test("A unit's folder that is a link is not followed")
    func root() async throws {
        try fixture.source.rename("service", to: "real")
        try fixture.link("service", to: "real")
        let error = try #require(await build())
        #expect(error.code == "packaging.source.unit" && error.remedy.contains("not followed"))
    }
}
