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
    /// From 1; 0 where it is not known.
    var column = 0
}

struct YAMLMember {
    var key: String
    var line: Int
    var column = 0
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

/// In quotes, cut after 80 characters, and fit for one line of a terminal: what is not printed as itself, or turns the
/// direction of what follows, is escaped.
///
/// A private key in PEM, given where a definition belongs, is named and never shown: messages end in logs and in tickets.
func quote(_ text: String) -> String {
    if text.contains("PRIVATE KEY-----") { return "a private key (not shown)" }
    var quoted = "\""
    let scalars = text.unicodeScalars
    for scalar in scalars.prefix(80) {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned, .privateUse:
            quoted += scalar.escaped(asASCII: true)
        default: quoted.unicodeScalars.append(scalar)
        }
    }
    return quoted + (scalars.count > 80 ? "\"…" : "\"")
}
