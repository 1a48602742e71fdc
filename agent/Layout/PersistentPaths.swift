import Effects
import ReleaseDefinition

/// `persistent: [uploads]`: paths inside a tree that are links to what all releases share.
struct PersistentPaths: Sendable {
    let layout: UnitLayout
    let paths: [String]

    /// Puts the links into a staged tree. What the payload holds at such a path seeds the shared folder the first time
    /// and is dropped later: what the service wrote there is never replaced.
    func link(into staging: Directory) throws {
        guard !paths.isEmpty else { return }
        let shared = try layout.makeParent().createDirectory(layout.persistentName)
        for path in paths {
            let parts = path.split(separator: "/")
            try makeParents(parts, in: staging)
            try makeParents(parts, in: shared)
            if let status = try staging.status(path), try shared.status(path) == nil, status.kind == .directory {
                try copy(staging.directory(path), to: shared.createDirectory(path))
            } else if try shared.status(path) == nil {
                _ = try shared.createDirectory(path)
            }
            try staging.removeTree(path)
            // From the folder that holds the link up to the one that holds `NAME.releases`.
            let up = Array(repeating: "..", count: parts.count + 1).joined(separator: "/")
            try staging.createSymlink(path, to: up + "/" + layout.persistentName + "/" + path)
        }
        try shared.sync()
    }

    private func makeParents(_ parts: [Substring], in folder: Directory) throws {
        guard parts.count > 1 else { return }
        _ = try folder.createDirectory(parts.dropLast().joined(separator: "/"))
    }

    private func copy(_ source: Directory, to target: Directory) throws {
        for entry in try source.list() {
            switch entry.kind {
            case .directory:
                try copy(source.directory(entry.name), to: target.createDirectory(entry.name))
            case .symlink: try target.createSymlink(entry.name, to: source.readLink(entry.name))
            case .file:
                let from = try source.openFile(entry.name)
                let to = try target.createFile(entry.name, mode: from.status().mode)
                while case let bytes = try from.read(upTo: 1 << 18), !bytes.isEmpty { try to.write(bytes) }
                try to.sync()
            case .other: break
            }
        }
        try target.sync()
    }
}
