import DefinitionFiles
import Effects
import ReleaseDefinition

/// A folder that holds `release.yaml` and what it names.
enum ReleaseFolder {
    static let definitionName = "release.yaml"
    static let definitionSizeMax = ByteCount(1 << 20)

    /// A definition anywhere.
    static func definition(at path: String) throws -> ReleaseDefinition {
        try ReleaseFile.parse(InputFile.read(path, sizeMax: definitionSizeMax), file: path)
    }

    /// - Parameter name: of the folder, for problems.
    static func definition(in folder: Directory, named name: String) throws -> ReleaseDefinition {
        guard let text = try folder.readIfPresent(definitionName, sizeMax: definitionSizeMax) else {
            throw CommandError(
                code: "release.definition", summary: "\(name) holds no \(definitionName).",
                remedy:
                    "Write one into it, or say with --manifest FILE which one describes it; docs/definition-files.md"
                    + " has every key and an example.")
        }
        return try ReleaseFile.parse(text, file: "\(name)/\(definitionName)")
    }

    /// The values of every environment that the definition names.
    static func values(
        of definition: ReleaseDefinition, in folder: Directory
    ) throws -> [(environment: EnvironmentName, values: SignedValues)] {
        try SignedValuesFile.readAll(of: definition) { try folder.read($0, sizeMax: definitionSizeMax) }
    }
}
