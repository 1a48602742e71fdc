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
    private let state = Mutex((blobs: 0, finishedBytes: Int64(0), current: [BlobReference: Int64]()))

    init(_ references: [BlobReference], _ report: @escaping @Sendable (FetchProgress) -> Void) {
        // Lengths are signed, yet anybody's numbers: a sum beyond Int64 is clamped, not trapped on.
        let distinct = Set(references)
        bytesTotal = distinct.reduce(0) { Self.sum($0, $1.length.value) }
        blobsTotal = distinct.count
        self.report = report
    }

    /// So many bytes of a blob at work are there.
    func current(_ bytes: Int64, of blob: BlobReference) {
        state.withLock { state in
            state.current[blob] = bytes
            tell(state.blobs, state.current.values.reduce(state.finishedBytes, Self.sum))
        }
    }

    func finished(_ blob: BlobReference) {
        state.withLock { state in
            state.blobs += 1
            state.current[blob] = nil
            state.finishedBytes = Self.sum(state.finishedBytes, blob.length.value)
            tell(state.blobs, state.current.values.reduce(state.finishedBytes, Self.sum))
        }
    }

    /// Told under the lock: reports come in the order of what they say.
    private func tell(_ blobs: Int, _ bytes: Int64) {
        report(
            FetchProgress(
                bytesDone: ByteCount(bytes), bytesTotal: ByteCount(bytesTotal), blobsDone: blobs,
                blobsTotal: blobsTotal))
    }

    private static func sum(_ left: Int64, _ right: Int64) -> Int64 {
        let (sum, overflow) = left.addingReportingOverflow(right)
        return overflow ? .max : sum
    }
}
