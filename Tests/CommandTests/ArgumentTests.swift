import Testing

@testable import slipway

@Suite("Arguments that name nothing, or too much")
struct ArgumentTests {
    @Test(
        "An empty word is refused before anything is asked, with what stands before it and where to read on",
        arguments: [
            (["keys", "drop", ""], "What follows drop is empty", "slipway keys drop --help"),
            (["rollout", "show", "r1", "--dir", ""], "What follows --dir is empty", "slipway rollout show --help"),
            (["audit", "export", "--output="], "What follows --output= is empty", "slipway audit export --help"),
            ([""], "What follows slipway is empty", "slipway --help"),
        ])
    func empty(_ words: [String], _ summary: String, _ next: String) throws {
        let error = #expect(throws: CommandError.self) { try EmptyWord.refuse(in: words) }
        #expect(
            error?.summary.contains(summary) == true && error?.remedy.contains(next) == true,
            "\(String(describing: error))")
        #expect(error.map { ProgramExit.report($0) } == .usage)
    }

    @Test("The shell's question how to complete a word that is empty yet is answered")
    func completion() throws {
        try EmptyWord.refuse(in: ["---completion", "hosts", "show", "--", "0", "slipway", "hosts", "show", ""])
        try EmptyWord.refuse(in: ["hosts", "list", "--query", "zone=", "--query=zone=", "-"])
    }

    @Test("Of a line as long as a file its ends are shown, every other one whole")
    func long() {
        let short = "error: not this\nCorrect it."
        #expect(ProgramExit.cut(short) == short)
        let cut = ProgramExit.cut("error: " + String(repeating: "x", count: 100_000) + ": not this\nCorrect it.")
        #expect(cut.count < 2100 && cut.hasPrefix("error: xxx") && cut.hasSuffix("x: not this\nCorrect it."))
        #expect(cut.contains("98017 characters"))
    }

    @Test("A digest that is none is a mistake of what was typed")
    func digest() {
        let error = #expect(throws: (any Error).self) {
            _ = try SlipwayCommand.parseAsRoot(["rollout", "authorise", "nonsense", "--dir", "."])
        }
        #expect(error.map { ProgramExit.report($0) } == .usage)
    }
}
