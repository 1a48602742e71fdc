import Effects
import ReleaseDefinition
import ReleasePackaging
import Testing
import TestSupport

@Suite("The same input gives the same bytes")
struct DeterminismTests {
    // Another umask, zone, locale and clock need processes of their own: Tests/EndToEnd/BuildTests.swift.
    @Test("Another folder, order of creation and number of jobs change nothing", arguments: [2, 3, 4, 16])
    func sameBytes(jobs: Int) async throws {
        let one = try PackagingFixture()
        try one.writeTree()
        let first = try await one.build(jobs: 1)

        let other = try PackagingFixture()
        try other.writeTree(reversed: true)
        let second = try await other.build(jobs: jobs)

        #expect(first.manifestBytes == second.manifestBytes)
        #expect(try one.blobs.digests() == other.blobs.digests())
        for blob in first.manifest.allBlobs { #expect(try one.blobs.read(blob) == other.blobs.read(blob)) }
    }

    @Test("Each level gives its own bytes, again and again, and the same tar stream")
    func levels() async throws {
        let fixture = try PackagingFixture()
        try fixture.writeTree()
        var seen: Set<SHA256Digest> = []
        let stream = try await fixture.build().manifest.units[0].payload.tar
        for level in [1, 6, 9, 12] {
            let first = try await fixture.build(level: level, jobs: 1).manifest
            #expect(try await fixture.build(level: level, jobs: 4).manifest == first)
            #expect(first.build.compressionLevel == level && first.build.compressor.hasPrefix("libdeflate 1."))
            #expect(first.units[0].payload.tar == stream)
            #expect(seen.insert(first.units[0].payload.compressed.sha256).inserted)
        }
        for level in [0, 13, -1] {
            let found = await code { _ = try await fixture.build(level: level) }
            #expect(found == "packaging.compressor.level")
        }
    }

    @Test("Times of files and permissions beyond 'executable' are not part of a package")
    func timesAndModes() async throws {
        let fixture = try PackagingFixture()
        try fixture.write("service/run", Array("#!/bin/sh\n".utf8), mode: 0o700)
        let first = try await fixture.build()
        let file = try fixture.source.openFile("service/run")
        try file.setMode(0o775)
        try file.setModified(at: UTCInstant(secondsSince1970: 5))
        #expect(try await fixture.build().manifestBytes == first.manifestBytes)
    }

    @Test("One changed byte changes payload, index and manifest")
    func changedByte() async throws {
        let fixture = try PackagingFixture()
        try fixture.write("service/run", Array("one".utf8))
        let first = try await fixture.build().manifest.units[0].payload
        try fixture.write("service/run", Array("two".utf8))
        let second = try await fixture.build().manifest.units[0].payload
        #expect(first.compressed != second.compressed && first.tar != second.tar && first.index != second.index)
    }

    /// Another digest here means another format: packages built before would share no member with new ones. Then it is
    /// a decision to be written down, not a number to be replaced.
    @Test("The format is what it was: digests of a known tree's tar stream and its cuts")
    func knownDigests() async throws {
        let fixture = try PackagingFixture()
        try fixture.writeTree()
        let payload = try await fixture.build().manifest.units[0].payload
        let index = try PayloadIndex(parsing: try PayloadIndex.text(of: payload, in: fixture.blobs), for: payload)
        #expect(payload.tar.sha256.hex == Self.tarDigest)
        #expect(index.members.map(\.tar.length.value) == Self.lengths)
    }

    static let tarDigest = "34883f331eee66fb16a75ce1460e540d1cbeea796230820d5a94834617e94b1f"
    static let lengths: [Int64] = [
        71043, 86806, 65759, 90142, 49997, 88832, 147385, 63197, 89152, 93996, 101662, 88992, 76124, 45057,
    ]
}

@Suite("Building upon an earlier package")
struct WarmBuildTests {
    @Test("Members that did not change are taken as they are, and unchanged files keep their date")
    func warm() async throws {
        let fixture = try PackagingFixture()
        try fixture.writeTree()
        let first = try await fixture.build()
        try fixture.write("service/empty", Array("no longer".utf8))
        let later = UTCInstant(secondsSince1970: 1_796_000_000)
        let second = try await fixture.build(
            PackagingFixture.definition(version: "1.1"), sourceDate: later, base: first.manifest)
        let cold = try await fixture.build(PackagingFixture.definition(version: "1.1"), sourceDate: later)

        // The compressed bytes do not tell whether a base was there; dates do.
        #expect(second.manifest.units[0].payload.compressed == cold.manifest.units[0].payload.compressed)
        let payload = second.manifest.units[0].payload
        let index = try PayloadIndex(parsing: try PayloadIndex.text(of: payload, in: fixture.blobs), for: payload)
        #expect(index.entries.filter { $0.changedAt == later }.map(\.path.text) == ["empty"])
    }

    @Test("A base of another level or rule gives dates but no members, and the bytes are those of a cold build")
    func otherLevel() async throws {
        let fixture = try PackagingFixture()
        try fixture.writeTree()
        let first = try await fixture.build(level: 1)
        let later = UTCInstant(secondsSince1970: 1_796_000_000)
        let second = try await fixture.build(sourceDate: later, base: first.manifest, level: 6)
        let cold = try await fixture.build(sourceDate: later, level: 6)
        #expect(second.manifest.units[0].payload.compressed == cold.manifest.units[0].payload.compressed)
        #expect(second.manifest.units[0].payload.compressed != first.manifest.units[0].payload.compressed)
        let index = try PayloadIndex(of: second.manifest.units[0].payload, in: fixture.blobs)
        #expect(index.entries.allSatisfy { $0.changedAt == PackagingFixture.sourceDate })
    }

    @Test("A base is used where its file lies: the same manifest as from the store, nothing copied")
    func fromFile() async throws {
        let fixture = try PackagingFixture()
        try fixture.writeTree()
        let first = try await fixture.build()
        let file = try fixture.folder.directory.createFile("base.slip")
        try PackageFile.write(first.manifestBytes, blobs: fixture.blobs, to: file)
        try fixture.write("service/a/b", Array("changed".utf8))
        let second = try PackagingFixture.definition(version: "1.1")
        let expected = try await fixture.build(second, base: first.manifest)

        let store = BlobStore(try fixture.staging("other"))
        let built = try await PackageBuilder.build(
            second, from: fixture.source, into: store, sourceDate: PackagingFixture.sourceDate,
            base: PackageBase(PackageArchive(file)))
        #expect(built.manifestBytes == expected.manifestBytes)
        #expect(try Set(store.digests()) == Set(expected.manifest.allBlobs.map(\.sha256)))
    }

    @Test("A damaged earlier package costs time, never a wrong byte")
    func damagedBase() async throws {
        let fixture = try PackagingFixture()
        try fixture.writeTree()
        let first = try await fixture.build()
        let payload = first.manifest.units[0].payload.compressed
        try fixture.tamper(payload) { bytes in for index in bytes.indices { bytes[index] ^= 1 } }
        let again = try await fixture.build(base: first.manifest)
        #expect(again.manifest.units[0].payload.compressed == payload)
        #expect(try BlobReference(of: fixture.blobs.read(payload)) == payload)
    }
}
