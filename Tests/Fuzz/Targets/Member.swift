import Effects
import ReleaseDefinition

@testable import ReleasePackaging

// libFuzzer has one thread.
nonisolated(unsafe) private var inflater: MemberInflater?
// The same.
nonisolated(unsafe) private let room = UnsafeMutableRawBufferPointer.allocate(
    byteCount: ContentCutter.sizeMax + 64, alignment: 16)

/// A gzip member: the first two bytes say the signed length, the rest is the member. It fills just that or is refused, and
/// not a byte behind it is touched.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    guard size >= 2 else { return 0 }
    let length = min(Int(data[0]) << 8 | Int(data[1]), ContentCutter.sizeMax)
    do {
        let opener = try inflater ?? MemberInflater()
        inflater = opener
        let output = UnsafeMutableRawBufferPointer(rebasing: room[..<length])
        let guarded = UnsafeMutableRawBufferPointer(rebasing: room[length..<(length + 64)])
        for index in guarded.indices { guarded[index] = 0xA5 }
        defer { promise(guarded.allSatisfy { $0 == 0xA5 }, "nothing is written behind the signed length") }
        let member = UnsafeRawBufferPointer(start: data + 2, count: size - 2)
        try opener.inflate(member, into: output)
        let again = UnsafeMutableRawBufferPointer.allocate(byteCount: length, alignment: 1)
        defer { again.deallocate() }
        try opener.inflate(member, into: again)
        promise(again.elementsEqual(output), "the same member gives the same bytes")
    } catch { refused(error) }
    return 0
}
