import DefinitionFiles
import ReleaseDefinition
import Testing

@Suite("Hostile text is refused quickly and traps nothing")
struct HostileText {
    private func codes(_ bytes: [UInt8]) -> [String] {
        do throws(DefinitionProblems) {
            _ = try ReleaseFile.parse(bytes, file: "release.yaml")
            return []
        } catch {
            return error.problems.map(\.code)
        }
    }

    private func codes(_ text: String) -> [String] { codes(Array(text.utf8)) }

    static let document = """
        product: web-service
        version: "1.0"
        category: major
        summary: "First \\u00e9 release"
        owner: web-team
        units:
          - name: web
            source: .
            installTo: /opt/web
            service: { command: [bin/serve, '--x'] }
            health: [{ http: "http://127.0.0.1:${PORT}/" }]
            attributes:
              - { path: a, mode: "0700" }
        documents: |
          text

        """

    @Test("Every beginning of a file is refused or read, never more")
    func everyPrefix() {
        let bytes = Array(Self.document.utf8)
        for length in bytes.indices {
            let codes = codes(Array(bytes[..<length]))
            #expect(length > 200 || !codes.isEmpty)
        }
    }

    @Test("Any byte replaced by a mark that YAML or a terminal gives a meaning to")
    func everyByteChanged() {
        let bytes = Array(Self.document.utf8)
        for position in bytes.indices {
            for mark in Array("\0\t\n\r\"'&*!|>%@`?:-,[]{}#\u{1B}".utf8) + [0x80, 0xC3, 0xFF] {
                var changed = bytes
                changed[position] = mark
                _ = codes(changed)
            }
        }
    }

    @Test("A problem stands on one line of a terminal, whatever the text holds")
    func oneLine() {
        for text in ["product: \"a\\e[31m\\n\\0\\u202E\"", "\"a\\nb\": x", "product: |\n  a\n  b"] {
            do throws(DefinitionProblems) {
                _ = try ReleaseFile.parse(Array(text.utf8), file: "release.yaml")
                Issue.record("\(text) was read")
            } catch {
                for problem in error.problems {
                    #expect(problem.description.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F })
                }
            }
        }
    }

    @Test("Encodings other than UTF-8, each with its line")
    func encodings() {
        #expect(codes([0xEF, 0xBB, 0xBF] + Array("product: x".utf8)) == ["definitionFiles.yaml.encoding"])
        #expect(codes([0xFF, 0xFE, 0x61, 0x00]) == ["definitionFiles.yaml.encoding"])
        do throws(DefinitionProblems) {
            _ = try ReleaseFile.parse(Array("product: x\nowner: ".utf8) + [0xC3, 0x28], file: "release.yaml")
        } catch {
            #expect(error.problems.map(\.line) == [2])
        }
    }

    @Test("A file beyond the bounds of size, of values, of depth")
    func bounds() {
        #expect(codes([UInt8](repeating: 0x20, count: (1 << 20) + 1)) == ["definitionFiles.yaml.size"])
        #expect(codes("[" + String(repeating: "a,", count: 60_000) + "]") == ["definitionFiles.yaml.size"])
        for open in ["[", "{a: ", "- ", "? "] {
            let deep = codes(String(repeating: open, count: 100_000))
            #expect(deep.count == 1, "\(open)")
        }
        #expect(codes("a: " + String(repeating: "[", count: 500) + String(repeating: "]", count: 500)).count == 1)
    }

    @Test("Aliases that would grow without end, as values and as keys")
    func aliases() {
        var values = "a0: &a0 [x]\n"
        var keys = values
        for level in 1..<40 {
            let eight = Array(repeating: "*a\(level - 1)", count: 8).joined(separator: ", ")
            values += "a\(level): &a\(level) [\(eight)]\n"
            keys += "? &a\(level) [\(eight)]\n: x\n"
        }
        let clock = ContinuousClock()
        let time = clock.measure {
            #expect(codes(values) == ["definitionFiles.yaml.alias"])
            #expect(codes(keys) == ["definitionFiles.yaml.alias"])
        }
        // An exponential one would never end.
        #expect(time < .seconds(60))
        #expect(codes("a: &a [*a]").contains("definitionFiles.yaml.alias"))
        #expect(codes("a: &a x\nb: *a").contains("definitionFiles.yaml.alias"))
    }

    @Test("Ninety wrong documents are ninety problems, in order of lines")
    func manyProblems() {
        let text = "product: x\ndocuments:\n" + String(repeating: "  - ../x\n", count: 90)
        do throws(DefinitionProblems) {
            _ = try ReleaseFile.parse(Array(text.utf8), file: "release.yaml")
        } catch {
            #expect(error.problems.filter { $0.path.hasPrefix("documents[") }.count == 90)
            #expect(error.problems.map(\.line) == error.problems.map(\.line).sorted())
        }
    }

    @Test("Problems can be carried as JSON and as one reported error")
    func carried() throws {
        do throws(DefinitionProblems) {
            _ = try RolloutFile.parse(Array("{}".utf8), file: "rollout.yaml")
        } catch {
            let reported = ReportedError(error)
            #expect(reported.code == "definitionFiles.invalid")
            #expect(reported.cause?.split(separator: "\n").count == 4)
            let json = try JSONCoding.value(of: error.problems)
            #expect(try JSONCoding.decode([DefinitionProblem].self, from: json) == error.problems)
        }
    }
}
