import Effects
import ForeignArchives
import ReleaseDefinition

@testable import ReleasePackaging

/// An archive of other people's tools, by libarchive: a refusal of ours, or a tree beneath the folder that a package can
/// carry. The first byte says what the archive's name says; headers of a tar also with checksums that are right, as is, in
/// gzip and as the data of a .deb, so that the fuzzer gets behind what holds digests.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let all = Array(UnsafeBufferPointer(start: data, count: size))
    guard let first = all.first else { return 0 }
    let bytes = Array(all.dropFirst())
    switch first % 6 {
    case 0: check(withChecksums(bytes), "x.tar")
    case 1: check(bytes, "x.tar")
    case 2: check(bytes, "x.tar.gz")
    case 3: check(bytes, "x.tar.zst")
    case 4: check(bytes, "x.deb")
    default:
        check(debianPackage(withChecksums(bytes)), "x.deb")
        check(stored(withChecksums(bytes)), "x.tar.gz")
    }
    return 0
}

private let bounds = ArchiveBounds(
    entriesMax: 64, sizeMax: ByteCount(1 << 20), ratioMax: 16, freeOfRatio: ByteCount(1 << 20))

private func check(_ bytes: [UInt8], _ name: String) {
    do {
        // The tree has a neighbour: nothing may come out.
        let around = try Scratch.empty("around")
        let tree = try around.createDirectory("tree")
        let unpacked: UnpackedArchive
        do {
            unpacked = try ForeignArchive.unpack(
                Scratch.file("archive", bytes), named: name, into: tree, bounds: bounds)
        } catch {
            refused(error)
            return promise(try around.list().map(\.name) == ["tree"], "a refused archive stays in its folder")
        }
        promise(try around.list().map(\.name) == ["tree"], "an archive stays in its folder")
        promise(unpacked.blob == BlobReference(of: bytes), "all of the archive was looked at")
        let entries = try TreeScan.scan(tree, jobs: 1)
        let size = entries.reduce(Int64(0)) { sum, entry in
            if case .file(let size, _, _) = entry.content { sum + size.value } else { sum }
        }
        promise(size <= bounds.sizeMax.value, "\(size) bytes are within the bounds")
        promise(entries.count <= bounds.entriesMax, "\(entries.count) entries are within the bounds")
    } catch { promise(false, "what was unpacked can be packed: \(error)") }
}

/// gzip that only stores. Source: RFC 1951 3.2.4, RFC 1952.
private func stored(_ bytes: [UInt8]) -> [UInt8] {
    var result: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255]
    var rest = bytes[...]
    repeat {
        let piece = rest.prefix(65_535)
        rest = rest.dropFirst(piece.count)
        result.append(rest.isEmpty ? 1 : 0)
        result += little(UInt32(piece.count), 2) + little(~UInt32(piece.count), 2) + piece
    } while !rest.isEmpty
    return result + little(checksum(bytes), 4) + little(UInt32(bytes.count), 4)
}

private func little(_ number: UInt32, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
}

private func checksum(_ bytes: [UInt8]) -> UInt32 {
    var sum = UInt32.max
    for byte in bytes {
        sum ^= UInt32(byte)
        for _ in 0..<8 { sum = sum & 1 == 0 ? sum >> 1 : (sum >> 1) ^ 0xEDB8_8320 }
    }
    return ~sum
}

/// The outside of a `.deb`: ar(5) with the three members.
private func debianPackage(_ tar: [UInt8]) -> [UInt8] {
    var bytes = Array("!<arch>\n".utf8)
    for (name, content) in [
        ("debian-binary", Array("2.0\n".utf8)), ("control.tar", controlTar), ("data.tar", tar),
    ] {
        func field(_ text: String, _ width: Int) -> [UInt8] {
            Array((text + String(repeating: " ", count: max(0, width - text.utf8.count))).utf8.prefix(width))
        }
        bytes += field(name, 16) + field("0", 12) + field("0", 6) + field("0", 6) + field("100644", 8)
        bytes += field(String(content.count), 10) + [0x60, 0x0A] + content
        if content.count % 2 == 1 { bytes.append(0x0A) }
    }
    return bytes
}

private let controlTar: [UInt8] = {
    let text = Array("Package: xy\nVersion: 1\nArchitecture: all\n".utf8)
    var block = [UInt8](repeating: 0, count: 512)
    func put(_ text: String, at offset: Int) {
        for (index, byte) in text.utf8.enumerated() { block[offset + index] = byte }
    }
    put("control", at: 0)
    put("0000644", at: 100)
    put("0000000", at: 108)
    put("0000000", at: 116)
    let size = String(text.count, radix: 8)
    put(String(repeating: "0", count: 11 - size.utf8.count) + size, at: 124)
    put("00000000000", at: 136)
    put("0", at: 156)
    put("ustar\u{0}00", at: 257)
    let padded = text + [UInt8](repeating: 0, count: 512 - text.count)
    return withChecksums(block) + padded + [UInt8](repeating: 0, count: 1024)
}()
