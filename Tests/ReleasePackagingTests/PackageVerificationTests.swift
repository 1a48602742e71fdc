import Effects
import ReleaseDefinition
import Testing
import TestSupport

@testable import ReleasePackaging

@Suite("package verify finds what is wrong, where, with both values")
struct PackageVerificationTests {
    let fixture: PackagingFixture

    init() throws {
        fixture = try PackagingFixture()
        try fixture.writeTree()
        try fixture.write("NOTES.md", Array("notes\n".utf8))
    }

    private func package(
        _ change: (inout Manifest) throws -> Void = { _ in }
    ) async throws -> (manifest: Manifest, bytes: [UInt8]) {
        var manifest = try await fixture.build(PackagingFixture.definition(documents: ["NOTES.md"])).manifest
        try change(&manifest)
        var bytes: [UInt8] = []
        try PackageFile.write(try manifest.bytes, blobs: fixture.blobs) { bytes += $0 }
        return (manifest, bytes)
    }

    private func verify(_ bytes: [UInt8]) throws -> PackageVerification {
        try fixture.folder.directory.writeDurably("checked.slip", bytes)
        return try PackageVerification(PackageArchive(try fixture.folder.directory.openFile("checked.slip")))
    }

    @Test("A whole package is whole, and everything in it was looked at")
    func whole() async throws {
        let (manifest, bytes) = try await package()
        let found = try verify(bytes)
        #expect(found.findings.isEmpty)
        #expect(found.entries == 3 && found.files + found.folders + found.links == manifest.units[0].payload.fileCount)
        #expect(found.links == 3 && found.files == 49)
        #expect(found.bytes == manifest.units[0].payload.tar.length)
    }

    @Test("A byte changed anywhere behind the manifest is found")
    func changed() async throws {
        let (manifest, bytes) = try await package()
        let archive = try verifyArchive(bytes)
        for (name, blob) in manifest.packageEntries {
            let start = try #require(archive.place(of: blob)).start
            var spoilt = bytes
            spoilt[Int(start + blob.length.value / 2)] ^= 1
            let findings = try verify(spoilt).findings
            let first = try #require(findings.first { $0.place == name })
            #expect(first.expected == blob.sha256.hex && first.found != nil && first.found != first.expected)
        }
    }

    private func verifyArchive(_ bytes: [UInt8]) throws -> PackageArchive {
        try fixture.folder.directory.writeDurably("whole.slip", bytes)
        return try PackageArchive(try fixture.folder.directory.openFile("whole.slip"))
    }

    @Test("An index that lies about a file is found by the file")
    func lyingIndex() async throws {
        let (_, bytes) = try await package { manifest in
            var index = try PayloadIndex(of: manifest.units[0].payload, in: fixture.blobs)
            let place = try #require(index.entries.firstIndex { $0.path.text == "bin/server" })
            index.entries[place].content = .file(
                BlobReference(sha256: SHA256Digest(of: [1]), length: ByteCount(300_000)))
            let made = try PayloadIndex.add(index.bytes, to: fixture.blobs)
            (manifest.units[0].payload.index, manifest.units[0].payload.indexText) = (made.index, made.text)
        }
        let findings = try verify(bytes).findings
        #expect(findings.map(\.place) == ["units/web.tar.gz: bin/server"])
        #expect(findings.first?.expected?.hasPrefix(SHA256Digest(of: [1]).hex) == true)
    }

    @Test("A manifest that lies about the tar stream is found")
    func lyingManifest() async throws {
        let (_, bytes) = try await package { $0.units[0].payload.tar.sha256 = SHA256Digest(of: [2]) }
        let findings = try verify(bytes).findings
        #expect(findings.map(\.problem) == ["has another tar stream"])
    }

    @Test("Two documents of the same bytes are both looked at, whatever lies between them")
    func sameBytesTwice() async throws {
        for (name, text) in [("A.md", "same\n"), ("B.md", "other\n"), ("C.md", "same\n")] {
            try fixture.write(name, Array(text.utf8))
        }
        let manifest = try await fixture.build(PackagingFixture.definition(documents: ["A.md", "B.md", "C.md"]))
            .manifest
        var bytes: [UInt8] = []
        try PackageFile.write(try manifest.bytes, blobs: fixture.blobs) { bytes += $0 }
        #expect(try verify(bytes).findings.isEmpty)
        for name in ["documents/A.md", "documents/C.md"] {
            let start = try #require(verifyArchive(bytes).place(named: name)).start
            var spoilt = bytes
            spoilt[Int(start)] ^= 1
            #expect(try verify(spoilt).findings.map(\.place) == [name])
        }
    }

    @Test("Cut, extended or without an entry, it is refused or found")
    func shape() async throws {
        let (manifest, bytes) = try await package()
        for length in [0, 100, bytes.count / 2, bytes.count - 1025] {
            #expect(code { _ = try verify(Array(bytes[..<length])) } != nil)
        }
        #expect(code { _ = try verify(bytes + [1]) } == "packaging.archive.trailing")
        let last = try #require(manifest.packageEntries.last)
        let start = try #require(verifyArchive(bytes).place(of: last.blob)).start
        let without = Array(bytes[..<Int(start - 512)]) + [UInt8](repeating: 0, count: 1024)
        #expect(try verify(without).findings.map(\.place) == [last.name])
    }
}
