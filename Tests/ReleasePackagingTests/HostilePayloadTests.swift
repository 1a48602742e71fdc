import Effects
import ReleaseDefinition
import Testing
import TestSupport

@testable import ReleasePackaging

/// Payloads whose publisher lies: manifest, index and members agree in their digests, what they hold does not.
@Suite("Hostile payloads")
struct HostilePayloadTests {
    let fixture: PackagingFixture
    let staging: Directory

    init() throws {
        fixture = try PackagingFixture()
        staging = try fixture.staging()
        try fixture.write("service/a", Array("first file".utf8))
        try fixture.write("service/b", PackagingFixture.text(seed: 3, size: 100_000))
        try fixture.link("service/c", to: "a")
    }

    private func unpackCode(_ unit: ManifestUnit) throws -> String? {
        defer { try? fixture.folder.directory.removeTree("staging") }
        let before = try describe(fixture.folder.directory).filter { !$0.hasPrefix("staging") }
        let found = code {
            try PayloadInstaller.unpack(unit, blobs: fixture.blobs, into: try fixture.staging(), jobs: 2)
        }
        #expect(try describe(fixture.folder.directory).filter { !$0.hasPrefix("staging") } == before)
        return found
    }

    /// The built unit with its index changed and bound again.
    private func relabelled(_ change: (inout [UInt8]) -> Void) async throws -> ManifestUnit {
        var unit = try await fixture.build().manifest.units[0]
        var bytes = try PayloadIndex.text(of: unit.payload, in: fixture.blobs)
        change(&bytes)
        (unit.payload.index, unit.payload.indexText) = try PayloadIndex.add(bytes, to: fixture.blobs)
        return unit
    }

    private func replacing(_ old: String, _ new: String) async throws -> ManifestUnit {
        try await relabelled { bytes in
            let text = String(decoding: bytes, as: UTF8.self)
            #expect(text.contains(old), "the index does not hold \(old)")
            bytes = Array(text.replacing(old, with: new, maxReplacements: 1).utf8)
        }
    }

    @Test(
        "An index that lies is refused by its code",
        arguments: [
            (#""path":"a""#, #""path":"../a""#, "packaging.path.escape"),
            (#""path":"a""#, #""path":"/etc/passwd""#, "packaging.path.absolute"),
            (#""path":"b""#, #""path":"a""#, "packaging.index.order"),
            (#""path":"b""#, #""path":"A""#, "packaging.index.order"),
            (#""path":"b""#, #""path":"a/b""#, "packaging.index.parent"),
            (#""path":"b""#, #""path":"x/b""#, "packaging.index.parent"),
            (#""target":"a""#, #""target":"/etc""#, "packaging.path.absolute"),
            (#""target":"a""#, #""target":"../x""#, "packaging.path.escape"),
            (#""type":"link""#, #""type":"device""#, "packaging.index.syntax"),
            (#""type":"link""#, #""type":"directory""#, "packaging.index.syntax"),
            (#""mode":"0644""#, #""mode":"04755""#, "packaging.index.syntax"),
            (#""mode":"0644""#, #""mode":"-0644""#, "packaging.index.syntax"),
            (#""mode":"0644""#, #""owner":"0","mode":"0644""#, "packaging.index.syntax"),
            (#""mode":"0644""#, #""device":1,"mode":"0644""#, "packaging.index.syntax"),
            (#""size":10"#, #""size":-10"#, "packaging.index.syntax"),
            (#""size":10"#, #""size":9223372036854775807"#, "packaging.index.bounds"),
            (#""size":10"#, #""size":10000"#, "packaging.index.bounds"),
            (#""size":10"#, #""size":1e9"#, "packaging.index.syntax"),
            (#""tarLength":"#, #""tarLength":9"#, "packaging.index.bounds"),
            (#"{"length":"#, #"{"length":9"#, "packaging.index.bounds"),
            (#""members":"#, #""members":9"#, "packaging.index.syntax"),
            (#""entries":3"#, #""entries":4"#, "packaging.index.syntax"),
            ("slipway.index/2", "slipway.index/1", "packaging.index.syntax"),
            ("\n", "\n\n", "packaging.index.syntax"),
        ])
    func index(old: String, new: String, expected: String) async throws {
        #expect(try unpackCode(try await replacing(old, new)) == expected)
    }

    @Test("An index with a line behind its last, or without its last, is refused")
    func indexEnd() async throws {
        #expect(try unpackCode(await relabelled { $0 += Array("{}\n".utf8) }) == "packaging.index.syntax")
        #expect(try unpackCode(await relabelled { $0.removeLast() }) == "packaging.index.syntax")
        #expect(try unpackCode(await relabelled { $0 = [] }) == "packaging.index.syntax")
    }

    @Test("Any single flipped bit of an index is refused by a code, or says something else; it never traps")
    func flippedBits() async throws {
        let unit = try await fixture.build().manifest.units[0]
        let bytes = try PayloadIndex.text(of: unit.payload, in: fixture.blobs)
        let index = try PayloadIndex(parsing: bytes, for: unit.payload)
        for position in bytes.indices {
            var (spoilt, payload) = (bytes, unit.payload)
            spoilt[position] ^= 1 << UInt8(position % 8)
            payload.indexText = BlobReference(of: spoilt)
            if let read = try? PayloadIndex(parsing: spoilt, for: payload) { #expect(read != index) }
        }
    }

    @Test("An index that is not the one the manifest binds is refused before it is parsed")
    func wrongIndex() async throws {
        let unit = try await fixture.build().manifest.units[0]
        try fixture.tamper(unit.payload.index) { $0[$0.count / 2] ^= 1 }
        #expect(try unpackCode(unit) == "packaging.blob.digest")
    }

    @Test("Every byte of a payload counts: a flipped bit anywhere is refused before anything is inflated")
    func tamperedPayload() async throws {
        let unit = try await fixture.build().manifest.units[0]
        let length = Int(unit.payload.compressed.length.value)
        for position in stride(from: 0, to: length, by: length / 23) {
            try fixture.tamper(unit.payload.compressed) { $0[position] ^= 0x10 }
            #expect(try unpackCode(unit) == "packaging.payload.digest", "\(position)")
            try fixture.tamper(unit.payload.compressed) { $0[position] ^= 0x10 }
        }
        #expect(try unpackCode(unit) == nil)
    }

    /// A unit whose one member holds `tar`, compressed by `compress`, and whose index describes what was built.
    private func forged(
        claiming length: Int? = nil, _ change: (inout [UInt8]) -> Void, compress: ([UInt8]) throws -> [UInt8]
    ) async throws -> ManifestUnit {
        var unit = try await fixture.build().manifest.units[0]
        let old = try PayloadIndex(
            parsing: try PayloadIndex.text(of: unit.payload, in: fixture.blobs), for: unit.payload)
        var tar: [UInt8] = []
        var offset: Int64 = 0
        let payload = try fixture.blobs.open(unit.payload.compressed)
        let inflater = try MemberInflater()
        for member in old.members {
            var piece = [UInt8](repeating: 0, count: Int(member.tar.length.value))
            let input = try payload.read(at: offset, count: Int(member.compressed.length.value))
            try input.withUnsafeBytes { input in
                try piece.withUnsafeMutableBytes { try inflater.inflate(input, into: $0) }
            }
            offset += Int64(input.count)
            tar += piece
        }
        change(&tar)
        let member = try compress(tar)
        let tarBlob = BlobReference(sha256: SHA256Digest(of: tar), length: ByteCount(length ?? tar.count))
        let index = PayloadIndex(
            members: [PayloadMember(compressed: BlobReference(of: member), tar: tarBlob)], entries: old.entries)
        unit.payload.compressed = try fixture.blobs.add(member)
        unit.payload.tar = tarBlob
        (unit.payload.index, unit.payload.indexText) = try PayloadIndex.add(index.bytes, to: fixture.blobs)
        return unit
    }

    private func member(_ bytes: [UInt8]) throws -> [UInt8] {
        try bytes.withUnsafeBytes { try MemberCompressor(level: 6).member(of: $0) }
    }

    @Test("Whatever a member holds other than what its index demands is refused")
    func forgedContent() async throws {
        // The stream: header and content of `a` (512 + 512), header of `b`, its content and padding, `c`, the end.
        let cases: [(Int, String)] = [
            (0, "header"), (100, "header"), (156, "header"), (512, "file"), (512 + 20, "padding"),
            (1024 + 30, "header"),
            (1536 + 5, "file"), (1536 + 99_999, "file"), (1536 + 100_000, "padding"), (1536 + 100_352 + 157, "header"),
            (1536 + 100_352 + 512, "padding"), (1536 + 100_352 + 512 + 1023, "padding"),
        ]
        #expect(
            try unpackCode(
                await forged { _ in
                } compress: {
                    try member($0)
                }) == nil)
        for (position, expected) in cases {
            let unit = try await forged {
                $0[position] ^= 1
            } compress: {
                try member($0)
            }
            #expect(try unpackCode(unit) == "packaging.payload.\(expected)", "\(position)")
        }
    }

    @Test("A member inflates to just the signed length: a bomb, a short one, two in one and a foreign one are refused")
    func members() async throws {
        let shapes: [(String, ([UInt8]) throws -> [UInt8])] = [
            ("bomb", { try member($0 + [UInt8](repeating: 0, count: 150_000)) }),
            ("short", { try member(Array($0.dropLast(512))) }),
            ("two", { try member(Array($0.prefix(5000))) + member(Array($0.dropFirst(5000))) }),
            ("trailing", { try member($0) + [0] }),
            ("truncated", { Array(try member($0).dropLast()) }),
            ("raw", { Array($0.prefix(9000)) }),
            (
                "checksum",
                { bytes in
                    var member = try member(bytes)
                    member[member.count - 5] ^= 1
                    return member
                }
            ),
        ]
        for (name, shape) in shapes {
            let unit = try await forged { _ in
            } compress: {
                try shape($0)
            }
            #expect(try unpackCode(unit) == "packaging.payload.member", "\(name)")
        }
    }

    @Test("A gzip bomb of 10 GiB costs no more than the signed length")
    func bomb() async throws {
        // 1000 members of 256 KiB of zeros would be legal for a payload that is signed to be that large; one member may
        // not be larger than its bound, whatever it claims.
        var unit = try await fixture.build().manifest.units[0]
        var bytes = try PayloadIndex.text(of: unit.payload, in: fixture.blobs)
        bytes = Array(
            String(decoding: bytes, as: UTF8.self).replacing(#""tarLength":"#, with: #""tarLength":10737418240"#).utf8)
        (unit.payload.index, unit.payload.indexText) = try PayloadIndex.add(bytes, to: fixture.blobs)
        #expect(try unpackCode(unit) == "packaging.index.bounds")
    }
}
