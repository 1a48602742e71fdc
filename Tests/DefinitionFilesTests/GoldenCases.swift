import DefinitionFiles
import Foundation
import ReleaseDefinition
import Testing

/// One file of `Cases`: the input, a line of dashes, then the definition as JSON or every problem, exactly.
/// `SLIPWAY_UPDATE_CASES=1 swift test --filter DefinitionFilesTests` writes what is found; read the difference before
/// you commit it.
struct GoldenCase: CustomTestStringConvertible {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Cases")
    static let separator = "\n----------\n"

    var file: String
    var testDescription: String { file }

    static let all: [GoldenCase] = {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return names.filter { $0.hasSuffix(".case") }.sorted().map { GoldenCase(file: $0) }
    }()

    func check() throws {
        let url = Self.folder.appendingPathComponent(file)
        let text = try String(contentsOf: url, encoding: .utf8)
        let parts = text.components(separatedBy: Self.separator)
        let input = try #require(parts.first) + "\n"
        let outcome = Self.outcome(of: Array(input.utf8), kind: String(file.prefix { $0 != "-" }))
        if ProcessInfo.processInfo.environment["SLIPWAY_UPDATE_CASES"] != nil {
            try (parts[0] + Self.separator + outcome).write(to: url, atomically: true, encoding: .utf8)
            return
        }
        #expect(parts.count == 2)
        #expect(outcome == parts.last)
    }

    /// They are a dictionary, whose order nobody promises; PolicyRuleTests looks at them.
    private static func withoutPlaces(_ policy: ReleasePolicy) -> ReleasePolicy {
        var policy = policy
        policy.places = [:]
        return policy
    }

    static func outcome(of input: [UInt8], kind: String) -> String {
        do {
            let value =
                switch kind {
                case "release": try JSONCoding.value(of: ReleaseFile.parse(input, file: "release.yaml"))
                case "policy":
                    try JSONCoding.value(of: Self.withoutPlaces(PolicyFile.parse(input, file: "policy.yaml")))
                case "plan": try JSONCoding.value(of: ReleasePlanFile.parse(input, file: "release-plan.yaml"))
                case "values": try SignedValuesFile.parse(input, file: "values.yaml").root
                default: try JSONCoding.value(of: RolloutFile.parse(input, file: "rollout.yaml"))
                }
            return String(decoding: value.prettyBytes, as: UTF8.self)
        } catch {
            return "\(error)\n"
        }
    }
}

@Suite("Golden cases of definition files")
struct GoldenCases {
    @Test("Each case gives its definition or its problems", arguments: GoldenCase.all)
    func goldenCase(_ golden: GoldenCase) throws { try golden.check() }

    @Test("The folder of cases is read")
    func casesAreFound() { #expect(GoldenCase.all.count >= 20) }
}
