import Foundation

/// Documents name the tests that bear out what they claim: *name* (Suite), several names before one suite; or `name`
/// (tuf_client.py). A claim whose test is gone, or was renamed, is a claim without a test.
enum NamedTests {
    static let documents = [
        "docs/attacks.md", "docs/requirements.md", "docs/faults.md", "docs/threat-model.md", "docs/trust.md",
    ]

    /// - Parameter source: the text of the file that is or declares a suite; nil: there is none.
    static func check(_ path: String, _ text: String, source: (String) -> String?) -> [Violation] {
        var violations: [Violation] = []
        var sources: [String: String?] = [:]
        for (line, block) in blocks(text) {
            func add(_ message: String) { violations.append(Violation(path: path, line: line, message: message)) }
            var waiting: [String] = []
            for match in block.replacing(/\*\*[^*]*\*\*/, with: "").matches(
                of: /\*(?<name>[^*]+)\*|`(?<function>(?:does|refuses)_\w+)`|\((?<suite>[A-Z][\w\/]+|tuf_client\.py)\)/)
            {
                if let name = match.output.name ?? match.output.function { waiting.append(String(name)) }
                guard let suite = match.output.suite.map(String.init) else { continue }
                guard !waiting.isEmpty else { continue }
                let known = sources[suite] ?? source(suite).map(squeezed)
                sources[suite] = known
                if let known {
                    let names = waiting.filter { !holds(known, $0) }
                    for name in names { add("\(suite) has no test \(name.debugDescription).") }
                } else {
                    add("there is no suite \(suite).")
                }
                waiting = []
            }
            for name in waiting { add("\(name.debugDescription) stands without its suite.") }
        }
        return violations
    }

    /// Where words are left out, "…" stands for them.
    private static func holds(_ source: String, _ name: String) -> Bool {
        squeezed(name).split(separator: "…").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
            .allSatisfy { source.contains($0) }
    }

    private static func squeezed(_ text: String) -> String {
        text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }

    /// Paragraphs, list items and rows of tables, each with the line on which it begins.
    private static func blocks(_ text: String) -> [(line: Int, text: String)] {
        var blocks: [(line: Int, text: String)] = []
        var isOpen = false
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let isStart = line.hasPrefix("|") || line.hasPrefix("- ") || line.hasPrefix("#")
            if line.allSatisfy(\.isWhitespace) {
                isOpen = false
            } else if isOpen, !isStart {
                blocks[blocks.count - 1].text += " " + line
            } else {
                blocks.append((number + 1, String(line)))
                isOpen = true
            }
        }
        return blocks
    }

    /// The file of that name, else the one that declares the suite.
    static func source(of suite: String) -> String? {
        if suite.hasSuffix(".py") { return SourceTree.read("Tests/Interop/\(suite)") }
        let tests = SourceTree.swiftFiles.filter { $0.isTest }
        return
            (tests.first { $0.path.hasSuffix("/\(suite).swift") }
            ?? tests.first { $0.text.contains("struct \(suite) {") })?.text
    }
}
