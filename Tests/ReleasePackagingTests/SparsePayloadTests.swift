import Effects
import Glibc
import ReleaseDefinition
import Testing
import TestSupport

@testable import ReleasePackaging

/// One file of 4 GiB and a byte, all zeros but for what a test changes: beyond 32 bits in every place where sizes are kept.
@Suite("A payload of more than 4 GiB", .serialized)
struct SparsePayloadTests {
    let fixture: PackagingFixture
    private static let size: Int64 = (4 << 30) + 1

    init() throws { fixture = try PackagingFixture() }

    private struct Piece {
        var tar: BlobReference
        var compressed: [UInt8]

        init(_ bytes: [UInt8]) throws {
            tar = BlobReference(of: bytes)
            let compressor = try MemberCompressor(level: 6)
            compressed = try withExtendedLifetime(compressor) {
                try bytes.withUnsafeBytes { Array(try compressor.member(of: $0)) }
            }
        }
    }

    /// - Parameter change: of the bytes of a member in the middle, which the file's digest does not know of.
    private func unit(_ change: (inout [UInt8]) -> Void = { _ in }) async throws -> (ManifestUnit, PayloadIndex) {
        var hasher = SHA256Hasher()
        let zeros = [UInt8](repeating: 0, count: ContentCutter.sizeMax)
        for _ in 0..<(Self.size / Int64(zeros.count)) { hasher.update(zeros) }
        hasher.update([0])
        let entry = PayloadEntry(
            path: try EntryPath("big"),
            content: .file(BlobReference(sha256: hasher.finish(), length: ByteCount(Self.size))),
            mode: 0o644, changedAt: PackagingFixture.sourceDate)
        let length = try TarLayout([entry]).length
        let header = entry.tarEntry.header()
        let first = try Piece(header + zeros.dropFirst(header.count))
        let middle = try Piece(zeros)
        var changed = zeros
        change(&changed)
        let odd = try Piece(changed)
        let count = Int(length / Int64(zeros.count))
        let last = try Piece([UInt8](repeating: 0, count: Int(length) - count * zeros.count))
        let pieces =
            [first] + Array(repeating: middle, count: count / 2) + [odd]
            + Array(repeating: middle, count: count - count / 2 - 2) + [last]

        try fixture.write("service/any", [1])
        var unit = try await fixture.build().manifest.units[0]
        let writer = try fixture.blobs.newBlob()
        for piece in pieces { try piece.compressed.withUnsafeBytes { try writer.write($0) } }
        unit.payload.compressed = try writer.finish()
        unit.payload.tar.length = ByteCount(length)
        unit.payload.fileCount = 1
        let index = PayloadIndex(
            members: pieces.map { PayloadMember(compressed: BlobReference(of: $0.compressed), tar: $0.tar) },
            entries: [entry])
        (unit.payload.index, unit.payload.indexText) = try PayloadIndex.add(index.bytes, to: fixture.blobs)
        return (unit, index)
    }

    @Test("It is unpacked with every byte, as a hole: no disk for 4 GiB of zeros")
    func accepted() async throws {
        let (unit, _) = try await unit()
        let staging = try fixture.staging()
        let summary = try PayloadInstaller.unpack(unit, blobs: fixture.blobs, into: staging)
        #expect(summary.bytes.value == Self.size)
        #expect(try staging.status("big")?.size.value == Self.size)
        var status = stat()
        try #require(stat(staging.path + "/big", &status) == 0)
        #expect(status.st_blocks * 512 < 1 << 20)
    }

    @Test("One byte in the middle that is not as signed is found")
    func refused() async throws {
        let (unit, _) = try await unit { $0[100_000] = 1 }
        let staging = try fixture.staging()
        #expect(
            code { try PayloadInstaller.unpack(unit, blobs: fixture.blobs, into: staging) } == "packaging.payload.file")
    }

    @Test("A bit of its last member that was flipped is found before it is inflated")
    func flipped() async throws {
        let (unit, _) = try await unit()
        try fixture.tamper(unit.payload.compressed) { $0[$0.count - 3] ^= 4 }
        let staging = try fixture.staging()
        #expect(
            code { try PayloadInstaller.unpack(unit, blobs: fixture.blobs, into: staging) }
                == "packaging.payload.digest")
    }
}
