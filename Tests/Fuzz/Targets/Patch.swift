import Effects
import ReleaseDefinition

@testable import ReleasePackaging

/// Two releases of a payload, the installed tree of the first and the patch to the second.
private struct Release {
    let old: SamplePayload
    let new: SamplePayload
    let stream: InstalledStream
    let patch: [UInt8]
    let head: PatchHead
    let headEnd: Int

    init() throws {
        var text = Array("some words that are the same in both, again and again ".utf8)
        while text.count < 6000 { text += text.map { $0 ^ UInt8(text.count % 3) } }
        old = try SamplePayload([("a", text), ("b", Array("kept".utf8))], cutAt: [3000])
        text[1000] ^= 0x20
        text += Array("a new end".utf8)
        new = try SamplePayload([("a", text), ("b", Array("kept".utf8))], cutAt: [3000, 6000])
        let tree = try Scratch.empty("old")
        try PayloadInstaller.install(old.index, members: old, into: tree, base: nil, unchanged: .copy, jobs: 1)
        stream = try InstalledStream(tree, index: old.index)
        let file = try Scratch.file("made", [])
        _ = try PatchBuilder(
            from: PatchSide(record: old.record, text: old.index.bytes, stream: stream),
            to: PatchSide(record: new.record, text: new.index.bytes, stream: PayloadStream(new, index: new.index)),
            scratch: Scratch.file("scratch", [])
        ).run(jobs: 1) { try file.write($0) }
        patch = try file.readAll(sizeMax: ByteCount(1 << 20))
        let read = try PatchHead.read(file)
        (head, headEnd) = (read.0, Int(read.end))
    }

    /// The patch with another head before the same parts.
    func with(head text: [UInt8]) throws -> [UInt8] {
        let stored = try text.withUnsafeBytes {
            try ZstdEncoder().encode($0, prefix: UnsafeRawBufferPointer(start: nil, count: 0))
        }
        func number(_ value: Int) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) } }
        return PatchFormat.magic + number(stored.count) + number(text.count) + stored + patch[headEnd...]
    }

    func open(_ patch: [UInt8]) throws {
        let reader = try PatchReader(
            Scratch.file("patch", patch), to: new.record, from: stream, indexText: old.index.bytes)
        promise(reader.index == new.index, "the index that comes out is the bound one")
        for number in new.index.members.indices {
            let buffer = UnsafeMutableRawBufferPointer.allocate(
                byteCount: Int(new.index.members[number].tar.length.value), alignment: 16)
            defer { buffer.deallocate() }
            do {
                try reader.read(number, into: buffer)
                promise(
                    BlobReference(of: Array(buffer)) == new.index.members[number].tar,
                    "what a patch hands out is what its index says")
            } catch { refused(error) }
        }
    }
}

// libFuzzer has one thread.
nonisolated(unsafe) private var made: Release?

/// A patch that anybody may have changed: the first byte says whether the input replaces the patch, changes its bytes,
/// replaces its head's text or changes that. What comes out is right, or it is refused.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    guard size > 1 else { return 0 }
    let bytes = Array(UnsafeBufferPointer(start: data + 1, count: size - 1))
    func change(_ target: [UInt8]) -> [UInt8] {
        var changed = target
        for place in stride(from: 0, to: bytes.count - 2, by: 3) {
            changed[(Int(bytes[place]) << 8 | Int(bytes[place + 1])) % changed.count] ^= bytes[place + 2]
        }
        return changed
    }
    do {
        let release = try made ?? Release()
        if made == nil {
            made = release
            try release.open(release.patch)
        }
        switch data[0] % 4 {
        case 0: try release.open(bytes)
        case 1: try release.open(change(release.patch))
        case 2: try release.open(release.with(head: bytes))
        default: try release.open(release.with(head: change(release.head.text)))
        }
    } catch { refused(error) }
    return 0
}
