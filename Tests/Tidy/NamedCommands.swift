/// docs/requirements.md names the command that does what is required; docs/commands.md, which a test holds against the
/// command tree, must have it.
enum NamedCommands {
    static let documents = ["docs/requirements.md"]

    static func check(_ path: String, _ text: String, commands: String) -> [Violation] {
        text.split(separator: "\n", omittingEmptySubsequences: false).enumerated().flatMap { number, line in
            line.matches(of: /`(slipway [^`]+)`/).compactMap { match in
                commands.contains("`\(match.output.1)`")
                    ? nil
                    : Violation(path: path, line: number + 1, message: "there is no command \(match.output.1).")
            }
        }
    }

    /// The rows of mission.md, none left out.
    static func rows(_ text: String) -> [String] {
        text.split(separator: "\n").compactMap { line in
            line.firstMatch(of: /^\| ([DBPA]\d+) \|/).map { String($0.output.1) }
        }
    }

    static let required =
        (1...9).map { "D\($0)" } + (1...7).map { "B\($0)" } + (0...10).map { "P\($0)" } + (1...7).map { "A\($0)" }
}
