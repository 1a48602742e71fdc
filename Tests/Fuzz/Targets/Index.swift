import Effects
import ReleaseDefinition

@testable import ReleasePackaging

/// An index whose record binds whatever it says: it is refused, or it is in its only form and fits its record.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: size))
    let blob = BlobReference(of: bytes)
    // The head says how many entries there are; lengths are made to fit, so that the checks behind them are reached.
    let head = String(decoding: bytes.prefix(64), as: UTF8.self)
    let count = head.split(separator: ":").dropFirst().first.flatMap { Int($0.prefix { $0.isNumber }) } ?? 0
    var record = PayloadRecord(
        compressed: blob, tar: blob, fileCount: count, index: blob, indexText: blob)
    for _ in 0..<2 {
        do {
            let index = try PayloadIndex(parsing: bytes, for: record)
            promise(index.bytes == bytes, "there is one form of an index")
            let needs = try PayloadNeeds(index, base: nil)
            promise(needs.members.allSatisfy { index.members.indices.contains($0) }, "members that are there")
            promise(
                try PayloadNeeds(index, base: index).members.isEmpty, "nothing is needed where everything is there")
            return 0
        } catch let error as PackagingError where error.code == "packaging.index.bounds" {
            refused(error)
            // What the sums are stands in the summary: try again with a record that agrees.
            let numbers = error.summary.split { !$0.isNumber }.compactMap { Int64($0) }
            guard numbers.count >= 3 else { return 0 }
            record.compressed.length = ByteCount(numbers[0])
            record.tar.length = ByteCount(numbers[1])
        } catch {
            refused(error)
            return 0
        }
    }
    return 0
}
