import Effects
import ReleaseDefinition
import Testing
import TestSupport

@testable import ReleasePackaging

@Suite("The manifest")
struct ManifestTests {
    let fixture: PackagingFixture

    init() throws {
        fixture = try PackagingFixture()
        try fixture.write("service/run", Array("x".utf8))
        try fixture.write("hooks/one", Array("#!/bin/sh\n".utf8))
    }

    private func build() async throws -> BuiltPackage {
        let hooks = UnitHooks(programs: [HookProgram(moment: .start, path: "hooks/one")])
        return try await fixture.build(PackagingFixture.definition(hooks: hooks))
    }

    @Test("It reads back equal, in its one form")
    func roundTrip() async throws {
        let package = try await build()
        let read = try Manifest(parsing: package.manifestBytes)
        #expect(read == package.manifest)
        #expect(try read.bytes == package.manifestBytes)
        #expect(try read.digest == package.digest)
        #expect(read.blobs.count == 3)
    }

    @Test(
        "Every other form, unknown members, other formats and values out of bounds are refused by code",
        arguments: [
            (#"{"backOut""#, #"{ "backOut""#, "form"), (#""format":1"#, #""format":2"#, "format"),
            (#""format":1"#, #""format":1,"later":true"#, "form"), (#""format":1,"#, "", "format"),
            (#""owner":"tests""#, #""owner":"tests","owner":"me""#, "syntax"),
            (#""owner":"tests","#, "", "syntax"), (#""version":"1.0""#, #""version":"one""#, "syntax"),
            (#""moment":"start""#, #""moment":"stop""#, "bounds"), (#""fileCount":1"#, #""fileCount":0"#, "bounds"),
            (#""fileCount":1"#, #""fileCount":-1"#, "bounds"), (#""fileCount":1"#, #""fileCount":9000000"#, "bounds"),
            (#""fileCount":1"#, #""fileCount":1.5"#, "syntax"), (#""length":2048"#, #""length":2049"#, "bounds"),
            (#""length":2048"#, #""length":9223372036854775296"#, "bounds"),
            (#""length":2048"#, #""length":-2048"#, "syntax"), (#""length":10"#, #""length":99999999"#, "bounds"),
            (#""installTo":"/opt/web""#, #""installTo":"opt/web""#, "bounds"),
            (#""installTo":"/opt/web""#, #""installTo":"/opt/../etc""#, "bounds"),
            (#""installTo":"/opt/web""#, #""installTo":"/""#, "bounds"),
            (#""persistent":[]"#, #""persistent":["../x"]"#, "path.escape"),
            (#""attributes":[]"#, #""attributes":[{"mode":"4755","path":"run"}]"#, "syntax"),
            (#""attributes":[]"#, #""attributes":[{"owner":"0","path":"run"}]"#, "bounds"),
            (#""documents":[]"#, #""documents":[{"blob":{"length":1,"sha256":"x"},"path":"/etc"}]"#, "syntax"),
        ])
    func refused(old: String, new: String, expected: String) async throws {
        let text = String(decoding: try await build().manifestBytes, as: UTF8.self)
        #expect(text.contains(old), "\(text)")
        let spoilt = text.replacing(old, with: new, maxReplacements: 1)
        let found = code { _ = try Manifest(parsing: Array(spoilt.utf8)) }
        #expect(found == (expected.contains(".") ? "packaging." : "packaging.manifest.") + expected)
    }

    @Test("A manifest that is too large, cut short or empty is refused")
    func sizes() async throws {
        let bytes = try await build().manifestBytes
        for length in [0, 1, bytes.count / 2, bytes.count - 1] {
            #expect(code { _ = try Manifest(parsing: Array(bytes[..<length])) } == "packaging.manifest.syntax")
        }
        let large = [UInt8](repeating: 0x20, count: 5 << 20)
        #expect(code { _ = try Manifest(parsing: large) } == "packaging.manifest.size")
    }

    @Test("Any single changed bit gives another manifest or a refusal, never a trap or the same one")
    func flippedBits() async throws {
        let package = try await build()
        for position in package.manifestBytes.indices {
            var spoilt = package.manifestBytes
            spoilt[position] ^= 1 << UInt8(position % 8)
            if let read = try? Manifest(parsing: spoilt) { #expect(read != package.manifest) }
        }
    }
}

@Suite("Packing a tree")
struct PackingTests {
    let fixture: PackagingFixture

    init() throws {
        fixture = try PackagingFixture()
        try fixture.write("service/run", Array("x".utf8))
    }

    private func error(_ definition: ReleaseDefinition? = nil) async -> ReportedError? {
        do {
            _ = try await fixture.build(definition)
            return nil
        } catch { return ReportedError(error) }
    }

    @Test("Links out of the tree are refused", arguments: ["/etc/passwd", "../run", "sub/../../x", "a/.."])
    func links(target: String) async throws {
        try fixture.link("service/link", to: target)
        #expect(await error()?.code == "packaging.path.\(target.hasPrefix("/") ? "absolute" : "escape")")
    }

    @Test("Pipes and sockets are refused")
    func special() async throws {
        let made = try await run("/usr/bin/mkfifo", fixture.source.path + "/service/pipe", in: "/")
        #expect(made.end == .exited(0))
        #expect(await error()?.code == "packaging.source.special")
    }

    @Test("Programs that take the rights of their owner are refused")
    func setuid() async throws {
        try fixture.source.openFile("service/run").setMode(0o4755)
        #expect(await error()?.code == "packaging.source.setuid")
    }

    @Test("Names that could deceive are refused, all at once")
    func names() async throws {
        for name in ["new\nline", "back\\slash", "right\u{202E}left"] { try fixture.write("service/\(name)", [1]) }
        let error = await error()
        #expect(error?.code == "packaging.path.backslash")
        #expect(error?.summary.contains("3 entries") == true)
        #expect(error?.summary.contains(#""new\nline""#) == true)
    }

    @Test("A unit without files, a hook, document or attribute that names nothing are refused")
    func absent() async throws {
        #expect(
            await error(try PackagingFixture.definition(documents: ["NONE.md"]))?.code == "packaging.source.file")
        let hooks = UnitHooks(programs: [HookProgram(moment: .start, path: "hooks/none")])
        #expect(await error(try PackagingFixture.definition(hooks: hooks))?.code == "packaging.source.file")
        let attributes = [PathAttribute(path: "none", mode: 0o600)]
        #expect(
            await error(try PackagingFixture.definition(attributes: attributes))?.code == "packaging.source.attribute")
        var definition = try PackagingFixture.definition()
        for source in ["/etc", "..", "service/../../x", "run"] {
            definition.units[0].source = source
            #expect(await error(definition)?.code == "packaging.source.unit")
        }
        try fixture.source.removeTree("service/run")
        #expect(await error()?.code == "packaging.source.empty")
        try fixture.source.removeTree("service")
        #expect(await error()?.code == "packaging.source.unit")
        try fixture.link("service", to: "/etc")
        #expect(await error()?.code == "packaging.source.unit")
    }

    @Test("A unit may be the whole release folder")
    func whole() async throws {
        var definition = try PackagingFixture.definition()
        definition.units[0].source = "."
        #expect(try await fixture.build(definition).manifest.units[0].payload.fileCount == 2)
    }

    @Test("Text that no host could read is refused when the package is built")
    func controlCharacters() async throws {
        var definition = try PackagingFixture.definition()
        definition.summary = "two\nlines"
        #expect(await error(definition)?.code == "packaging.manifest.syntax")
    }
}
