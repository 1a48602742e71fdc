import ArgumentParser
import ControllerAPI
import Effects
import Glibc
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

@Suite("The schemas of what the controller's commands print")
struct ControllerSchemaTests {
    private static let folder =
        "/" + #filePath.split(separator: "/").dropLast(4).joined(separator: "/") + "/docs/schemas/controller"

    /// What each prints with `--output json`, or with `--format json` where `--output` is a folder.
    static var printed: [String: Printed] {
        [
            "backup": .one(WrittenBackup.self), "init": .one(InitialisedController.self),
            "recovery-kit": .one(WrittenRecoveryKit.self), "restore": .one(RestoredController.self),
            "retention": .one(RetentionView.self),
        ]
    }

    /// Commands without the option, and why.
    static let without: [String: String] = ["run": "it serves"]

    @Test("Every command of the controller that prints data has json and a published schema; the others say why not")
    func tree() throws {
        let dump = try JSONValue(parsing: Array(ControllerCommand._dumpHelp().utf8), limits: JSONLimits(depthMax: 100))
        var leaves: [String: Bool] = [:]
        for command in dump["command"]?["subcommands"]?.arrayValue ?? [] {
            guard let name = command["commandName"]?.stringValue, name != "help" else { continue }
            #expect((command["subcommands"]?.arrayValue ?? []).isEmpty, "\(name) has commands of its own")
            leaves[name] = (command["arguments"]?.arrayValue ?? []).contains { argument in
                let names = argument["names"]?.arrayValue?.compactMap { $0["name"]?.stringValue } ?? []
                let values = argument["allValues"]?.arrayValue?.compactMap(\.stringValue) ?? []
                return (names.contains("output") || names.contains("format")) && values.contains("json")
            }
        }
        #expect(leaves.filter(\.value).keys.sorted() == Self.printed.keys.sorted())
        #expect(leaves.filter { !$0.value }.keys.sorted() == Self.without.keys.sorted())
    }

    @Test("docs/schemas/controller is what the types say, and nothing beside", arguments: printed.keys.sorted())
    func files(_ command: String) throws {
        let bytes = try SchemaTests.document(
            command, #require(Self.printed[command]), program: "slipway-controller"
        ).prettyBytes
        let directory = try Directory.create(Self.folder)
        if getenv("SLIPWAY_WRITE_SCHEMAS") != nil { try directory.writeDurably(command + ".json", bytes) }
        let kept = try directory.readIfPresent(command + ".json", sizeMax: ByteCount(1 << 20))
        #expect(kept == bytes, "run this test with SLIPWAY_WRITE_SCHEMAS=1 and commit docs/schemas/controller")
        // Files that are being written have other names.
        let names = try directory.list().map(\.name).filter { $0.hasSuffix(".json") && !$0.hasPrefix(".") }
        #expect(Set(names).isSubset(of: Self.printed.keys.map { $0 + ".json" }))
    }
}
