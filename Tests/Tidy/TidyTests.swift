import Testing

@Suite("The house rules hold in every file")
struct TidyTests {
    private func expectNone(_ violations: [Violation]) {
        let report = violations.map(\.description).joined(separator: "\n")
        #expect(violations.isEmpty, "\(report)")
    }

    @Test("Each module imports only what the import table allows")
    func imports() {
        expectNone(SourceTree.swiftFiles.flatMap(ImportTable.check))
    }

    @Test("Every module has files and a row in the import table")
    func rowsAndModulesAgree() {
        let modules = Set(SourceTree.swiftFiles.compactMap(\.module))
        #expect(modules == Set(ImportTable.rows.keys))
    }

    @Test("Pure modules ask nothing of clock, disk, network or chance")
    func bannedWords() {
        expectNone(SourceTree.swiftFiles.flatMap(BannedWords.check))
    }

    @Test("The programs print by a way that notices a full stdout")
    func outputs() {
        expectNone(SourceTree.swiftFiles.flatMap(BannedWords.checkOutput))
    }

    @Test("Files are short, trap on nothing from outside and leave nothing for later")
    func form() {
        expectNone(SourceTree.swiftFiles.flatMap(FileForm.check))
    }

    @Test("A program's main stays under 30 lines")
    func mains() {
        let mains = SourceTree.swiftFiles.filter { $0.module?.hasSuffix("/main") == true }
        #expect(mains.count == 2)
        #expect(mains.filter { $0.lineCount >= 30 }.map(\.path) == [])
    }

    @Test("Every test that a document names exists")
    func namedTests() {
        for path in NamedTests.documents {
            let text = SourceTree.read(path) ?? ""
            #expect(text.contains("Tests)"), "\(path) names its tests")
            expectNone(NamedTests.check(path, text, source: NamedTests.source(of:)))
        }
    }

    @Test("Every requirement has its row, with a command, a screen and a test, and each of them exists")
    func requirements() {
        let commands = SourceTree.read("docs/commands.md") ?? ""
        for path in NamedCommands.documents {
            let text = SourceTree.read(path) ?? ""
            #expect(NamedCommands.rows(text) == NamedCommands.required)
            expectNone(NamedCommands.check(path, text, commands: commands))
            expectNone(NamedScreens.check(path, text, console: NamedScreens.console))
        }
        #expect(NamedCommands.check("x", "`slipway nothing`", commands: commands).count == 1)
        for line in [
            "- moon: `/console/moon`", "| D1 | r | `slipway x` | moon | *t* (T) |", "| D1 | r | - | home | *t* (T) |",
            "| D1 | r | `slipway x` | home | - |", "| D1 | r | `slipway x` | - | *t* (T) |", "| D1 | r | home |",
        ] {
            let found = NamedScreens.check("x", "- home: `/`\n\(line)", console: NamedScreens.console)
            #expect(found.count == 1, "\(line): \(found)")
        }
    }

    @Test("Decision records are numbered without gaps and have their four sections")
    func decisions() {
        let paths = SourceTree.paths(in: "docs/decisions").sorted()
        let records = paths.map { path in
            (name: String(path.dropFirst("docs/decisions/".count)), text: SourceTree.read(path) ?? "")
        }
        #expect(!records.isEmpty)
        expectNone(DecisionRecords.check(records))
    }

    @Test("Every code of an error that the sources can make is explained in docs/errors.md, and no other")
    func errorCodes() {
        let files = SourceTree.swiftFiles.filter { !$0.isTest && !$0.path.hasPrefix("bench/") }
        #expect(Set(files.flatMap { ErrorCodes.types(in: $0.text) }).subtracting(ErrorCodes.families.keys) == [])
        var codes: Set<String> = []
        for file in files {
            let found = ErrorCodes.found(file.path, file.text)
            codes.formUnion(found.codes)
            #expect(found.unread == [], "write the code as a literal, or name what makes it in ErrorCodes")
        }
        let explained = ErrorCodes.documented(SourceTree.read("docs/errors.md") ?? "")
        #expect(explained == explained.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) })
        #expect(codes.subtracting(explained).sorted() == [], "explain these in Sources/ControllerAPI/Errors")
        #expect(Set(explained).subtracting(codes).sorted() == [], "nothing makes these any more: remove them")
        #expect(codes.count > 700)
    }
}
