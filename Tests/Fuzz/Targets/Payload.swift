import Effects
import ReleaseDefinition

@testable import ReleasePackaging

private let sample = try? SamplePayload(
    [("a", Array("first".utf8)), ("d/b", [UInt8](repeating: 7, count: 700)), ("d/empty", [])], link: ("l", "d/b"),
    cutAt: [2300])

/// Positions and values from the fuzzer change an honest stream that cuts a file in the middle. A source of members is not believed: only the honest bytes are installed.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    guard let sample else { fatalError("no sample") }
    var stream = sample.tar
    for place in stride(from: 0, to: size - 2, by: 3) {
        stream[(Int(data[place]) << 8 | Int(data[place + 1])) % stream.count] ^= data[place + 2]
    }
    do {
        let tree = try Scratch.empty("tree")
        try PayloadInstaller.install(
            sample.index, members: sample.with(stream), into: tree, base: nil, unchanged: .copy, jobs: 1)
        promise(stream == sample.tar, "every byte of the stream counts")
    } catch {
        refused(error)
        promise(stream != sample.tar, "the honest stream is accepted: \(error)")
    }
    return 0
}
