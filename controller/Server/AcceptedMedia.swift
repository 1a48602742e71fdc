/// What an `Accept` header asks for (RFC 9110 12.5.1), as far as a choice between two forms of an answer needs it.
struct AcceptedMedia: Sendable {
    private struct Range {
        var type: String
        var parameters: [String: String]
        /// In thousandths.
        var weight: Int
    }

    private let ranges: [Range]

    init(_ header: String?) {
        ranges = (header ?? "").prefix(Self.lengthMax).split(separator: ",").compactMap { text in
            var words = text.split(separator: ";").map { $0.filter { !$0.isWhitespace }.lowercased() }
            guard let type = words.first else { return nil }
            words.removeFirst()
            let parameters = words.compactMap { word -> (String, String)? in
                let parts = word.split(separator: "=", maxSplits: 1)
                return parts.count == 2 ? (String(parts[0]), String(parts[1].filter { $0 != "\"" })) : nil
            }
            let known = Dictionary(parameters) { first, _ in first }
            let weight = Double(known["q"] ?? "1").flatMap { $0.isFinite ? Int(min(max($0, 0), 1) * 1000) : nil }
            return Range(type: type, parameters: known, weight: weight ?? 0)
        }
    }

    private static let lengthMax = 4096

    /// Whether `other` is asked for by its name, at least as much as `type`, which is what everybody else gets.
    /// - Parameter version: where the header names one, it must be this.
    func prefers(_ other: String, version: String? = nil, to type: String) -> Bool {
        let named = ranges.filter {
            $0.type == other && (version == nil || $0.parameters["version"].map { $0 == version } ?? true)
        }
        guard let weight = named.map(\.weight).max(), weight > 0 else { return false }
        return weight >= self.weight(of: type)
    }

    /// By the range that names it best.
    private func weight(of type: String) -> Int {
        let family = type.prefix { $0 != "/" } + "/*"
        for name in [type, String(family), "*/*"] {
            if let weight = ranges.filter({ $0.type == name }).map(\.weight).max() { return weight }
        }
        return 0
    }
}
