import ReleaseDefinition
import Testing

@testable import ReleaseReporting

@Suite("The catalogue as a table")
struct CatalogueTests {
    @Test("Nothing that a host says becomes a row, a column or a formula of the table")
    func injection() {
        let words = [
            "1\r\n=cmd|' /C calc'!A0", "=1+1", " =1+1", "=\u{338}1", "a,\u{301}b", "say \"\u{301}hi\"", "-2", "@x",
            "plain",
        ]
        let items = words.enumerated().map { index, word in
            ConfigurationItem(.host, "h\(index)", ["agent": word])
        }
        let lines = ConfigurationCatalogue.csv(items).unicodeScalars.split(separator: "\n").map {
            String(String.UnicodeScalarView($0))
        }
        #expect(lines.count == words.count + 1, "a row for each and the head: \(lines)")
        for line in lines.dropFirst() {
            let cell = line.unicodeScalars.split(separator: ",", maxSplits: 2, omittingEmptySubsequences: false)[2]
                .drop { $0 == "\"" }
            #expect(!"=+-@".unicodeScalars.contains(cell.first ?? " "), "\(line)")
        }
        #expect(lines[5].unicodeScalars.count { $0 == "\"" } == 2, "around: \(lines[5])")
        #expect(lines[6].unicodeScalars.count { $0 == "\"" } == 6, "around, and each doubled: \(lines[6])")
        #expect(lines[9].unicodeScalars.starts(with: "host:h8,host,plain,".unicodeScalars), "\(lines[9])")
    }
}
