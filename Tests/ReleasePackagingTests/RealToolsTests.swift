import Effects
import ReleaseDefinition
import ReleasePackaging
import Testing
import TestSupport

@Suite("Ordinary tools open what Slipway writes")
struct RealToolsTests {
    let fixture: PackagingFixture

    init() throws {
        fixture = try PackagingFixture()
        try fixture.writeTree()
    }

    private func payloadFile(_ package: BuiltPackage) throws -> String {
        let blob = package.manifest.units[0].payload.compressed
        let file = try fixture.folder.directory.createFile("payload.tar.gz")
        try file.write(try fixture.blobs.read(blob))
        return fixture.folder.path + "/payload.tar.gz"
    }

    @Test("gzip accepts the payload and its tar stream has the signed digest")
    func gzip() async throws {
        let package = try await fixture.build()
        let path = try payloadFile(package)
        #expect(try await run("/bin/gzip", "-t", "-v", path, in: "/").end == .exited(0))
        #expect(try await run("/bin/gzip", "-d", "-k", path, in: "/").end == .exited(0))
        let tar = try fixture.folder.directory.read("payload.tar", sizeMax: ByteCount(1 << 30))
        #expect(BlobReference(of: tar) == package.manifest.units[0].payload.tar)
    }

    @Test("tar lists every entry and extracts a tree equal to the source")
    func tar() async throws {
        let package = try await fixture.build()
        let path = try payloadFile(package)
        let listed = try await run("/bin/tar", "tzf", path, in: "/")
        #expect(listed.end == .exited(0))
        #expect(listed.output.split(separator: "\n").count == package.manifest.units[0].payload.fileCount)
        let extracted = try fixture.staging("extracted")
        #expect(try await run("/bin/tar", "xzf", path, in: extracted.path).output.isEmpty)
        #expect(try describe(extracted) == describe(fixture.source.directory("service")))
    }

    @Test("tar shows owner root, time 0 and the modes that were asked for, and makes them")
    func modes() async throws {
        let attributes = [
            PathAttribute(path: "bin/server", mode: 0o750, owner: "daemon"), PathAttribute(path: "a/b", mode: 0o400),
            PathAttribute(path: "empty-folder", mode: 0o711),
        ]
        let package = try await fixture.build(PackagingFixture.definition(attributes: attributes))
        let path = try payloadFile(package)
        let listed = try await run("/bin/tar", "tvzf", path, "--numeric-owner", "--utc", in: "/").output.split(
            separator: "\n")
        #expect(listed.count == package.manifest.units[0].payload.fileCount)
        #expect(listed.allSatisfy { $0.contains(" 0/0 ") && $0.contains(" 1970-01-01 00:00 ") })
        let modes = Set(listed.map { String($0.prefix(10)) })
        #expect(
            modes == [
                "-rw-r--r--", "drwxr-xr-x", "lrwxrwxrwx", "-rwxr-x---", "-r--------", "drwx--x--x",
            ])
        let extracted = try fixture.staging("extracted")
        #expect(try await run("/bin/tar", "xpzf", path, in: extracted.path).output.isEmpty)
        for attribute in attributes { #expect(try extracted.status(attribute.path)?.mode == attribute.mode) }
        #expect(try extracted.readLink("bin/current") == "server")
        #expect(try describe(extracted) == describe(fixture.source.directory("service")))
    }

    @Test("tar opens a package file, and the manifest in it is the one that was built")
    func slip() async throws {
        let package = try await fixture.build()
        let file = try fixture.folder.directory.createFile("web-service-1.0.slip")
        try PackageFile.write(package.manifestBytes, blobs: fixture.blobs, to: file)
        let extracted = try fixture.staging("extracted")
        let result = try await run("/bin/tar", "xvf", file.path, in: extracted.path)
        #expect(
            result.output.split(separator: "\n")
                == ["manifest.json", "units/web.index.gz", "units/web.tar.gz"])
        #expect(try extracted.read("manifest.json", sizeMax: ByteCount(1 << 20)) == package.manifestBytes)
    }

    @Test("The real tar makes an archive that is accepted as a source archive")
    func foreignTarWhole() async throws {
        let made = try await run(
            "/bin/tar", "--format=ustar", "-cf", fixture.folder.path + "/made.tar", "a", "a-b", "bin", "many",
            in: fixture.source.path + "/service")
        #expect(made.end == .exited(0))
        let staging = try fixture.staging()
        try SourceArchive.extract(try fixture.folder.directory.openFile("made.tar"), into: staging)
        #expect(try describe(staging.directory("many")) == describe(fixture.source.directory("service/many")))
    }
}
