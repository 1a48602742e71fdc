/// `docs/decisions/NNNN-title.md`: one decision, written so that a reader who asks "why not the other way?" is answered.
enum DecisionRecords {
    static let sections = ["Problem", "Options", "Decision", "Consequences"]

    /// - Parameter records: file names and texts, in the order of the names.
    static func check(_ records: [(name: String, text: String)]) -> [Violation] {
        var violations = records.flatMap { checkForm($0.name, $0.text) }
        for (index, record) in records.enumerated() {
            let expected = String(repeating: "0", count: max(0, 4 - String(index + 1).count)) + String(index + 1)
            guard !record.name.hasPrefix(expected + "-") else { continue }
            let message =
                "found number \(record.name.prefix(4)), expected \(expected): numbers have no gap and no twin."
            violations.append(Violation(path: record.name, line: 0, message: message))
        }
        return violations
    }

    private static func checkForm(_ name: String, _ text: String) -> [Violation] {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        var violations: [Violation] = []
        func add(_ line: Int, _ message: String) {
            violations.append(Violation(path: name, line: line, message: message))
        }
        let isNamed = name.wholeMatch(of: /[0-9]{4}-[a-z0-9]+(-[a-z0-9]+)*\.md/) != nil
        if !isNamed { add(0, "expected a name as 0001-short-title.md.") }
        if lines.first?.hasPrefix("# \(name.prefix(4)) ") != true {
            add(1, "expected the title \"# \(name.prefix(4)) …\".")
        }
        let headings = lines.enumerated().filter { $0.element.hasPrefix("## ") }
        let found = headings.map { String($0.element.dropFirst(3)) }
        if found != sections {
            add(1, "found sections \(found.joined(separator: ", ")), expected \(sections.joined(separator: ", ")).")
        }
        for (position, heading) in headings.enumerated() {
            let end = position + 1 < headings.count ? headings[position + 1].offset : lines.count
            let body = lines[(heading.offset + 1)..<end]
            if body.allSatisfy({ $0.allSatisfy(\.isWhitespace) }) {
                add(heading.offset + 1, "\(heading.element) is empty.")
            }
        }
        return violations
    }
}
