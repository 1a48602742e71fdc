import ControllerAPI
import DefinitionFiles
import Effects
import ReleaseDefinition

/// A file that is a rollout.
enum RolloutText {
    static func read(_ path: String) throws -> RolloutDefinition {
        try RolloutFile.parse(InputFile.read(path), file: path, zones: ZoneFolder.names)
    }
}

/// A file that is a policy.
enum PolicyText {
    static func read(_ path: String) throws -> (ReleasePolicy, text: String) {
        let bytes = try InputFile.read(path, sizeMax: ByteCount(PolicyFile.bytesMax))
        let policy = try PolicyFile.parse(bytes, file: path, zones: ZoneFolder.names)
        return (policy, String(decoding: bytes, as: UTF8.self))
    }

    /// A controller knows a text, not what its file is called here.
    static func named<Value>(_ file: String, _ ask: () async throws -> Value) async throws -> Value {
        do {
            return try await ask()
        } catch var error as ControllerAPIError {
            error.cause = error.cause.map { lines($0, of: file) }
            throw error
        }
    }

    static func lines(_ text: String, of file: String) -> String {
        let name = PolicyView.fileName + ":"
        return text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            line.hasPrefix(name) ? "\(file):\(line.dropFirst(name.count))" : String(line)
        }.joined(separator: "\n")
    }
}
