import Effects
import ReleaseDefinition

/// One thing that a unit of type file or template puts on the host.
struct PlacedFile: Sendable, Equatable {
    enum Kind: Sendable, Equatable {
        case file(mode: UInt16, ownerID: UInt32, groupID: UInt32)
        case link(target: String)
    }

    /// Relative to the unit's tree, and to its `installTo`.
    var path: String
    var kind: Kind
}

/// Everything that such a unit puts on the host, by path.
struct PlacedTree: Sendable, Equatable {
    struct Folder: Sendable, Equatable {
        var path: String
        var mode: UInt16
    }

    var files: [PlacedFile] = []
    /// Each before what is in it.
    var folders: [Folder] = []

    init() {}

    init(listing tree: Directory) throws {
        var rest = [""]
        while let prefix = rest.popLast() {
            for entry in try tree.list(prefix.isEmpty ? "." : prefix) {
                let path = prefix.isEmpty ? entry.name : prefix + "/" + entry.name
                guard let status = try tree.status(path) else { continue }
                switch entry.kind {
                case .directory:
                    folders.append(Folder(path: path, mode: status.mode))
                    rest.append(path)
                case .symlink: files.append(PlacedFile(path: path, kind: .link(target: try tree.readLink(path))))
                case .file:
                    files.append(
                        PlacedFile(
                            path: path,
                            kind: .file(mode: status.mode, ownerID: status.ownerID, groupID: status.groupID)))
                case .other: break
                }
            }
        }
        files.sort { $0.path < $1.path }
        folders.sort { $0.path < $1.path }
    }
}

/// What lay at a place before the unit's file came there; kept until the unit has no file there any more.
struct Original: Codable, Sendable, Equatable {
    enum Kind: String, Codable, Sendable {
        case absent, file, link
        /// A folder that was not there.
        case folder
    }

    var path: String
    var kind: Kind
    /// The name under which the bytes are kept.
    var digest: SHA256Digest?
    var target: String?
    var mode: UInt16?
    var ownerID: Int64?
    var groupID: Int64?
}
