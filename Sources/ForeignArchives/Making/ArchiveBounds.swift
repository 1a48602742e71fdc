import ReleaseDefinition
import ReleasePackaging

/// What unpacking an archive may cost at most.
public struct ArchiveBounds: Sendable, Equatable {
    public var entriesMax: Int
    /// Of all files together.
    public var sizeMax: ByteCount
    /// How many times larger than the archive the files may be, once they are larger than `freeOfRatio`.
    public var ratioMax: Int64
    public var freeOfRatio: ByteCount

    public init(
        entriesMax: Int = 200_000, sizeMax: ByteCount = ByteCount(8 << 30), ratioMax: Int64 = 250,
        freeOfRatio: ByteCount = ByteCount(64 << 20)
    ) {
        self.entriesMax = entriesMax
        self.sizeMax = sizeMax
        self.ratioMax = ratioMax
        self.freeOfRatio = freeOfRatio
    }

    /// Of the tar stream: every entry may need headers, long names and padding.
    func streamMax(archive: ByteCount) -> Int64 {
        let headers = Int64(entriesMax) * 4096
        let (whole, overflow) = sizeMax.value.addingReportingOverflow(headers)
        let (ratio, isHuge) = archive.value.multipliedReportingOverflow(by: ratioMax)
        return min(overflow ? .max : whole, isHuge ? .max : max(ratio, freeOfRatio.value))
    }
}
