import Effects
import Glibc
import ReleaseDefinition
import Testing
import TestSupport

@testable import ReleasePackaging

@Suite("Unchanged files where blocks can be shared")
struct ReflinkTests {
    let fixture: PackagingFixture

    init() throws { fixture = try PackagingFixture() }

    /// A btrfs of its own, for as long as `body` runs.
    private func withBtrfs(_ body: (Directory) async throws -> Void) async throws {
        guard geteuid() == 0, access("/usr/sbin/mkfs.btrfs", X_OK) == 0 else {
            try Test.cancel("a btrfs needs root and mkfs.btrfs (Debian package btrfs-progs): reflinks are not tested")
        }
        let folder = fixture.folder.directory.path
        try fixture.folder.directory.createFile("disk").truncate(to: ByteCount(300 << 20))
        _ = try await run("/usr/sbin/mkfs.btrfs", "-q", folder + "/disk", in: folder)
        let point = try fixture.staging("disk-mounted")
        guard case .exited(0) = try await run("/bin/mount", "-o", "loop", folder + "/disk", point.path, in: folder).end
        else { try Test.cancel("a loop device with btrfs cannot be mounted here: reflinks are not tested") }
        do { try await body(try Directory.open(point.path)) } catch {
            _ = try await run("/bin/umount", "-l", point.path, in: folder)
            throw error
        }
        _ = try await run("/bin/umount", "-l", point.path, in: folder)
    }

    @Test("They share the earlier release's blocks, are files of their own, and a spoilt one is not taken")
    func shared() async throws {
        try await withBtrfs { disk in
            try fixture.write("service/large", PackagingFixture.noise(seed: 1, size: 40_000_000))
            try fixture.write("service/spoilt", PackagingFixture.noise(seed: 2, size: 200_000))
            let first = try await fixture.build()
            let old = try disk.createDirectory("old")
            try PayloadInstaller.unpack(first.manifest.units[0], blobs: fixture.blobs, into: old)
            try old.updateFile("spoilt").write([0], at: 77)
            try fixture.write("service/new", [1])
            let second = try await fixture.build(PackagingFixture.definition(version: "1.1"), base: first.manifest)
            let before = try disk.freeSpace().value
            let new = try disk.createDirectory("new")
            let summary = try PayloadInstaller.unpack(
                second.manifest.units[0], blobs: fixture.blobs, into: new, base: old)
            #expect(summary.unchanged == 1)
            #expect(before - (try disk.freeSpace().value) < 20_000_000)
            #expect(try describe(new) == describe(fixture.source.directory("service")))
            #expect(try new.status("large")?.inode != old.status("large")?.inode)
            // What is written to one is not written to the other.
            try old.updateFile("large").write([0, 1, 2], at: 1000)
            #expect(try describe(new) == describe(fixture.source.directory("service")))
        }
    }
}
