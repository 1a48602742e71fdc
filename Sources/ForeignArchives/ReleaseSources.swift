import Effects
import ReleaseDefinition
import ReleasePackaging

/// Unpacks the archives that a definition names as sources, so that a build sees folders only.
public enum ReleaseSources {
    /// - Parameters:
    ///   - source: the release folder.
    ///   - work: an empty folder of the caller's that outlives the build and is removed by it.
    /// - Returns: the inputs, and what the operator should know of them, a sentence each.
    /// - Throws: what `ForeignArchive.unpack` throws. A source that is not there is left for the build to complain about.
    public static func prepare(
        _ definition: ReleaseDefinition, from source: Directory, in work: Directory, bounds: ArchiveBounds = .init()
    ) throws -> (inputs: BuildInputs, notices: [String]) {
        var inputs = BuildInputs()
        var notices: [String] = []
        for unit in definition.units {
            let path = unit.source
            guard inputs.archives[path] == nil, ArchiveKind(name: path) != nil,
                try source.status(path)?.kind == .file
            else { continue }
            let folder = try work.createDirectory("archive-\(inputs.archives.count + 1)", mode: 0o700)
            let unpacked = try ForeignArchive.unpack(source.openFile(path), named: path, into: folder, bounds: bounds)
            inputs.archives[path] = BuildInputs.Archive(
                kind: unpacked.kind.rawValue, blob: unpacked.blob, folder: folder)
            if let scripts = unpacked.debian?.scripts, !scripts.isEmpty {
                notices.append(
                    "\(path) brings \(scripts.joined(separator: ", ")), which a unit of type tree does not run: use hooks."
                )
            }
        }
        return (inputs, notices)
    }
}
