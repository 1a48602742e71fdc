import AgentProtocol
import ReleaseDefinition

/// What others wrote, hosts among them, as nothing but words in a chat: it calls nobody, shows no link under another name, and begins
/// no line of its own.
enum ChatText {
    /// In bytes, before it is escaped, which makes five of one at most: all of a message stays below the least that a chat takes
    /// (Mattermost 16 383 characters, Teams 28 KB, Slack 40 000 characters).
    private static let sentenceMax = 1000
    private static let headingMax = 600

    /// What happened, and who failed; a chat is no place for logs.
    static func slack(_ notice: Notice) -> String { lines(notice, slackEscaped).joined(separator: "\n") }

    /// For Mattermost, where one line feed begins a line.
    static func mattermost(_ notice: Notice) -> String { lines(notice, markdownEscaped).joined(separator: "\n") }

    /// For Teams, where it takes two.
    static func teams(_ notice: Notice) -> String { lines(notice, markdownEscaped).joined(separator: "\n\n") }

    private static func lines(_ notice: Notice, _ escaped: (String) -> String) -> [String] {
        ([line(notice.text, sentenceMax)] + notice.failures.map { line($0.heading, headingMax) }).map(escaped)
    }

    /// One line of at most so many bytes, with nothing that is obeyed or turns what stands beside it around.
    private static func line(_ text: String, _ bytesMax: Int) -> String {
        let bytes = text.utf8.map { $0 == 0x0A || $0 == 0x0D ? 0x20 : $0 }
        return String(decoding: TerminalText.visible(bytes), as: UTF8.self).bounded(bytesMax)
    }

    /// docs.slack.dev, “Formatting message text”: these three begin all that Slack obeys (`<!channel>`, `<@U…>`, `<url|text>`).
    private static func slackEscaped(_ text: String) -> String {
        text.unicodeScalars.map { entity($0) ?? String($0) }.joined()
    }

    /// CommonMark 2.4: a backslash before punctuation takes its meaning. `@` has none in CommonMark; an invisible space after it
    /// keeps Mattermost from reading a name, which begins with a letter.
    private static func markdownEscaped(_ text: String) -> String {
        var (escaped, isAfterAt) = ("", false)
        for scalar in text.unicodeScalars {
            if isAfterAt, !("0"..."9").contains(scalar) { escaped += "\u{200B}" }
            isAfterAt = scalar == "@"
            if #"\`*_~[]|#"#.unicodeScalars.contains(scalar) { escaped += "\\" }
            escaped += entity(scalar) ?? String(scalar)
        }
        return escaped
    }

    private static func entity(_ scalar: Unicode.Scalar) -> String? {
        switch scalar {
        case "&": "&amp;"
        case "<": "&lt;"
        case ">": "&gt;"
        default: nil
        }
    }
}
