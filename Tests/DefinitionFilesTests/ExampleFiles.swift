import DefinitionFiles
import Foundation
import Testing

@Suite("Definition files of the examples")
struct ExampleFiles {
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    static func files(where isMeant: (String) -> Bool) -> [String] {
        let all = FileManager.default.enumerator(atPath: root.appendingPathComponent("examples").path)
        return (all?.compactMap { $0 as? String } ?? []).filter(isMeant).sorted()
    }

    private func bytes(_ file: String) throws -> [UInt8] {
        Array(try Data(contentsOf: Self.root.appendingPathComponent("examples/\(file)")))
    }

    @Test("Every release.yaml of the examples is read", arguments: files { $0.hasSuffix("release.yaml") })
    func release(file: String) throws {
        #expect(throws: Never.self) { try ReleaseFile.parse(bytes(file), file: file) }
    }

    @Test(
        "Every plan of the examples is read",
        arguments: files { $0.hasSuffix("phased.yaml") || $0.hasSuffix("bigbang.yaml") || $0.hasSuffix("rollout.yaml") }
    )
    func rollout(file: String) throws {
        #expect(throws: Never.self) { try RolloutFile.parse(bytes(file), file: file) }
    }
}
