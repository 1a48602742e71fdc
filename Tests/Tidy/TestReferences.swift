import Foundation

/// Documents that say which test holds a claim: `*A sentence* (NameOfItsFileOrSuite)`, several sentences before one name,
/// `…` for what is left out, a beginning for the whole. A reference that leads nowhere is a claim that nothing holds.
enum TestReferences {
    static let documents = ["docs/trust.md", "docs/threat-model.md", "SECURITY.md"]

    struct Reference: Equatable {
        var line: Int
        var sentence: String
        var place: String
    }

    static func check(_ document: String, _ text: String, _ files: [SourceFile]) -> [Violation] {
        references(in: text).compactMap { reference in
            let places = files.filter { isPlace($0, reference.place) }
            guard !places.isEmpty else {
                return Violation(
                    path: document, line: reference.line,
                    message: "found (\(reference.place)), but no file or suite of tests is called so.")
            }
            if places.flatMap({ titles(in: $0.text) }).contains(where: { matches(reference.sentence, $0) }) {
                return nil
            }
            return Violation(
                path: document, line: reference.line,
                message: "found no test \"\(reference.sentence)\" in \(reference.place).")
        }
    }

    /// A claim in italics without a place is prose.
    static func references(in text: String) -> [Reference] {
        // One after another, as `*A*, *B* (Place)` or `(*A*, Place)`.
        let pattern =
            /\*(?<sentence>[^*|]{8,}?)\*(?=(?:[,;]?\s\*[^*|]+\*)*,?\s\(?(?<place>[A-Z][A-Za-z]+(?:Tests|Attacks))[):;,])/
        return text.matches(of: pattern).map { match in
            let line = text[..<match.range.lowerBound].split(separator: "\n", omittingEmptySubsequences: false).count
            return Reference(line: line, sentence: words(String(match.sentence)), place: String(match.place))
        }
    }

    private static func isPlace(_ file: SourceFile, _ name: String) -> Bool {
        guard file.isTest else { return false }
        if file.path.hasSuffix("/\(name).swift") { return true }
        return file.codeLines.contains { $0.contains("struct \(name) ") || $0.contains("struct \(name):") }
    }

    static func titles(in source: String) -> [String] {
        source.matches(of: #/@Test\(\s*"((?:[^"\\]|\\.)*)"/#).map { words(String($0.1)) }
    }

    /// Numbers before a title, marks of code and line breaks do not count.
    private static func words(_ text: String) -> String {
        let plain = text.replacing("`", with: "").split(whereSeparator: \.isWhitespace).joined(separator: " ")
        guard let number = plain.prefixMatch(of: #/[0-9, ]+: /#) else { return plain }
        return String(plain[number.range.upperBound...])
    }

    private static func matches(_ reference: String, _ title: String) -> Bool {
        var rest = title[...]
        for (position, part) in reference.split(separator: "…").map(String.init).enumerated() {
            let wanted = part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()
            guard let found = rest.range(of: String(wanted)) else { return false }
            let mustBegin = position == 0 && !reference.hasPrefix("…")
            if mustBegin, found.lowerBound != title.startIndex { return false }
            rest = rest[found.upperBound...]
        }
        return true
    }
}
