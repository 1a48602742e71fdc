import Effects
import Glibc
import ReleaseDefinition
import ReleasePackaging
import Testing

@Suite("The same input gives the same bytes")
struct DeterminismTests {
    @Test("Another folder, order of creation, umask and number of jobs change nothing")
    func sameBytes() async throws {
        let one = try PackagingFixture()
        try one.writeTree()
        let first = try await one.build(jobs: 1)

        let other = try PackagingFixture()
        let old = umask(0o077)
        try other.writeTree(reversed: true)
        let second = try await other.build(jobs: 4)
        umask(old)

        #expect(first.manifestBytes == second.manifestBytes)
        #expect(try one.blobs.digests() == other.blobs.digests())
        for blob in first.manifest.allBlobs { #expect(try one.blobs.read(blob) == other.blobs.read(blob)) }
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
