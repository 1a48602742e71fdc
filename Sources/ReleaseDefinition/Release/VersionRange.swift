/// Comparisons that must all hold, separated by spaces: `>=2.1 <3`.
public struct VersionRange: Sendable, Hashable, Codable, CustomStringConvertible {
    public enum Comparison: String, Sendable, CaseIterable {
        case atLeast = ">="
        case atMost = "<="
        case above = ">"
        case below = "<"
        case equal = "="
    }

    public let text: String
    private let bounds: [Bound]

    private struct Bound: Sendable, Hashable {
        var comparison: Comparison
        var version: ReleaseVersion
    }

    /// - Throws: `definition.versionRange`.
    public init(_ text: String) throws(DefinitionError) {
        let words = text.split(separator: " ")
        guard !words.isEmpty, words.count <= 8 else { throw Self.refuse(text) }
        var bounds: [Bound] = []
        for word in words {
            guard let comparison = Comparison.allCases.first(where: { word.hasPrefix($0.rawValue) }) else {
                throw Self.refuse(text)
            }
            let version = try ReleaseVersion(String(word.dropFirst(comparison.rawValue.count)))
            bounds.append(Bound(comparison: comparison, version: version))
        }
        self.text = text
        self.bounds = bounds
    }

    public func contains(_ version: ReleaseVersion) -> Bool {
        bounds.allSatisfy { bound in
            switch bound.comparison {
            case .atLeast: version >= bound.version
            case .atMost: version <= bound.version
            case .above: version > bound.version
            case .below: version < bound.version
            case .equal: version == bound.version
            }
        }
    }

    private static func refuse(_ text: String) -> DefinitionError {
        DefinitionError(
            code: "versionRange", summary: "\(text.debugDescription) is no range of versions.",
            remedy: "Write comparisons separated by spaces, as \">=2.1 <3\".")
    }

    public init(from decoder: any Decoder) throws { try self.init(String(from: decoder)) }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }

    public var description: String { text }
}
