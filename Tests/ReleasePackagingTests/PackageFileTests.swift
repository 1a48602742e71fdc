import Effects
import ReleaseDefinition
import Testing
import TestSupport

@testable import ReleasePackaging

@Suite("A package in one file")
struct PackageFileTests {
    let fixture: PackagingFixture
    let received: BlobStore

    init() throws {
        fixture = try PackagingFixture()
        received = BlobStore(try fixture.staging("received"))
        try fixture.write("service/run", PackagingFixture.text(seed: 5, size: 3000))
        try fixture.write("hooks/one", Array("#!/bin/sh\n".utf8))
        try fixture.write("doc/RUNBOOK.md", Array("# Runbook\n".utf8))
    }

    private func build() async throws -> BuiltPackage {
        let hooks = UnitHooks(programs: [
            HookProgram(moment: .stop, path: "hooks/one"), HookProgram(moment: .start, path: "hooks/one"),
        ])
        return try await fixture.build(
            PackagingFixture.definition(hooks: hooks, documents: ["./doc/RUNBOOK.md"]))
    }

    private func bytes(
        _ package: BuiltPackage, trust: [PackageFile.TrustFile] = []
    ) throws -> [UInt8] {
        var bytes: [UInt8] = []
        try PackageFile.write(package.manifestBytes, trust: trust, blobs: fixture.blobs) { bytes += $0 }
        return bytes
    }

    private func readCode(_ bytes: [UInt8]) -> String? {
        code { _ = try PackageFile.read(ByteArraySource(bytes), into: received) }
    }

    @Test("It brings the manifest and every blob, and is the same each time it is written")
    func roundTrip() async throws {
        let package = try await build()
        let trust = [PackageFile.TrustFile(name: "1.root.json", bytes: Array("{}".utf8))]
        let file = try bytes(package, trust: trust)
        #expect(try bytes(package, trust: trust) == file)
        let contents = try PackageFile.read(ByteArraySource(file), into: received)
        #expect(contents.manifest == package.manifest)
        #expect(contents.manifestBytes == package.manifestBytes)
        #expect(contents.trust == trust)
        for blob in package.manifest.allBlobs { #expect(try received.read(blob) == fixture.blobs.read(blob)) }
        #expect(try received.digests().count == package.manifest.allBlobs.count)
    }

    @Test("Entries stand in the order of the design")
    func order() async throws {
        let package = try await build()
        var reader = TarReader(ByteArraySource(try bytes(package)), limits: ArchiveLimits(), folders: .implied)
        var names: [String] = []
        while let entry = try reader.next() { names.append(entry.path.text) }
        let hook = SHA256Digest(of: Array("#!/bin/sh\n".utf8)).hex
        #expect(
            names == [
                "manifest.json", "units/web.index.gz", "units/web.tar.gz", "hooks/\(hook)", "documents/doc/RUNBOOK.md",
            ])
    }

    @Test("A changed blob is refused and does not enter the store under any name")
    func tampered() async throws {
        let package = try await build()
        let file = try bytes(package)
        var reader = TarReader(ByteArraySource(file), limits: ArchiveLimits(), folders: .implied)
        var offset = 0
        while let entry = try reader.next() {
            var spoilt = file
            spoilt[offset + 512] ^= 1
            let found = readCode(spoilt)
            #expect(
                found == (offset == 0 ? "packaging.manifest.syntax" : "packaging.package.digest"), "\(entry.path)")
            offset += 512 + (Int(entry.size) + 511) / 512 * 512
        }
        let known = Set(package.manifest.allBlobs.map(\.sha256))
        #expect(try received.digests().allSatisfy { known.contains($0) })
        #expect(try received.directory.list().count == received.digests().count)
    }

    @Test("Missing, surplus and foreign entries are refused")
    func entries() async throws {
        let package = try await build()
        let file = try bytes(package)
        var forge = TarForge()
        forge.add("surplus")
        let end = [UInt8](repeating: 0, count: 1024)
        #expect(readCode(file.dropLast(1024) + forge.bytes + end) == "packaging.package.entry")
        #expect(readCode(file.dropLast(1024 + 1024) + end) == "packaging.package.entry")
        #expect(readCode(forge.bytes + end) == "packaging.package.manifest")
        #expect(readCode(end) == "packaging.package.manifest")
        #expect(readCode([]) == "packaging.archive.truncated")
    }

    @Test("A package whose store lacks a blob, or holds a damaged one, cannot be written")
    func damagedStore() async throws {
        let package = try await build()
        let payload = package.manifest.units[0].payload.compressed
        try fixture.tamper(payload) { $0[30] ^= 1 }
        #expect(code { _ = try bytes(package) } == "packaging.blob.digest")
        try fixture.blobs.remove(payload)
        #expect(code { _ = try bytes(package) } == "packaging.blob.absent")
    }
}

@Suite("A release folder as an archive")
struct SourceArchiveTests {
    @Test("What is sent is what is extracted, and the same folder gives the same bytes")
    func roundTrip() async throws {
        let fixture = try PackagingFixture()
        try fixture.writeTree()
        try fixture.write("release.yaml", Array("product: web-service\n".utf8))
        let bytes = try SourceArchive.bytes(of: fixture.source)
        #expect(try SourceArchive.bytes(of: fixture.source) == bytes)
        let staging = try fixture.staging()
        try SourceArchive.extract(bytes, into: staging)
        #expect(try describe(staging) == describe(fixture.source))
        let built = try await PackageBuilder.build(
            try PackagingFixture.definition(), from: staging, into: fixture.blobs,
            sourceDate: PackagingFixture.sourceDate)
        #expect(try await fixture.build() == built)
    }

    @Test("A folder larger than allowed is refused before it is all in memory")
    func tooLarge() throws {
        let fixture = try PackagingFixture()
        try fixture.write("large", [UInt8](repeating: 0, count: 5000))
        #expect(
            code { _ = try SourceArchive.bytes(of: fixture.source, sizeMax: ByteCount(4000)) }
                == "packaging.source.size")
    }
}
