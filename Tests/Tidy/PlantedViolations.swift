import Testing

/// Each check is shown to fail on a file that breaks its rule, so that a check that never fails is noticed.
@Suite("Each house rule notices a planted violation")
struct PlantedViolations {
    private func file(_ path: String, _ text: String) -> SourceFile { SourceFile(path: path, text: text) }

    private let pure = "Sources/ReleaseRollout/Planted.swift"

    @Test(
        "An import that the table does not allow is found, however it is written",
        arguments: [
            "import Effects", "@testable import Effects", "internal import Effects",
            "import struct Effects.EffectsError",
            "@preconcurrency public import Effects", "import ReleaseDefinition; import Effects",
            "#if os(Linux)\nimport Effects\n#endif",
        ])
    func importViolation(text: String) {
        let violations = ImportTable.check(file(pure, text))
        #expect(violations.count == 1)
        #expect(violations.first?.message.hasPrefix("ReleaseRollout (pure) imports Effects;") == true)
    }

    @Test(
        "An import in a comment or a string is none",
        arguments: [
            "// import Effects", "/* \n import Effects \n */", "let text = \"\"\"\n    import Effects\n    \"\"\"",
        ])
    func importInComment(text: String) {
        #expect(ImportTable.check(file(pure, text)).isEmpty)
    }

    @Test("Foundation is refused to what the agent links and to pure modules, not to the controller")
    func foundation() {
        #expect(ImportTable.check(file("Sources/Effects/Planted.swift", "import Foundation")).count == 1)
        #expect(ImportTable.check(file("agent/Planted.swift", "import Foundation")).count == 1)
        #expect(ImportTable.check(file(pure, "import Foundation")).count == 1)
        #expect(ImportTable.check(file("controller/Planted.swift", "import Foundation")).isEmpty)
    }

    @Test("A library that is not in the module's row is refused")
    func library() {
        #expect(ImportTable.check(file("agent/Planted.swift", "import GRDB")).count == 1)
        #expect(ImportTable.check(file(pure, "import Glibc")).count == 1)
        #expect(ImportTable.check(file("Sources/NewModule/Planted.swift", "import Glibc")).count == 1)
    }

    @Test(
        "Each banned word is found in a pure module and named with its replacement",
        arguments: [
            ("let now = Date()", "UTCInstant"), ("let now = UTCInstant.now", "UTCInstant"),
            ("wait(until: .now)", "UTCInstant"), ("sleep(1)", "TimeDoor"),
            ("try await Task.sleep(for: .seconds(1))", "TimeDoor"), ("FileManager.default", "Directory"),
            ("let id = UUID()", "RandomDoor"), ("Int.random(in: 0...1)", "RandomDoor"),
            ("RAND_bytes(&b, 1)", "RandomDoor"),
            ("EVP_PKEY_keygen(context, &key)", "KeyGeneration"), ("hosts.shuffled()", "HostBucket"),
            ("let text = \"\\(Date())\"", "UTCInstant"),
        ])
    func bannedWord(line: String, replacement: String) {
        let violations = BannedWords.check(file(pure, line))
        #expect(violations.count == 1)
        #expect(violations.first?.message.contains(replacement) == true)
    }

    @Test("A print that nobody asks about is found, a value's own is not")
    func prints() {
        #expect(BannedWords.checkOutput(file("controller/Planted.swift", "if x { print(1) }")).count == 1)
        for line in ["try output.print(view)", "func print(_ x: Int) {", "blueprint(x)", "// print(x)"] {
            #expect(BannedWords.checkOutput(file("agent/Planted.swift", line)).isEmpty, "\(line)")
        }
        #expect(BannedWords.checkOutput(file("Tests/Planted.swift", "print(1)")).isEmpty)
    }

    @Test(
        "Words that only look like banned ones are allowed, and so is everything in modules that do I/O",
        arguments: [
            "// Date() is banned", "let text = \"Date()\"", "let update = UpdateDate(x)", "let nowAt = view.nowAt",
            "blueprint(x)", "randomness.isNone", "self.now = now", "let age = state.now.since(start)",
        ])
    func allowedWord(line: String) {
        #expect(BannedWords.check(file(pure, line)).isEmpty)
        #expect(BannedWords.check(file("Sources/Effects/Planted.swift", "let now = Date()")).isEmpty)
    }

    @Test("A file of 400 lines is too long, one of 399 is not")
    func length() {
        #expect(FileForm.checkLength(file(pure, String(repeating: "\n", count: 400))).count == 1)
        #expect(FileForm.checkLength(file(pure, String(repeating: "\n", count: 399))).isEmpty)
    }

    @Test(
        "What traps is found outside tests",
        arguments: [
            "let value = try! load()", "let value = any as! Int", "fatalError(\"no\")", "let first = list.first!",
            "let value = call()!", "let value = list[0]!.name", "let text = \"\\(list.first!)\"",
        ])
    func trap(line: String) {
        #expect(FileForm.check(file(pure, line)).count == 1)
        #expect(FileForm.check(file("Tests/Planted/Planted.swift", line)).isEmpty)
    }

    @Test(
        "Negation, inequality and exclamation are no traps",
        arguments: ["if !isDone, a != b { }", "let text = \"Done!\"", "// try! nothing", "a!=b", "try? load()"])
    func noTrap(line: String) {
        #expect(FileForm.check(file(pure, line)).isEmpty)
    }

    @Test("Work left for later is found in comments, in tests too")
    func marks() {
        let mark = "TO" + "DO"
        #expect(FileForm.check(file(pure, "// \(mark): later")).count == 1)
        #expect(FileForm.check(file("Tests/Planted/Planted.swift", "/* \(mark) */")).count == 1)
        #expect(FileForm.check(file(pure, "let list = \"\(mark)\"")).isEmpty)
    }

    @Test("An unproven Sendable is found, a proven one is not")
    func sendable() {
        let line = "final class Door: @unchecked Sendable {}"
        #expect(FileForm.check(file(pure, line)).count == 1)
        #expect(FileForm.check(file(pure, "// Every access holds the lock below.\n" + line)).isEmpty)
    }

    @Test("A test that a document names and no suite has is found, and a name without a suite")
    func namedTests() {
        func check(_ text: String) -> Int {
            NamedTests.check("docs/x.md", text) { $0 == "OneTests" ? "@Test(\"A thing is\\n refused, always\")" : nil }
                .count
        }
        #expect(check("| a | *A thing is* (OneTests) |\n\n**bold** text") == 0)
        #expect(check("*A thing … always*,\n*refused* (OneTests)") == 0)
        #expect(check("| a | *A thing is not*, *refused* (OneTests) |") == 1)
        #expect(check("*A thing is* (TwoTests)") == 1)
        #expect(check("*A thing is* by itself\n\n(OneTests)") == 1)
    }

    private let sections = "## Problem\nx\n## Options\nx\n## Decision\nx\n## Consequences\nx\n"

    @Test("A decision record with a gap, a missing section or an empty one is refused")
    func decisions() {
        let good = (name: "0001-one.md", text: "# 0001 One\n\(sections)")
        #expect(DecisionRecords.check([good]).isEmpty)
        #expect(DecisionRecords.check([good, (name: "0003-three.md", text: "# 0003 Three\n\(sections)")]).count == 1)
        #expect(DecisionRecords.check([(name: "0001-one.md", text: "# 0001 One\n## Problem\nx\n")]).count == 1)
        #expect(DecisionRecords.check([(name: "0001-one.md", text: "# One\n\(sections)")]).count == 1)
        #expect(DecisionRecords.check([(name: "1-One.md", text: "# 1-On One\n\(sections)")]).count == 2)
        let empty = sections.replacing("## Options\nx", with: "## Options\n")
        #expect(DecisionRecords.check([(name: "0001-one.md", text: "# 0001 One\n\(empty)")]).count == 1)
    }

    @Test(
        "The code of an error is read where it is made, and one that cannot be read is found",
        arguments: [
            ("throw AgentError(\n    code: \"planted.one\", summary: \"x\")", ["agent.planted.one"], 0),
            (
                #"ControllerError(.notFound, code: ok ? "planted.a" : "planted.b", summary: "")"#,
                ["controller.planted.a", "controller.planted.b"], 0
            ),
            (#"// AgentError(code: "planted", summary: "")"#, [], 0),
            (#"AgentError(code: "planted." + word, summary: "")"#, [], 1),
            (#"AgentError(code: word, summary: "")"#, [], 1),
        ])
    func errorCode(text: String, codes: [String], unread: Int) {
        let found = ErrorCodes.found("agent/Planted.swift", text)
        #expect(found.codes.sorted() == codes && found.unread.count == unread)
    }
}
