import ReleaseDefinition
import ReleasePackaging
import Synchronization

/// How far a fetch is. What the store had before counts as fetched.
public struct FetchProgress: Sendable, Equatable {
    public var bytesDone: ByteCount
    public var bytesTotal: ByteCount
    public var blobsDone: Int
    public var blobsTotal: Int
}

final class FetchCounter: Sendable {
    private let bytesTotal: Int64
    private let blobsTotal: Int
    private let report: @Sendable (FetchProgress) -> Void
    private let state = Mutex((blobs: 0, finishedBytes: Int64(0)))

    init(_ references: [BlobReference], _ report: @escaping @Sendable (FetchProgress) -> Void) {
        // Lengths are signed, yet anybody's numbers: a sum beyond Int64 is clamped, not trapped on.
        bytesTotal = references.reduce(0) { Self.sum($0, $1.length.value) }
        blobsTotal = references.count
        self.report = report
    }

    /// So many bytes of the blob at work are there.
    func current(_ bytes: Int64) { tell(state.withLock { ($0.blobs, Self.sum($0.finishedBytes, bytes)) }) }

    func finished(_ blob: BlobReference) {
        tell(
            state.withLock { state in
                state.blobs += 1
                state.finishedBytes = Self.sum(state.finishedBytes, blob.length.value)
                return (state.blobs, state.finishedBytes)
            })
    }

    private func tell(_ now: (blobs: Int, bytes: Int64)) {
        report(
            FetchProgress(
                bytesDone: ByteCount(now.bytes), bytesTotal: ByteCount(bytesTotal), blobsDone: now.blobs,
                blobsTotal: blobsTotal))
    }

    private static func sum(_ left: Int64, _ right: Int64) -> Int64 {
        let (sum, overflow) = left.addingReportingOverflow(right)
        return overflow ? .max : sum
    }
}
