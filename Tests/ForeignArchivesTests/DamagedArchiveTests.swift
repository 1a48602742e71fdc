import Effects
import ForeignArchives
import ReleaseDefinition
import Testing
import TestSupport

@Suite("Archives that are cut, changed or misnamed are refused")
struct DamagedArchiveTests {
    let fixture: ArchiveFixture

    init() throws { fixture = try ArchiveFixture() }

    private func archive(_ command: String) async throws -> [UInt8] {
        try fixture.writeTree()
        try await fixture.run("/bin/sh", "-c", command)
        return try fixture.directory.read("made", sizeMax: ByteCount(1 << 30))
    }

    static let makers: [(String, String)] = [
        ("x.tar", "tar -C tree -cf made ."), ("x.tar.gz", "tar -C tree -czf made ."),
        ("x.tar.zst", "tar -C tree -cf made.tar . && zstd -q --check made.tar -o made"),
        (
            "x.deb",
            """
            mkdir tree/DEBIAN
            printf 'Package: pp\\nVersion: 1\\nArchitecture: all\\nMaintainer: m\\nDescription: d\\n' > tree/DEBIAN/control
            dpkg-deb -Zxz -b tree made
            """
        ),
    ]

    @Test("Cut anywhere", arguments: makers)
    func truncated(_ name: String, _ command: String) async throws {
        let bytes = try await archive(command)
        let last = bytes.lastIndex { $0 != 0 } ?? 0
        for length in [0, 1, 100, 511, 1000, bytes.count / 2, last - 600, last - 1, last]
        where (0..<bytes.count).contains(length) {
            try fixture.directory.removeTree("staging")
            try fixture.directory.createDirectory("staging")
            try fixture.directory.removeFile(name)
            #expect(
                code { try unpackHere(Array(bytes[..<length]), name) } != nil, "cut after \(length) of \(bytes.count)")
        }
    }

    @Test("A bit changed in what is compressed", arguments: makers.filter { $0.0 != "x.tar" })
    func flipped(_ name: String, _ command: String) async throws {
        let bytes = try await archive(command)
        let places = [bytes.count / 3, bytes.count / 2, bytes.count - 7].filter { $0 > 40 }
        for place in places {
            try fixture.directory.removeTree("staging")
            try fixture.directory.createDirectory("staging")
            try fixture.directory.removeFile(name)
            var changed = bytes
            changed[place] ^= 0x10
            #expect(code { try unpackHere(changed, name) } != nil, "byte \(place) of \(bytes.count)")
        }
    }

    private func unpackHere(_ bytes: [UInt8], _ name: String) throws {
        try fixture.write(name, bytes)
        let staging = try fixture.directory.directory("staging")
        _ = try ForeignArchive.unpack(try fixture.directory.openFile(name), named: name, into: staging)
    }

    @Test(
        "Of another kind than the name says",
        arguments: [
            ("x.tar", "tar -C tree -czf made .", "foreignArchives.damaged"),
            ("x.tar.gz", "tar -C tree -cf made .", "foreignArchives.damaged"),
            ("x.tar.gz", "tar -C tree -cf made.tar . && zstd -q made.tar -o made", "foreignArchives.damaged"),
            ("x.tar.zst", "tar -C tree -czf made .", "foreignArchives.kind"),
            ("x.tar.zst", "tar -C tree -cf made.tar . && zstd -qc made.tar | zstd -q > made", "foreignArchives.kind"),
            ("x.deb", "tar -C tree -cf made .", "foreignArchives.damaged"),
            ("x.tar.gz", "tar -C tree -czf made . && gzip made && mv made.gz made", "foreignArchives.damaged"),
            ("x.tar.gz", "tar -C tree -czf made . && echo more >> made", "foreignArchives.damaged"),
            ("x.deb", "mkdir -p d; ar rc made.a tree/empty && mv made.a made", "foreignArchives.deb"),
        ])
    func misnamed(_ name: String, _ command: String, _ expected: String) async throws {
        let bytes = try await archive(command)
        #expect(code { try fixture.unpack(bytes, named: name) } == expected)
    }

    @Test("A bomb ends at its ratio, long before the disk is full")
    func ratio() async throws {
        try await fixture.run(
            "/bin/sh", "-c",
            "mkdir tree && truncate -s 300M tree/zeros && tar -C tree -cf - . | gzip -9 > x.tar.gz"
        )
        #expect(code { try fixture.unpack("x.tar.gz") } == "foreignArchives.size")
        let written = try fixture.staging.status("zeros")?.size ?? ByteCount(0)
        #expect(written <= ByteCount(80 << 20))
    }
}
