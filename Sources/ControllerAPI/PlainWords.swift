import ReleaseDefinition

/// Sentences of the engine and of the log as people read them, on the command line and on the console: in the record a
/// moment is `2026-11-21T10:12:04.125Z` and a person is `person:admin`.
public enum PlainWords {
    /// Everything else stays as it is.
    /// - Parameter moment: how a moment is said.
    public static func text(_ text: String, moment: (UTCInstant) -> String) -> String {
        text.split(separator: " ", omittingEmptySubsequences: false).map { word in
            let opening = word.prefix { $0 == "(" }
            let core = word.dropFirst(opening.count)
            if core.hasPrefix("person:") { return "\(opening)\(person(String(core)))" }
            guard core.utf8.count >= 20, let end = core.lastIndex(of: "Z"),
                let at = try? UTCInstant(String(core[...end]))
            else { return String(word) }
            return "\(opening)\(moment(at))\(core[core.index(after: end)...])"
        }.joined(separator: " ")
    }

    public static func person(_ actor: String) -> String {
        actor.hasPrefix("person:") ? String(actor.dropFirst("person:".count)) : actor
    }
}
