import Effects
import Glibc
import ReleaseDefinition
import Testing
import TestSupport

@testable import ReleasePackaging

/// Members of an honest payload; does something before it hands out one of them.
private struct Meddler: MemberReader {
    let reader: PayloadReader
    let moment: Int
    let action: @Sendable () throws -> Void

    func read(_ number: Int, into buffer: UnsafeMutableRawBufferPointer) throws {
        if number == moment { try action() }
        try reader.read(number, into: buffer)
    }
}

@Suite("A host that changes or fills up while a payload is unpacked")
struct HostileHostTests {
    let fixture: PackagingFixture
    let outside: Directory

    init() throws {
        fixture = try PackagingFixture()
        try fixture.writeTree()
        outside = try fixture.staging("outside")
    }

    private func unpack(
        into staging: Directory, atMember moment: Int, _ action: @escaping @Sendable () throws -> Void
    ) async throws -> String? {
        let unit = try await fixture.build().manifest.units[0]
        let index = try PayloadIndex(of: unit.payload, in: fixture.blobs)
        let reader = PayloadReader(index, payload: try fixture.blobs.open(unit.payload.compressed))
        return code {
            try PayloadInstaller.unpack(
                unit, index: index, members: Meddler(reader: reader, moment: moment, action: action), into: staging,
                jobs: 1)
        }
    }

    @Test("A folder that becomes a link leads nowhere", arguments: ["many", "share", "data", "bin"])
    func swappedFolder(name: String) async throws {
        let staging = try fixture.staging()
        let target = outside.path
        let found = try await unpack(into: staging, atMember: 0) {
            try staging.rename(name, to: name + ".old")
            try staging.createSymlink(name, to: target)
        }
        #expect(["effects.file.escape", "effects.file.notDirectory", "effects.file.exists"].contains(found))
        #expect(try outside.list().isEmpty)
    }

    @Test("Staging itself swapped for a link: what is open stays where it is")
    func swappedStaging() async throws {
        let staging = try fixture.staging()
        let (folder, target) = (fixture.folder.directory, outside.path)
        let found = try await unpack(into: staging, atMember: 1) {
            try folder.rename("staging", to: "aside")
            try folder.createSymlink("staging", to: target)
        }
        #expect(found == nil)
        #expect(try outside.list().isEmpty)
        #expect(try describe(folder.directory("aside")) == describe(fixture.source.directory("service")))
    }

    @Test("A file put in the way is not written to, nor is what a link put in the way points at")
    func inTheWay() async throws {
        try outside.writeDurably("victim", Array("untouched".utf8))
        let victim = outside.path + "/victim"
        for asLink in [false, true] {
            try fixture.folder.directory.removeTree("staging")
            let staging = try fixture.staging()
            let found = try await unpack(into: staging, atMember: 0) {
                if asLink {
                    try staging.createSymlink("bin/server", to: victim)
                } else {
                    _ = try staging.createFile("bin/server")
                }
            }
            #expect(found == "effects.file.exists")
        }
        #expect(try outside.read("victim", sizeMax: ByteCount(100)) == Array("untouched".utf8))
    }

    private func withSmallDisk(_ options: String, _ body: (Directory) async throws -> Void) async throws {
        let small = try fixture.staging("small")
        guard mount("tmpfs", small.path, "tmpfs", 0, options) == 0 else {
            try Test.cancel("a small file system cannot be mounted here (errno \(errno)): only root may")
        }
        defer { umount2(small.path, Int32(MNT_DETACH)) }
        try await body(try Directory.open(small.path))
    }

    @Test("A disk without room for so many files is found before one is written, with what is needed and what is free")
    func noInodes() async throws {
        try await withSmallDisk("size=20m,nr_inodes=40") { staging in
            let unit = try await fixture.build().manifest.units[0]
            do {
                try PayloadInstaller.unpack(unit, blobs: fixture.blobs, into: staging)
                Issue.record("40 inodes took 60 files")
            } catch let error as PackagingError {
                #expect(error.code == "packaging.staging.files")
                #expect(try staging.list().isEmpty)
            }
        }
    }

    @Test("A disk that somebody else fills meanwhile gives the system's word")
    func filledByOthers() async throws {
        try await withSmallDisk("size=2m") { staging in
            let found = try await unpack(into: staging, atMember: 1) {
                let filler = try staging.createFile("filler")
                while (try? filler.write([UInt8](repeating: 1, count: 4096))) != nil {}
            }
            #expect(found == "effects.file.noSpace")
        }
    }

    @Test("Inodes that somebody else takes meanwhile give the system's word")
    func inodesTakenByOthers() async throws {
        try await withSmallDisk("size=20m,nr_inodes=300") { staging in
            let found = try await unpack(into: staging, atMember: 1) {
                var number = 0
                while (try? staging.createFile("taken-\(number)")) != nil { number += 1 }
            }
            #expect(found == "effects.file.noSpace")
        }
    }
}
