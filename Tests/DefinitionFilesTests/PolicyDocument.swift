import DefinitionFiles
import Foundation
import ReleaseDefinition
import Testing

/// docs/policy.md holds what the reader reads: every example is a policy, and every key of the format has one.
@Suite("The examples of docs/policy.md")
struct PolicyDocument {
    private static let examples: [String] = {
        let file = ExampleFiles.root.appendingPathComponent("docs/policy.md")
        let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
        return text.components(separatedBy: "```yaml\n").dropFirst().compactMap {
            $0.components(separatedBy: "\n```").first.map { $0 + "\n" }
        }
    }()

    @Test("Every example is read", arguments: examples)
    func example(text: String) {
        #expect(throws: Never.self) { try PolicyFile.parse(Array(text.utf8), file: "policy.yaml") }
    }

    @Test("Every key of the format stands in an example")
    func keys() throws {
        #expect(Self.examples.count >= 8)
        let places = try Self.examples.flatMap {
            try PolicyFile.parse(Array($0.utf8), file: "policy.yaml").places.keys
        }
        let used = Set(places.flatMap { $0.split(separator: ".").map(String.init) })
        // What the reader itself says that it knows, asked with a key that it does not know.
        for text in [
            "?: 1", "numbering: { ?: 1 }", "environments: { a: { ?: 1 } }", "windows: { a: { ?: 1 } }",
            "freezes: [{ ?: 1 }]", "busy: [{ ?: 1 }]", "earlyLife: { ?: 1 }", "gates: { a: { ?: 1 } }",
            "environments: { a: { cadence: { ?: 1 } } }", "environments: { a: { backOut: { ?: 1 } } }",
        ] {
            let known = try Self.knownKeys(text.replacing("?", with: "qqqqqqqqqqqq"))
            #expect(known.count >= 2, "\(text)")
            for key in known { #expect(used.contains(key), "\(key) of \(text)") }
        }
    }

    private static func knownKeys(_ text: String) throws -> [String] {
        do {
            _ = try PolicyFile.parse(Array(text.utf8), file: "policy.yaml")
            return []
        } catch {
            let start = "The keys here are "
            let remedy = error.problems.map(\.remedy).first { $0.hasPrefix(start) } ?? start
            return remedy.dropFirst(start.count).dropLast().components(separatedBy: ", ")
        }
    }
}

@Suite("Words that a policy nearly has")
struct PolicyWordTests {
    private func problems(_ text: String, zones: [String] = []) throws -> [DefinitionProblem] {
        do {
            _ = try PolicyFile.parse(Array(text.utf8), file: "b2.yaml", zones: zones)
            return []
        } catch { return error.problems }
    }

    @Test(
        "A key that begins like a known one is answered with that one",
        arguments: [("strategy", "strategies"), ("authorization", "authorisations"), ("windw", "windows")])
    func keys(_ written: String, _ meant: String) throws {
        let problem = try #require(try problems("environments: { a: { \(written): x } }").first)
        #expect(problem.remedy == "Did you mean \(meant)?")
    }

    @Test("A time zone that there is not is named with its line, together with everything else, and the nearest one")
    func zones() throws {
        let text = """
            environments: { production: { windows: [week-night] } }
            windows:
              nights: { opens: "22:00", for: 1h, zone: Europe/Berlino }
              other: { opens: "26:00", for: 1h, zone: UTC }
            """
        let found = try problems(text, zones: ["Europe/Berlin", "Europe/Rome"])
        #expect(found.map(\.line) == [1, 3, 4])
        #expect(found.map(\.path) == ["environments.production.windows", "windows.nights.zone", "windows.other.opens"])
        #expect(found[1].remedy == "Did you mean Europe/Berlin?")
        #expect(found[2].found.contains("\"26\" is no hour of 0 to 23"))
        // Where nobody looked, any name may be one.
        #expect(try problems(text).map(\.line) == [1, 4])
    }
}
