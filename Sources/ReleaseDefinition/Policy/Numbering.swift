/// How releases are numbered, by category.
public struct Numbering: Sendable, Equatable, Codable {
    public var major: NumberPattern?
    public var minor: NumberPattern?
    public var emergency: NumberPattern?
    /// A new number is one above the last: 1.3 follows 1.2, and 2.0 follows any 1.x.
    public var gaps: NumberGaps

    public init(
        major: NumberPattern? = nil, minor: NumberPattern? = nil, emergency: NumberPattern? = nil,
        gaps: NumberGaps = .allowed
    ) {
        self.major = major
        self.minor = minor
        self.emergency = emergency
        self.gaps = gaps
    }

    public func pattern(of category: ReleaseCategory) -> NumberPattern? {
        switch category {
        case .major: major
        case .minor: minor
        case .emergency: emergency
        }
    }
}

public enum NumberGaps: String, Sendable, Codable, CaseIterable { case allowed, refused }

/// `N.0`, `N.+`, `N.N.+`: N is any number, + one above zero, digits are themselves. A part that is not there must not be
/// in the version, unless it is 0.
public struct NumberPattern: Sendable, Hashable, Codable, CustomStringConvertible {
    public let text: String
    private let parts: [Part]

    private enum Part: Hashable, Sendable {
        case any, aboveZero
        case exactly(UInt64)
    }

    /// - Throws: `definition.numberPattern`.
    public init(_ text: String) throws(DefinitionError) {
        let words = text.split(separator: ".", omittingEmptySubsequences: false)
        var parts: [Part] = []
        for word in words {
            switch word {
            case "N": parts.append(.any)
            case "+": parts.append(.aboveZero)
            default:
                let isNumber = !word.isEmpty && word.utf8.allSatisfy { (0x30...0x39).contains($0) }
                if isNumber, word.utf8.count <= 9, let number = UInt64(word) { parts.append(.exactly(number)) }
            }
        }
        guard parts.count == words.count, (1...3).contains(parts.count) else {
            throw DefinitionError(
                code: "numberPattern", summary: "\(text.debugDescription) is no pattern of version numbers.",
                remedy: "Write one to three of N (any number), + (a number above zero) and digits, as N.N.+.")
        }
        self.text = text
        self.parts = parts
    }

    public func matches(_ version: ReleaseVersion) -> Bool {
        let numbers = [version.major, version.minor, version.patch]
        return zip(numbers, parts + Array(repeating: .exactly(0), count: 3 - parts.count)).allSatisfy { number, part in
            switch part {
            case .any: true
            case .aboveZero: number > 0
            case .exactly(let wanted): number == wanted
            }
        }
    }

    public init(from decoder: any Decoder) throws { try self.init(String(from: decoder)) }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }

    public var description: String { text }
}

extension Numbering {
    /// The number that must come next so that there is no gap; nil: this one leaves none.
    func expected(_ version: ReleaseVersion, _ category: ReleaseCategory, known: [ReleaseVersion]) -> String? {
        guard gaps == .refused else { return nil }
        let others = known.filter { $0 != version }
        switch category {
        case .major:
            guard let last = others.map(\.major).max(), last < UInt64.max, version.major != last + 1 else { return nil }
            return "\(last + 1).0"
        case .minor:
            let line = others.filter { $0.major == version.major }
            guard let last = line.map(\.minor).max(), last < UInt64.max, version.minor != last + 1 else { return nil }
            return "\(version.major).\(last + 1)"
        case .emergency:
            let line = others.filter { $0.major == version.major && $0.minor == version.minor }
            guard let last = line.map(\.patch).max(), last < UInt64.max, version.patch != last + 1 else { return nil }
            return "\(version.major).\(version.minor).\(last + 1)"
        }
    }
}
