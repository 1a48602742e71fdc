/// A YAML value as definition files use it: text, lists and mappings with unique keys, each with its line.
struct YAMLNode {
    indirect enum Content {
        /// A scalar. Nothing is guessed from its look: `1.10` stays the text `1.10`.
        case text(String, isQuoted: Bool)
        case list([YAMLNode])
        case mapping([YAMLMember])
    }

    var content: Content
    /// From 1.
    var line: Int
}

struct YAMLMember {
    var key: String
    var line: Int
    var value: YAMLNode
}

extension YAMLNode {
    /// What a problem says was found: the text itself, in quotes, or the kind of value.
    var found: String {
        switch content {
        case .text("", isQuoted: false): "nothing"
        case .text(let text, isQuoted: true): "the quoted text \(quote(text))"
        case .text(let text, _): quote(text)
        case .list(let nodes): nodes.isEmpty ? "an empty list" : "a list"
        case .mapping(let members): members.isEmpty ? "an empty mapping" : "a mapping"
        }
    }
}

/// In quotes, control characters escaped, cut after 80 characters: fit for one line of a terminal.
func quote(_ text: String) -> String {
    let short = text.prefix(80)
    let quoted = String(short).debugDescription
    return short.endIndex == text.endIndex ? quoted : quoted + "…"
}
