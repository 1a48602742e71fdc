import ReleaseDefinition

/// Joins ranges of a blob into requests.
///
/// A request costs about 0.8 KiB of headers both ways, and time: one round trip, of which few are under way at once. Bytes
/// that nobody needs cost their own transfer. `gapMax` is where these are about equal on a slow line with a short way.
public enum RangeCoalescing {
    public static let gapMax: Int64 = 8 << 10
    /// One request asks for no more: what breaks is asked for again, and a response is bounded.
    public static let lengthMax: Int64 = 8 << 20

    /// - Parameter ranges: ascending, apart from each other.
    public static func requests(for ranges: [Range<Int64>]) -> [Range<Int64>] {
        var requests: [Range<Int64>] = []
        for range in ranges where !range.isEmpty {
            if let last = requests.last, range.lowerBound - last.upperBound <= gapMax,
                range.upperBound - last.lowerBound <= lengthMax
            {
                requests[requests.count - 1] = last.lowerBound..<range.upperBound
            } else {
                requests.append(range)
            }
        }
        return requests
    }
}
