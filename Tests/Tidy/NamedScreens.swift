/// docs/requirements.md: each row says by which command, on which screen of the console and by which tests; a screen is an
/// address that the console answers.
enum NamedScreens {
    /// - Parameter console: the text of the console's route tables.
    static func check(_ path: String, _ text: String, console: String) -> [Violation] {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        var screens: Set<String> = []
        var violations: [Violation] = []
        for (number, line) in lines.enumerated() {
            func add(_ message: String) {
                violations.append(Violation(path: path, line: number + 1, message: message))
            }
            for match in line.matches(of: /^- ([a-z]+): `(\/[^`]*)`/) {
                screens.insert(String(match.output.1))
                if !console.contains("\"\(match.output.2)\"") { add("the console has no page \(match.output.2).") }
            }
            guard line.contains(/^\| [DBPA]\d+ \|/) else { continue }
            let cells = line.split(separator: "|").map { $0.split(separator: " ").joined(separator: " ") }
            guard cells.count == 5 else {
                add("a row has number, requirement, command, screen and tests.")
                continue
            }
            if !cells[2].contains("`slipway") { add("\(cells[0]) names no command.") }
            if !cells[4].contains("*") { add("\(cells[0]) names no test.") }
            for screen in cells[3].split(separator: ", ").map(String.init) where !screens.contains(screen) {
                add("\(cells[0]) names the screen \(screen), which is no name of those above.")
            }
        }
        return violations
    }

    static var console: String {
        SourceTree.swiftFiles.filter { $0.path.hasPrefix("controller/Console/") }.map(\.text).joined()
    }
}
