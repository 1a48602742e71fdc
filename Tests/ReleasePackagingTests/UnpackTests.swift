import Effects
import Glibc
import ReleaseDefinition
import ReleasePackaging
import Testing
import TestSupport

@Suite("Unpacking a payload")
struct UnpackTests {
    let fixture: PackagingFixture

    init() throws {
        fixture = try PackagingFixture()
        try fixture.writeTree()
    }

    @Test("The tree on the host equals the source, whatever the number of jobs", arguments: [1, 4])
    func equal(jobs: Int) async throws {
        let unit = try await fixture.build().manifest.units[0]
        let staging = try fixture.staging()
        try PayloadInstaller.unpack(unit, blobs: fixture.blobs, into: staging, jobs: jobs)
        #expect(try describe(staging) == describe(fixture.source.directory("service")))
        #expect(try staging.status("bin/server")?.mode == 0o755)
        #expect(try staging.status("share/doc/ünïcode $(name).txt")?.mode == 0o644)
        #expect(try staging.status("empty-folder")?.mode == 0o755)
        #expect(try staging.status("empty")?.modifiedAt == PackagingFixture.sourceDate)
        #expect(try staging.status("data")?.modifiedAt == PackagingFixture.sourceDate)
    }

    /// In a process of its own: the umask is the whole process's, and other tests run in this one.
    @Test(
        "The umask does not matter, nor do the rights that a folder hands on", arguments: ["000", "027", "077", "777"])
    func umask(mask: String) async throws {
        let program = try #require(try Program.slipway())
        let built = try await fixture.build()
        let file = try fixture.folder.directory.createFile("package.slip")
        try PackageFile.write(built.manifestBytes, blobs: fixture.blobs, to: file)
        let result = try await run(
            "/bin/sh", "-c", "umask \(mask) && exec \(program.path) package unpack package.slip tree",
            in: fixture.folder.directory.path)
        #expect(result.end == .exited(0), "\(result.output)")
        let unit = built.manifest.units[0]
        try PayloadInstaller.verifyTree(
            unit, index: PayloadIndex.text(of: unit.payload, in: fixture.blobs),
            tree: fixture.folder.directory.directory("tree"))
    }

    @Test("Modes and owners that the definition lists are applied, by name")
    func attributes() async throws {
        let definition = try PackagingFixture.definition(attributes: [
            PathAttribute(path: "./share/doc/README", mode: 0o600, owner: getuid() == 0 ? "daemon" : nil),
            PathAttribute(path: "empty-folder", mode: 0o770),
        ])
        let unit = try await fixture.build(definition).manifest.units[0]
        let staging = try fixture.staging()
        try PayloadInstaller.unpack(unit, blobs: fixture.blobs, into: staging)
        #expect(try staging.status("share/doc/README")?.mode == 0o600)
        #expect(try staging.status("empty-folder")?.mode == 0o770)
        if getuid() == 0 {
            #expect(try staging.status("share/doc/README")?.ownerID == getpwnam("daemon").pointee.pw_uid)
        }
        try PayloadInstaller.verifyTree(
            unit, index: try PayloadIndex.text(of: unit.payload, in: fixture.blobs), tree: staging)
    }

    @Test("An owner whom the host does not know is refused before anything is written")
    func unknownOwner() async throws {
        let definition = try PackagingFixture.definition(attributes: [
            PathAttribute(path: "empty", owner: "nobody-here")
        ])
        let unit = try await fixture.build(definition).manifest.units[0]
        let staging = try fixture.staging()
        #expect(
            code { try PayloadInstaller.unpack(unit, blobs: fixture.blobs, into: staging) } == "packaging.tree.account")
        #expect(try staging.list().isEmpty)
    }

    @Test("A staging folder that is not empty is refused, and a link in it is not followed")
    func notEmpty() async throws {
        let unit = try await fixture.build().manifest.units[0]
        let outside = try fixture.staging("outside")
        let staging = try fixture.staging()
        try staging.createSymlink("bin", to: "../outside")
        let found = code { try PayloadInstaller.unpack(unit, blobs: fixture.blobs, into: staging) }
        #expect(found == "effects.file.exists")
        #expect(try outside.list().isEmpty)
    }

    @Test("A payload that is not here is named, and so is one of another length")
    func absent() async throws {
        let unit = try await fixture.build().manifest.units[0]
        try fixture.tamper(unit.payload.compressed) { $0.removeLast() }
        #expect(try unpackCode(unit) == "packaging.blob.length")
        try fixture.blobs.remove(unit.payload.compressed)
        #expect(try unpackCode(unit) == "packaging.blob.absent")
    }

    private func unpackCode(_ unit: ManifestUnit) throws -> String? {
        let staging = try fixture.staging()
        defer { try? fixture.folder.directory.removeTree("staging") }
        return code { try PayloadInstaller.unpack(unit, blobs: fixture.blobs, into: staging) }
    }

    @Test("A full disk is found before it is filled, with what is needed and what is free")
    func fullDisk() async throws {
        let unit = try await fixture.build().manifest.units[0]
        let small = try fixture.staging("small")
        guard mount("tmpfs", small.path, "tmpfs", 0, "size=200k") == 0 else {
            try Test.cancel("a small file system cannot be mounted here (errno \(errno)): only root may")
        }
        defer { umount2(small.path, Int32(MNT_DETACH)) }
        let staging = try Directory.open(small.path)
        do {
            try PayloadInstaller.unpack(unit, blobs: fixture.blobs, into: staging)
            Issue.record("a disk of 200 KB took a megabyte")
        } catch let error as PackagingError {
            #expect(error.code == "packaging.staging.space")
            #expect(error.summary.contains("200.0 KiB are free"))
        }
    }

    // The payload has some 780 KB and the index 6: no room for the first pieces, half of them, or just the index.
    @Test(
        "A disk that fills up while a package is built gives the system's word, and nothing is left on it",
        arguments: ["4k", "200k", "700k", "768k"])
    func fillingDisk(size: String) async throws {
        let small = try fixture.staging("small")
        guard mount("tmpfs", small.path, "tmpfs", 0, "size=\(size)") == 0 else {
            try Test.cancel("a small file system cannot be mounted here (errno \(errno)): only root may")
        }
        defer { umount2(small.path, Int32(MNT_DETACH)) }
        let store = BlobStore(try Directory.open(small.path))
        for jobs in [1, 3] {
            let found = await code {
                _ = try await PackageBuilder.build(
                    try PackagingFixture.definition(), from: fixture.source, into: store,
                    sourceDate: PackagingFixture.sourceDate, jobs: jobs)
            }
            #expect(found == "effects.file.noSpace")
            #expect(try store.directory.list().isEmpty)
        }
    }
}

@Suite("Unchanged files from an earlier tree")
struct UnchangedFilesTests {
    let fixture: PackagingFixture
    let old: Directory

    init() throws {
        fixture = try PackagingFixture()
        try fixture.writeTree()
        old = try fixture.staging("old")
    }

    private func upgrade(_ unchanged: UnchangedFiles, spoil: () throws -> Void = {}) async throws -> Directory {
        let first = try await fixture.build()
        try PayloadInstaller.unpack(first.manifest.units[0], blobs: fixture.blobs, into: old)
        try spoil()
        try fixture.write("service/many/3", Array("changed".utf8))
        let second = try await fixture.build(PackagingFixture.definition(version: "1.1"), base: first.manifest)
        let unit = second.manifest.units[0]
        let staging = try fixture.staging()
        try PayloadInstaller.unpack(unit, blobs: fixture.blobs, into: staging, base: old, unchanged: unchanged)
        #expect(try describe(staging) == describe(fixture.source.directory("service")))
        try PayloadInstaller.verifyTree(
            unit, index: try PayloadIndex.text(of: unit.payload, in: fixture.blobs), tree: staging)
        return staging
    }

    @Test(
        "They are copied as files of their own, or linked where that is asked for", arguments: UnchangedFiles.allCases)
    func taken(unchanged: UnchangedFiles) async throws {
        let staging = try await upgrade(unchanged)
        let links = unchanged == .link ? 2 : 1
        #expect(try staging.status("bin/server")?.links == UInt64(links))
        #expect(try staging.status("many/3")?.links == 1)
    }

    @Test(
        "A file that was changed, removed or replaced there comes from the payload", arguments: UnchangedFiles.allCases)
    func spoilt(unchanged: UnchangedFiles) async throws {
        let staging = try await upgrade(unchanged) {
            let server = try old.updateFile("bin/server")
            try server.write([0x7A], at: 100)
            try old.removeFile("many/5")
            try old.removeTree("share")
            try old.createSymlink("share", to: "/etc")
            try old.removeFile("a/b")
            try #require(mkfifo(old.path + "/a/b", 0o644) == 0)
        }
        #expect(try staging.status("bin/server")?.links == 1)
    }
}

@Suite("Checking an installed tree")
struct VerifyTreeTests {
    let fixture: PackagingFixture
    let tree: Directory

    init() throws {
        fixture = try PackagingFixture()
        try fixture.writeTree()
        tree = try fixture.staging("tree")
    }

    private func verify(extra: ExtraEntries = .refused, _ change: () throws -> Void) async throws -> PackagingError? {
        let unit = try await fixture.build(PackagingFixture.definition(persistent: ["data", "uploads/kept"])).manifest
            .units[0]
        try PayloadInstaller.unpack(unit, blobs: fixture.blobs, into: tree)
        try change()
        do {
            try PayloadInstaller.verifyTree(
                unit, index: try PayloadIndex.text(of: unit.payload, in: fixture.blobs), tree: tree, extra: extra)
            return nil
        } catch let error as PackagingError { return error }
    }

    @Test("An untouched tree passes, and persistent paths may be anything")
    func passes() async throws {
        let error = try await verify {
            try tree.removeTree("data")
            try tree.createSymlink("data", to: "../../web.persistent/data")
            try tree.createDirectory("uploads/kept/more")
        }
        #expect(error == nil)
    }

    @Test("Each difference is found and named")
    func differences() async throws {
        let error = try await verify {
            try tree.updateFile("bin/server").write([0], at: 299_999)
            try tree.removeFile("many/1")
            try tree.openFile("many/2").setMode(0o755)
            try tree.removeFile("bin/current")
            try tree.createSymlink("bin/current", to: "../empty")
            try tree.removeFile("many/4")
            try tree.createDirectory("many/4")
            _ = try tree.createFile("surplus")
        }
        #expect(error?.code == "packaging.tree.changed")
        for part in [
            "bin/server has other bytes", "many/1 is missing", "many/2 has mode 0755 instead of 0644",
            "bin/current points to \"../empty\"", "many/4 is no longer a file", "surplus is not part of the release",
        ] { #expect(error?.summary.contains(part) == true, "\(part)") }
    }

    @Test("Extra entries can be reported instead of refused")
    func extras() async throws {
        let error = try await verify(extra: .reported) { _ = try tree.createFile("surplus\\name") }
        #expect(error == nil)
    }
}
