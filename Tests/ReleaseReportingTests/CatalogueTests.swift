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

@Suite("Contracts in the catalogue")
struct CatalogueContractTests {
    private func service(_ product: String, _ contracts: [String: PlannedContract.Change]) throws -> CatalogueService {
        CatalogueService(
            product: try ProductName(product), owner: "\(product)-team", summary: "S",
            contracts: contracts.map { PlannedContract(name: $0.key, change: $0.value) })
    }

    @Test("A contract that two services state covers both, and what most needs somebody's eye of it counts")
    func shared() throws {
        let items = ConfigurationCatalogue.items(
            [],
            [
                try service("shop", ["SLA-7": .unchanged, "OLA-1": .unchanged]),
                try service("ledger", ["SLA-7": .changed, "OLA-1": .unknown, "UC-2": .unchanged]),
            ])
        #expect(
            items.map(\.id) == ["contract:OLA-1", "contract:SLA-7", "contract:UC-2", "service:ledger", "service:shop"])
        #expect(items.prefix(3).map { $0.attributes["change"] } == ["unknown", "changed", "unchanged"])
        #expect(items[1].links == [.init(.covers, "service:ledger"), .init(.covers, "service:shop")])
        #expect(items[2].links == [.init(.covers, "service:ledger")])
    }

    @Test("Between two baselines it shows which services a contract came to cover, and no longer covers")
    func compared() throws {
        let shop = try service("shop", ["SLA-7": .unchanged])
        let before = ConfigurationCatalogue.items([], [shop, try service("ledger", [:])])
        let after = ConfigurationCatalogue.items([], [shop, try service("ledger", ["SLA-7": .unchanged])])
        let grown = ConfigurationDifference(from: before, to: after)
        #expect(grown.added.isEmpty && grown.removed.isEmpty)
        #expect(grown.changed.map(\.item) == ["contract:SLA-7"] && grown.changed.map(\.attribute) == ["covers"])
        #expect(grown.changed.first?.before == "service:shop")
        #expect(grown.changed.first?.after == "service:ledger, service:shop")
        #expect(ConfigurationDifference(from: after, to: before).changed.first?.after == "service:shop")
        #expect(ConfigurationDifference(from: after, to: after).changed.isEmpty)
    }
}
