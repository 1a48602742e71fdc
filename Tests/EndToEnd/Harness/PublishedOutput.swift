import ReleaseDefinition
import TestSupport

/// What the operator's command printed, against docs/schemas.
enum PublishedOutput {
    /// - Parameter arguments: the words of the command first.
    static func problems(_ arguments: [String], _ output: String, of program: String = "slipway") throws -> [String] {
        let folder = Files.root + "/docs/schemas" + (program == "slipway" ? "" : "/agent")
        let words = arguments.prefix { !$0.hasPrefix("-") }
        let files = (1...max(1, min(3, words.count))).reversed().map { count in
            "\(folder)/\(words.prefix(count).joined(separator: "-")).json"
        }
        guard let file = files.first(where: Files.exists) else { return ["there is no schema: \(files)"] }
        let limits = JSONLimits(depthMax: 100)
        let schema = JSONSchema(try JSONValue(parsing: Files.bytes(file), limits: limits))
        return schema.problems(of: try JSONValue(parsing: Array(output.utf8), limits: limits))
    }
}
