import Effects
import ForeignArchives
import ReleaseDefinition
import ReleasePackaging
import Testing
import TestSupport

@Suite("Archives of the real tools become the tree that they were made from")
struct HonestArchiveTests {
    let fixture: ArchiveFixture

    init() throws {
        fixture = try ArchiveFixture()
        try fixture.writeTree()
    }

    @Test(
        "tar in its formats and compressions",
        arguments: [
            ("made.tar", ["--format=ustar"]), ("made.tar", ["--format=gnu"]), ("made.tar", ["--format=posix"]),
            ("made.tar", ["--format=oldgnu"]), ("made.tar.gz", ["--gzip"]), ("made.tgz", ["--gzip", "--format=posix"]),
            ("made.tar.zst", ["--zstd"]), ("made.tar.zst", ["--use-compress-program=zstd -19 --long=27"]),
        ])
    func tar(_ name: String, _ options: [String]) async throws {
        // ustar has no room for the longest name.
        if options == ["--format=ustar"] { try fixture.directory.removeTree("tree/long") }
        let command = ["tar -C tree " + options.map { "'\($0)'" }.joined(separator: " ") + " -cf \(name) ."]
        try await fixture.run("/bin/sh", "-c", command[0])
        let unpacked = try fixture.unpack(name)
        #expect(try describe(fixture.staging) == describe(fixture.directory.directory("tree")))
        #expect(unpacked.blob == BlobReference(of: try fixture.directory.read(name, sizeMax: ByteCount(1 << 30))))
    }

    @Test("Entries without `./`, and folders that the archive does not list")
    func implied() async throws {
        try await fixture.run("/bin/sh", "-c", "cd tree && tar cf ../made.tar share/up bin/serve sizes/1 nothing")
        try fixture.unpack("made.tar")
        #expect(
            try describe(fixture.staging).map { $0.split(separator: " ")[0] }
                == ["bin/", "bin/serve", "nothing/", "share/", "share/up", "sizes/", "sizes/1"])
    }

    @Test("Several gzip members one behind the other are one stream")
    func members() async throws {
        try await fixture.run(
            "/bin/sh", "-c",
            "tar -C tree -cf made.tar . && split -b 20000 made.tar part. && gzip part.* && cat part.*.gz > made.tar.gz")
        try fixture.unpack("made.tar.gz")
        #expect(try describe(fixture.staging) == describe(fixture.directory.directory("tree")))
    }

    @Test("dpkg-deb, with each of its compressions", arguments: ["gzip", "xz", "zstd", "none"])
    func deb(_ compression: String) async throws {
        try fixture.write(
            "tree/DEBIAN/control",
            Array(
                """
                Package: hello-tool
                Version: 1:2.0+b1~rc1
                Architecture: amd64
                Maintainer: A Person <person@example.org>
                Description: says hello
                 at length

                """.utf8))
        try fixture.write("tree/DEBIAN/postinst", Array("#!/bin/sh\n".utf8), mode: 0o755)
        let file = try await fixture.run(
            "/bin/sh", "-c", "dpkg-deb --root-owner-group -Z\(compression) -b tree made.deb")
        #expect(file.output.contains("made.deb"))
        let unpacked = try fixture.unpack("made.deb")
        try fixture.directory.removeTree("tree/DEBIAN")
        #expect(try describe(fixture.staging) == describe(fixture.directory.directory("tree")))
        let debian = try #require(unpacked.debian)
        #expect(debian.name == "hello-tool" && debian.version == "1:2.0+b1~rc1" && debian.architecture == "amd64")
        #expect(debian.maintainer == "A Person <person@example.org>" && debian.description == "says hello")
        #expect(debian.scripts == ["postinst"])
    }
}
