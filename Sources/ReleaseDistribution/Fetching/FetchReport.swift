import ReleaseDefinition

/// How a unit's files came to a host.
public enum FetchWay: String, Sendable, Equatable, CaseIterable, Comparable {
    case patch, ranges, whole

    public static func < (left: Self, right: Self) -> Bool {
        (allCases.firstIndex(of: left) ?? 0) < (allCases.firstIndex(of: right) ?? 0)
    }
}

/// What a fetch cost, and why it was no cheaper.
public struct FetchReport: Sendable, Equatable {
    public var way: FetchWay
    /// All that was received for it, also in ways that failed; indexes included.
    public var bytes: ByteCount
    /// Why cheaper ways were given up, in order.
    public var doubts: [String]
}

extension FetchReport: CustomStringConvertible {
    public var description: String {
        "\(bytes.value) bytes by \(way.rawValue)" + (doubts.isEmpty ? "" : " (" + doubts.joined(separator: "; ") + ")")
    }
}
