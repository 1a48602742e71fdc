import Effects
import Foundation
import ReleaseDefinition
import ReleasePackaging
import Testing
import TestSupport

@testable import ForeignArchives

@Suite("A .deb brings its bill of materials")
struct BillOfMaterialsTests {
    static let python = ProcessInfo.processInfo.environment["SLIPWAY_TEST_SPDX"]
    let fixture: ArchiveFixture

    init() throws { fixture = try ArchiveFixture() }

    private func sources(copyright: String? = nil, control: String = "") async throws -> ReleaseSources {
        try fixture.write("tree/usr/bin/hello", Array("#!/bin/sh\n".utf8), mode: 0o755)
        try fixture.write("tree/usr/share/hello/ünï", Array("x\n".utf8))
        if let copyright { try fixture.write("tree/usr/share/doc/hello/copyright", Array(copyright.utf8)) }
        try fixture.write(
            "tree/DEBIAN/control",
            Array(
                ("Package: hello\nVersion: 1:2.10-3+b1~x\nArchitecture: amd64\nMaintainer: A (very) Person <a@example.org>\n"
                    + "Homepage: https://example.org/hello\nDescription: says hello\n" + control).utf8))
        try await fixture.run("/bin/sh", "-c", "SOURCE_DATE_EPOCH=0 dpkg-deb --root-owner-group -b tree hello.deb")
        let definition = ReleaseDefinition(
            product: try ProductName("greeter"), version: try ReleaseVersion("1.1"), category: .minor, summary: "x",
            owner: "x",
            units: [UnitDefinition(name: try UnitName("hello"), source: "hello.deb", installTo: "/opt/hello")])
        try fixture.directory.removeTree("work")
        return try ReleaseSources(
            definition, from: fixture.directory, in: fixture.directory.createDirectory("work"),
            sourceDate: UTCInstant(secondsSince1970: 1_795_000_000))
    }

    static let copyright = """
        Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

        Files: *
        Copyright: 1990 A Person
        License: GPL-3+

        Files: debian/*
        License: Expat or Artistic

        Files: lib/*
        License: my-own (see below)
         Do what you like.
         .
         But ask.

        License: GPL-3+
         On Debian systems: /usr/share/common-licenses/GPL-3
        """

    @Test("Name, version, purl, license and files stand in it")
    func content() async throws {
        let documents = try await sources(copyright: Self.copyright).inputs.documents
        #expect(documents.map(\.path) == ["sbom/hello.spdx.json"])
        let json = try JSONValue(parsing: documents[0].bytes, limits: JSONLimits(bytesMax: 1 << 20, depthMax: 16))
        let package = try #require(json["packages"]?.arrayValue?.first)
        #expect(package["name"]?.stringValue == "hello" && package["versionInfo"]?.stringValue == "1:2.10-3+b1~x")
        #expect(
            package["externalRefs"]?.arrayValue?.first?["referenceLocator"]?.stringValue
                == "pkg:deb/debian/hello@1%3A2.10-3%2Bb1~x?arch=amd64")
        #expect(
            package["licenseDeclared"]?.stringValue
                == "GPL-3.0-or-later AND (MIT OR Artistic-1.0-Perl) AND LicenseRef-1-my-own--see-below-")
        #expect(package["supplier"]?.stringValue == "Person: A very Person (a@example.org)")
        let files = try #require(json["files"]?.arrayValue)
        let hello = try #require(files.first { $0["fileName"]?.stringValue == "./usr/bin/hello" })
        let digests = hello["checksums"]?.arrayValue?.compactMap { $0["checksumValue"]?.stringValue }
        #expect(
            digests == [
                FileDigests.sha1(of: "#!/bin/sh\n"),
                SHA256Digest(of: Array("#!/bin/sh\n".utf8)).hex,
            ])
        #expect(files.count == 3)
    }

    @Test("The same package gives the same bytes; without machine-readable licenses nothing is claimed")
    func deterministic() async throws {
        let first = try await sources(copyright: "Some text for people.").inputs.documents[0].bytes
        try fixture.directory.removeTree("tree")
        let second = try await sources(copyright: "Some text for people.").inputs.documents[0].bytes
        #expect(first == second)
        #expect(String(decoding: first, as: UTF8.self).contains("\"licenseDeclared\":\"NOASSERTION\""))
    }

    @Test(
        "spdx-tools accepts it",
        .enabled(if: python != nil, "scripts/test installs spdx-tools and names its Python in SLIPWAY_TEST_SPDX"),
        arguments: [nil, copyright])
    func validated(_ copyright: String?) async throws {
        let python = try #require(Self.python)
        let document = try await sources(copyright: copyright, control: "License: MIT\n").inputs.documents[0].bytes
        try fixture.write("sbom.spdx.json", document)
        let program = """
            import sys
            from spdx_tools.spdx.parser.parse_anything import parse_file
            from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document
            problems = validate_full_spdx_document(parse_file(sys.argv[1]))
            print([problem.validation_message for problem in problems])
            sys.exit(len(problems) > 0)
            """
        try await fixture.run(python, "-c", program, "sbom.spdx.json")
    }

    @Test("A document that only calls itself SPDX is refused; maintainer scripts are told of")
    func attached() async throws {
        var definition = ReleaseDefinition(
            product: try ProductName("greeter"), version: try ReleaseVersion("1.1"), category: .minor, summary: "x",
            owner: "x", units: [UnitDefinition(name: try UnitName("hello"), source: "tree", installTo: "/opt/hello")],
            documents: ["mine.spdx.json"])
        try fixture.write("mine.spdx.json", Array("{\"spdxVersion\":\"SPDX-2.3\"}".utf8))
        let date = UTCInstant(secondsSince1970: 0)
        _ = try ReleaseSources(definition, from: fixture.directory, in: fixture.staging, sourceDate: date)
        try fixture.write("other.spdx.json", Array("{}".utf8))
        definition.documents = ["other.spdx.json"]
        let found = code {
            _ = try ReleaseSources(definition, from: fixture.directory, in: fixture.staging, sourceDate: date)
        }
        #expect(found == "foreignArchives.document")
    }
}
