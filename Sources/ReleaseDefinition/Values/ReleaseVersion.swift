/// A release's version: SemVer 2.0.0, where missing parts read as zero (`1.3` is 1.3.0) but the text is kept.
///
/// Equality and order are SemVer's (build metadata does not count); `text` is what people wrote and what paths hold.
public struct ReleaseVersion: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    public let text: String
    private let numbers: [UInt64]
    private let prerelease: [String]

    public var major: UInt64 { numbers[0] }
    public var minor: UInt64 { numbers[1] }
    public var patch: UInt64 { numbers[2] }

    /// - Throws: `definition.version`. At most 64 bytes, so that it fits every path.
    public init(_ text: String) throws(DefinitionError) {
        guard text.utf8.count <= 64, let parsed = Self.parse(text) else {
            throw DefinitionError(
                code: "version", summary: "\(text.debugDescription) is no release version.",
                remedy: "Write one to three numbers and an optional suffix, as 2.0, 1.3.1 or 1.4.0-rc.1.")
        }
        self.text = text
        (numbers, prerelease) = parsed
    }

    private static func parse(_ text: String) -> ([UInt64], [String])? {
        let isWord = { (word: Substring) in
            !word.isEmpty
                && word.utf8.allSatisfy { byte in
                    switch byte {
                    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                        UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"):
                        true
                    default: false
                    }
                }
        }
        let withBuild = text.split(separator: "+", maxSplits: 1, omittingEmptySubsequences: false)
        if withBuild.count == 2,
            !withBuild[1].split(separator: ".", omittingEmptySubsequences: false).allSatisfy(isWord)
        {
            return nil
        }
        guard let core = withBuild.first else { return nil }
        let parts = core.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        let numberWords = parts[0].split(separator: ".", omittingEmptySubsequences: false)
        guard (1...3).contains(numberWords.count) else { return nil }
        var numbers: [UInt64] = []
        for word in numberWords {
            guard !word.isEmpty, isNumber(word), word == "0" || word.first != "0", let number = UInt64(word) else {
                return nil
            }
            numbers.append(number)
        }
        while numbers.count < 3 { numbers.append(0) }
        guard parts.count == 2 else { return (numbers, []) }
        let words = parts[1].split(separator: ".", omittingEmptySubsequences: false)
        guard words.allSatisfy({ isWord($0) && !(isNumber($0) && $0.count > 1 && $0.first == "0") }) else { return nil }
        return (numbers, words.map(String.init))
    }

    private static func isNumber(_ word: some StringProtocol) -> Bool {
        word.utf8.allSatisfy { (0x30...0x39).contains($0) }
    }

    public static func == (left: Self, right: Self) -> Bool {
        left.numbers == right.numbers && left.prerelease == right.prerelease
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(numbers)
        hasher.combine(prerelease)
    }

    public static func < (left: Self, right: Self) -> Bool {
        for (one, other) in zip(left.numbers, right.numbers) where one != other { return one < other }
        if left.prerelease.isEmpty || right.prerelease.isEmpty {
            return !left.prerelease.isEmpty && right.prerelease.isEmpty
        }
        for (one, other) in zip(left.prerelease, right.prerelease) where one != other {
            switch (isNumber(one), isNumber(other)) {
            // Without leading zeros the longer number is the larger one, whatever its size.
            case (true, true) where one.utf8.count != other.utf8.count: return one.utf8.count < other.utf8.count
            case (true, false): return true
            case (false, true): return false
            default: return one.utf8.lexicographicallyPrecedes(other.utf8)
            }
        }
        return left.prerelease.count < right.prerelease.count
    }

    public init(from decoder: any Decoder) throws { try self.init(String(from: decoder)) }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }

    public var description: String { text }
}

/// `web-service@1.2`: a release of a product.
public struct ReleaseName: Hashable, Sendable, Codable, CustomStringConvertible {
    public var product: ProductName
    public var version: ReleaseVersion

    public init(product: ProductName, version: ReleaseVersion) {
        self.product = product
        self.version = version
    }

    /// - Throws: `definition.releaseName`, `definition.name`, `definition.version`.
    public init(_ text: String) throws(DefinitionError) {
        let parts = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else {
            throw DefinitionError(
                code: "releaseName", summary: "\(text.debugDescription) is no release name.",
                remedy: "Write PRODUCT@VERSION, as payments@1.4.")
        }
        self.init(product: try ProductName(String(parts[0])), version: try ReleaseVersion(String(parts[1])))
    }

    public init(from decoder: any Decoder) throws { try self.init(String(from: decoder)) }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    public var description: String { "\(product)@\(version)" }
}
