import Effects
import ReleaseDefinition
import ReleaseTrust

/// The signed metadata: its state is a document of the store, its files lie in `repository/metadata`.
enum RepositoryKeeper {
    static let documentName = "repository"
    static let firstRootName = "1.root.json"

    /// The solo profile: every key is on this machine.
    static func keys(_ folder: ControllerDirectory) throws -> RepositoryKeys {
        func key(_ name: String) throws -> SigningKey { try SigningKey(pem: folder.text(KeyName.file(name))) }
        return RepositoryKeys(
            root: [try key(KeyName.root)], targets: [try key(KeyName.targets)],
            approvers: [try key(KeyName.releases)], emergency: [try key(KeyName.emergency)],
            snapshot: [try key(KeyName.snapshot)], timestamp: [try key(KeyName.timestamp)],
            director: [try key(KeyName.director)])
    }

    /// In the order given, each durable before the next.
    static func publish(_ files: [MetadataFile], in folder: ControllerDirectory) throws {
        try folder.directory.createDirectory("\(ControllerDirectory.repositoryName)/metadata")
        for file in files {
            try folder.directory.writeDurably(
                "\(ControllerDirectory.repositoryName)/metadata/\(file.name)", file.bytes, mode: 0o644)
        }
    }
}
