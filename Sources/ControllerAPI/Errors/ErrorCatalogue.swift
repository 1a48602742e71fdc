/// What an error's code stands for: what `slipway explain` says, and docs/errors.md.
public struct ErrorExplanation: Sendable, Equatable, Codable {
    /// Dotted and permanent; `ROLE` in it stands for one of `ErrorCatalogue.roles`.
    public var code: String
    /// What is wrong, and why it is refused.
    public var meaning: String
    public var remedy: String

    /// `trust`: the first word, which says which part of Slipway found it.
    public var family: String { String(code.prefix { $0 != "." }) }
}

/// Every code that the three programs can end or answer with. A test of the sources holds that none is missing and none
/// is dead; another that docs/errors.md says the same.
public enum ErrorCatalogue {
    /// By code.
    public static let all: [ErrorExplanation] = [
        packagingErrors, definitionErrors, definitionFilesErrors, trustErrors, effectsErrors, lifecycleErrors,
        agentErrors, commandErrors, accessErrors, controllerErrors,
    ].flatMap(parse).sorted { $0.code.utf8.lexicographicallyPrecedes($1.code.utf8) }

    /// What `ROLE` stands for: the roles of signed metadata, delegated ones under one word.
    static let roles = ["root", "timestamp", "snapshot", "targets", "role"]

    /// Under the code that was asked for, its role too.
    /// - Parameter text: a code, also as the `type` of a problem, from an older controller too, or with the colon after it.
    public static func explanation(of text: String) -> ErrorExplanation? {
        let code = code(in: text)
        let parts = code.split(separator: ".", omittingEmptySubsequences: false)
        var general: String?
        if parts.count == 3, parts[0] == "trust", roles.contains(String(parts[1])) {
            general = "trust.ROLE.\(parts[2])"
        }
        guard var found = all.first(where: { $0.code == code || $0.code == general }) else { return nil }
        found.code = code
        return found
    }

    /// Those whose code begins with these words, as `trust` or `controller.access`.
    public static func explanations(in family: String) -> [ErrorExplanation] {
        let family = code(in: family)
        return all.filter { $0.code.hasPrefix(family + ".") }
    }

    public static func code(in text: String) -> String {
        var code = text[...]
        for mark in [Problem.path, "urn:slipway:"] {
            if let range = code.firstRange(of: mark) { code = code[range.upperBound...] }
        }
        while let last = code.last, ":., ".contains(last) { code.removeLast() }
        return String(code)
    }

    /// docs/errors.md.
    public static var document: String {
        var text = """
            # Error codes

            Every error of the programs and of the API has a code, which never changes its meaning and is the only part that
            programs should compare. `slipway explain CODE` prints the same words; `type` of an answer of the API is
            `/problems/CODE`, where the controller has them too, for browsers and as text. `ROLE` stands for \(roles.dropLast().joined(separator: ", ")) or \(roles.last ?? "").

            """
        var family = ""
        for explanation in all {
            if explanation.family != family {
                family = explanation.family
                text += "\n## \(family)\n"
            }
            text += "\n### `\(explanation.code)`\n\n\(explanation.meaning)\n\nWhat to do: \(explanation.remedy)\n"
        }
        return text
    }

    /// Three parts each: the code at the margin, what it means below two spaces, what to do after `> `.
    private static func parse(_ text: String) -> [ErrorExplanation] {
        var found: [ErrorExplanation] = []
        var isRemedy = false
        for line in text.split(separator: "\n") {
            let words = line.drop { $0 == " " || $0 == ">" }
            if line.hasPrefix(">") {
                isRemedy = true
            } else if !line.hasPrefix(" ") {
                isRemedy = false
                found.append(ErrorExplanation(code: String(line), meaning: "", remedy: ""))
                continue
            }
            guard let last = found.indices.last else { continue }
            let part = isRemedy ? \ErrorExplanation.remedy : \ErrorExplanation.meaning
            found[last][keyPath: part] += (found[last][keyPath: part].isEmpty ? "" : " ") + words
        }
        return found
    }
}
