import DefinitionFiles
import Effects
import ForeignArchives
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
            let below = ((try? folder.list()) ?? []).filter { entry in
                entry.kind == .directory && (try? folder.status("\(entry.name)/\(definitionName)"))??.kind == .file
            }
            if below.count == 1, let inner = below.first?.name {
                throw CommandError(
                    code: "release.definition",
                    summary: "\(name) holds no \(definitionName) at its top: it is \(inner)/\(definitionName) there.",
                    remedy: ArchiveKind(name: name) == nil
                        ? "Name that folder: \(name)/\(inner)"
                        : "Pack what is in the folder, not the folder: tar -C \(inner) -czf \(Directory.split(name).name) ."
                )
            }
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
        try SignedValuesFile.readAll(of: definition) { path in
            if let bytes = try folder.readIfPresent(path, sizeMax: definitionSizeMax) { return bytes }
            let environment = definition.values?.first { $0.path == path }?.environment.text ?? ""
            throw CommandError(
                code: "release.values",
                summary: "values.\(environment) of \(definitionName) names \(path), which is not in \(folder.path).",
                remedy: "Write the file, correct the path from the release folder on, or remove the environment.")
        }
    }
}
