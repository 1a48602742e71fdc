import AgentLibrary
import ArgumentParser
import ControllerLibrary
import Foundation
import ReleaseDefinition
import Testing

@testable import slipway

/// What a message tells people to type must work when it is typed.
@Suite("Commands that messages name")
struct RemedyTests {
    @Test("Every command in a text of the sources is one of the three programs', with all that it needs")
    func parses() throws {
        var found = 0
        var wrong: [String] = []
        for file in try Self.sources() {
            for text in SourceTexts(try String(contentsOf: file, encoding: .utf8)).commands {
                found += 1
                guard let problem = NamedCommand.problem(of: text) else { continue }
                wrong.append("\(file.lastPathComponent): \(text.prefix(100)): \(problem)")
            }
        }
        #expect(found > 150)
        #expect(wrong == [])
    }

    @Test(
        "A command that is none, lacks something or has too much is found",
        arguments: [
            "slipway rollout undo ID", "slipway freeze lift f1", "slipway policy apply FILE",
            "slipway rollout back-out ID --reason REASON --scope host", "slipway rollout pause ID --because REASON",
            "slipway-controller start --dir DIR", "slipway rollout promote --reason REASON",
        ])
    func finds(_ text: String) { #expect(NamedCommand.problem(of: text) != nil) }

    @Test(
        "Prose after a command is no part of it",
        arguments: [
            "slipway freeze list shows what stands.", "slipway rollout plan FILE prints the digest.",
            "slipway freeze lift \u{FFFC} --reason REASON).", "slipway rollout resume ID --reason …",
            "slipway-agent join STRING --dir DIR`, once", "slipway keys status lists them all.",
        ])
    func prose(_ text: String) { #expect(NamedCommand.problem(of: text) == nil) }

    private static func sources() throws -> [URL] {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        return try ["Sources", "controller", "agent"].flatMap { folder in
            let top = root.appendingPathComponent(folder)
            return try FileManager.default.subpathsOfDirectory(atPath: top.path).filter { $0.hasSuffix(".swift") }
                .sorted().map { top.appendingPathComponent($0) }
        }
    }
}

/// The texts in a Swift file: string literals, joined where they are joined with `+`, each interpolation a mark.
private struct SourceTexts {
    static let mark: Character = "\u{FFFC}"

    private var lines: String

    init(_ source: String) {
        let code = source.split(separator: "\n", omittingEmptySubsequences: false).filter { line in
            !line.drop { $0 == " " }.hasPrefix("//")
        }.joined(separator: "\n")
        lines = code.replacing(/\\\n */, with: "").replacing(/"\n? *\+ *"/, with: "").replacing(/"\n *\+ "/, with: "")
    }

    /// From the program's name to the end of the literal.
    var commands: [String] {
        var commands: [String] = []
        for text in Self.flat(lines) {
            for match in text.matches(of: /slipway(-agent|-controller)? +[a-z]/) {
                let before = text[..<match.range.lowerBound].last
                guard before.map({ !$0.isLetter && !"-/.@".contains($0) }) ?? true else { continue }
                commands.append(String(text[match.range.lowerBound...].prefix { $0 != "\"" && $0 != "\n" }))
            }
        }
        return commands
    }

    /// The text with a mark for each interpolation, and the contents of those.
    private static func flat(_ text: String) -> [String] {
        var (flat, inner): (String, [String]) = ("", [])
        var rest = text[...]
        while let start = rest.firstRange(of: "\\(") {
            flat += rest[..<start.lowerBound]
            flat.append(mark)
            var (depth, end) = (1, start.upperBound)
            while depth > 0, end < rest.endIndex {
                depth += rest[end] == "(" ? 1 : rest[end] == ")" ? -1 : 0
                end = rest.index(after: end)
            }
            inner += self.flat(String(rest[start.upperBound..<end]))
            rest = rest[end...]
        }
        return [flat + rest] + inner
    }
}

/// One command as a text names it, held against the real command tree.
private enum NamedCommand {
    private static let programs: [String: any ParsableCommand.Type] = [
        "slipway": SlipwayCommand.self, "slipway-agent": AgentCommand.self,
        "slipway-controller": ControllerCommand.self,
    ]
    private static let trees: [String: JSONValue] = programs.compactMapValues { program in
        (try? JSONValue(parsing: Array(program._dumpHelp().utf8)))?["command"]
    }
    /// Where the program itself is meant: "the slipway of this version".
    private static let prose: Set<String> = ["of", "host", "runs", "into"]

    /// nil: it can be typed. Words in capitals, marks and `…` stand for values.
    static func problem(of text: String) -> String? {
        var words = text.split(separator: " ").map(String.init)[...]
        guard let name = words.popFirst(), var node = trees[name], let program = programs[name] else {
            return "no program"
        }
        if let first = words.first, prose.contains(first) || first.hasPrefix("slipway-") { return nil }
        var arguments: [String] = []
        var isOver = false
        while let word = words.first, let sub = node.member(named: bare(word).text) {
            (node, isOver) = (sub, bare(word).ends)
            arguments.append(bare(word).text)
            words.removeFirst()
            if isOver { break }
        }
        // It hands on what it gets.
        if name == "slipway", arguments == ["init"] { return nil }
        guard !arguments.isEmpty, node["subcommands"] == nil else {
            // A verb that is put in when it runs.
            if words.first?.contains(SourceTexts.mark) == true { return nil }
            return "there is no command \"\(name) \((arguments + words.prefix(1)).joined(separator: " "))\""
        }
        let path = arguments.count
        var positionals = node.positionals[...]
        while !isOver, let word = words.popFirst() {
            let (text, ends) = bare(word)
            isOver = ends
            if text.hasPrefix("--") {
                guard text != "--help" else { return nil }
                guard let option = node.option(String(text.dropFirst(2))) else { return "there is no option \(text)" }
                // The option alone is meant.
                let takesValue = option["kind"]?.stringValue == "option"
                if takesValue, ends { return nil }
                arguments.append(text)
                guard takesValue else { continue }
                guard let value = words.popFirst() else { return "\(text) has no value" }
                arguments.append(sample(bare(value).text, option))
                isOver = bare(value).ends
            } else if let next = positionals.first, stands(text) || isLiteral(text, words) {
                arguments.append(sample(text, next))
                if next["isRepeating"]?.boolValue != true { positionals.removeFirst() }
            } else if positionals.isEmpty, text.first == SourceTexts.mark {
                // Options that are put in when it runs.
                return nil
            } else {
                break
            }
        }
        // The command as such is meant, as "slipway freeze list shows them".
        if arguments.count == path { return nil }
        if node.option("dir") != nil, !arguments.contains("--dir"), !arguments.contains("--controller") {
            arguments += ["--dir", "d"]
        }
        do {
            _ = try program.parseAsRoot(arguments)
            return nil
        } catch {
            return program.message(for: error) + " in " + arguments.joined(separator: " ")
        }
    }

    /// A value as it is typed, as `root`: an option follows it.
    private static func isLiteral(_ word: String, _ rest: ArraySlice<String>) -> Bool {
        word != "and" && rest.first?.hasPrefix("--") == true
    }

    /// A word without the punctuation around it; `ends`: what follows is another sentence.
    private static func bare(_ word: String) -> (text: String, ends: Bool) {
        var text = word[...]
        var ends = false
        while let last = text.last, ".,;:)`'\\".contains(last) {
            text.removeLast()
            ends = true
        }
        return (String(text), ends)
    }

    /// Whether a word stands for a value: capitals, a mark, an ellipsis, or something with a mark in it.
    private static func stands(_ word: String) -> Bool {
        let beginning = word.prefix(2)
        return word.contains(SourceTexts.mark) || word.hasPrefix("…")
            || (beginning.count == 2 && beginning.allSatisfy(\.isUppercase)) || word == "F"
            || word.contains("@") || word.contains("=") || word.contains(/^[a-z]*[0-9]+$/)
    }

    private static let samples = [
        "rollout": "r1", "host": "web-1", "hosts": "web-1", "release": "web@1.0", "environment": "staging",
        "to": "staging",
        "plan": String(repeating: "a", count: 64), "reason": "why", "rule": "window", "freeze": "f1", "product": "web",
        "valid": "2h", "for": "2h", "token": "t1", "grant": "g1", "change": "c1", "holder": "ann=ann.pub",
        "label": "a=b", "kind": "tests", "role": "releases", "permission-set": "admin",
        "threshold": "2", "conclusion": "fine", "set": "admin", "digest": String(repeating: "a", count: 64),
        "at": "2026-11-20T09:12:00Z", "scope": "phase", "back-out": "phase", "profile": "team",
    ]

    private static func sample(_ word: String, _ argument: JSONValue) -> String {
        guard stands(word) else { return word }
        let names = [argument["valueName"]?.stringValue, argument.longName].compactMap { $0 }
        return names.lazy.compactMap { samples[$0] }.first ?? "x1"
    }
}

extension JSONValue {
    fileprivate func member(named name: String) -> JSONValue? {
        self["subcommands"]?.elements.first { $0["commandName"]?.stringValue == name }
    }

    fileprivate var elements: [JSONValue] { if case .array(let elements) = self { elements } else { [] } }
    fileprivate var positionals: [JSONValue] {
        (self["arguments"]?.elements ?? []).filter { $0["kind"]?.stringValue == "positional" }
    }

    fileprivate var longName: String? {
        self["names"]?.elements.first { $0["kind"]?.stringValue == "long" }?["name"]?.stringValue
    }

    fileprivate func option(_ name: String) -> JSONValue? {
        self["arguments"]?.elements.first { argument in
            argument["kind"]?.stringValue != "positional"
                && (argument["names"]?.elements.contains { $0["name"]?.stringValue == name } ?? false)
        }
    }
}
