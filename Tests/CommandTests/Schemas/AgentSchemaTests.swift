import AgentProtocol
import ArgumentParser
import Effects
import Glibc
import ReleaseDefinition
import Testing

@testable import AgentLibrary
@testable import ControllerLibrary

@Suite("The schemas of what the agent's commands print")
struct AgentSchemaTests {
    private static let folder =
        "/" + #filePath.split(separator: "/").dropLast(4).joined(separator: "/") + "/docs/schemas/agent"

    /// What each prints with `--output json`.
    static var printed: [String: Printed] {
        [
            "adopt": .one(AdoptedTree.self), "back-out": .one(FinishedOrder.self),
            "docs": .list(ReleaseDocuments.Entry.self), "follow": .one(JoinedHost.self),
            "history": .list(FinishedOrder.self),
            "join": .one(JoinedHost.self), "restore": .list(Backup.self), "status": .one(StatusView.self),
            "unlock": .one(UnlockedProduct.self), "verify": .list(UnitCondition.self), "why": .one(FinishedOrder.self),
        ]
    }

    /// Commands without the option, and why.
    static let without: [String: String] = [
        "converge": "it says what runs, and its exit code is the answer",
        "install": "it prints a signed receipt, JSON always",
        "network": "it serves", "rehearse": "it prints a signed statement, JSON always", "run": "it serves",
        "step": "the agent calls it",
    ]

    @Test(
        "Every command of the agent that prints data has --output json and a published schema; the others say why not")
    func tree() throws {
        let dump = try JSONValue(parsing: Array(AgentCommand._dumpHelp().utf8), limits: JSONLimits(depthMax: 100))
        let commands = (dump["command"]?["subcommands"]?.arrayValue ?? []).filter {
            $0["commandName"]?.stringValue != "help"
        }
        let names = commands.map { $0["commandName"]?.stringValue ?? "" }
        let printing = commands.filter { command in
            (command["arguments"]?.arrayValue ?? []).contains { argument in
                (argument["names"]?.arrayValue ?? []).contains { $0["name"]?.stringValue == "output" }
                    && (argument["allValues"]?.arrayValue ?? []).contains { $0.stringValue == "json" }
            }
        }
        #expect(printing.compactMap { $0["commandName"]?.stringValue }.sorted() == Self.printed.keys.sorted())
        #expect(names.filter { Self.printed[$0] == nil }.sorted() == Self.without.keys.sorted())
    }

    @Test("docs/schemas/agent is what the types say, and nothing beside", arguments: printed.keys.sorted())
    func files(_ command: String) throws {
        let bytes = try SchemaTests.document(
            command, #require(Self.printed[command]), program: "slipway-agent"
        ).prettyBytes
        let directory = try Directory.create(Self.folder)
        if getenv("SLIPWAY_WRITE_SCHEMAS") != nil { try directory.writeDurably(command + ".json", bytes) }
        let kept = try directory.readIfPresent(command + ".json", sizeMax: ByteCount(1 << 20))
        #expect(kept == bytes, "run this test with SLIPWAY_WRITE_SCHEMAS=1 and commit docs/schemas/agent")
        // Files that are being written have other names.
        let names = try directory.list().map(\.name).filter { $0.hasSuffix(".json") && !$0.hasPrefix(".") }
        #expect(Set(names).isSubset(of: Self.printed.keys.map { $0 + ".json" }))
    }
}
