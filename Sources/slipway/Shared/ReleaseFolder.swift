import DefinitionFiles
import Effects
import ReleaseDefinition

/// A folder that holds `release.yaml` and what it names.
enum ReleaseFolder {
    static let definitionSizeMax = ByteCount(1 << 20)

    /// - Parameter manifest: another path than `release.yaml` in the folder.
    static func definition(in folder: String, manifest: String? = nil) throws -> ReleaseDefinition {
        let path = manifest ?? "\(folder)/release.yaml"
        return try ReleaseFile.parse(InputFile.read(path, sizeMax: definitionSizeMax), file: path)
    }
}
