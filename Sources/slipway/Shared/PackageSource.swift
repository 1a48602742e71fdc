import DefinitionFiles
import Effects
import ForeignArchives
import Glibc
import ReleaseDefinition
import ReleasePackaging

/// A release folder, or the archive of one, ready to be built.
struct PackageSource {
    var definition: ReleaseDefinition
    var folder: Directory
    var inputs: BuildInputs
    var sourceDate: UTCInstant

    /// - Parameters:
    ///   - path: a folder or an archive.
    ///   - manifest: another definition than `release.yaml` in it.
    ///   - work: an empty folder that outlives the build.
    static func open(_ path: String, manifest: String?, work: Directory) throws -> PackageSource {
        let (folder, tree) = try openTree(path, work)
        let definition: ReleaseDefinition
        if let manifest {
            definition = try ReleaseFolder.definition(at: manifest)
        } else {
            definition = try ReleaseFolder.definition(in: folder, named: path)
        }
        let date = try sourceDate(of: definition)
        let sources = try ReleaseSources(
            definition, from: folder, tree: tree, in: work.createDirectory("sources", mode: 0o700), sourceDate: date)
        for notice in sources.notices { Talk.say(notice) }
        let values = try ReleaseFolder.values(of: definition, in: folder)
        return PackageSource(
            definition: definition, folder: folder, inputs: sources.inputs.with(values), sourceDate: date)
    }

    /// Those that people write to: what an archive holds was unpacked for this build alone.
    var packedFolders: [String] {
        guard inputs.tree == nil else { return [] }
        return definition.units.flatMap(\.sources).filter { inputs.archives[$0.path] == nil }
            .map { "\(folder.path)/\($0.path)" }
    }

    private static func openTree(_ path: String, _ work: Directory) throws -> (Directory, UnpackedArchive?) {
        guard let file = try archive(at: path) else { return (try Directory.open(path), nil) }
        let folder = try work.createDirectory("tree", mode: 0o700).shown(as: path)
        return (folder, try ForeignArchive.unpack(file, named: Directory.split(path).name, into: folder))
    }

    /// nil where it is a folder.
    /// - Throws: `command.release.source` for a file of another kind.
    static func archive(at path: String) throws -> OpenFile? {
        let (folder, name) = Directory.split(path)
        // A link is followed, as people make them to what they built last: opening tells, not lstat.
        guard !name.isEmpty, (try? Directory.open(path)) == nil else { return nil }
        guard ArchiveKind(name: path) != nil else {
            if try Directory.open(folder).status(name)?.kind != .file { return nil }
            if let kind = (try? InputFile.read(path)).flatMap({ DefinitionKind.of($0) }) {
                throw CommandError(
                    code: "release.source",
                    summary: "\(path) is \(kind.words), not a folder with a release or an archive of one.",
                    remedy: kind.nextCommand(path))
            }
            throw CommandError(
                code: "release.source",
                summary: "\(path) is a file, and no .tar, .tar.gz, .tar.zst or .deb by its name.",
                remedy: "Name a release folder, or an archive of one.")
        }
        return try InputFile.open(path)
    }

    private static func sourceDate(of definition: ReleaseDefinition) throws -> UTCInstant {
        if let text = getenv("SOURCE_DATE_EPOCH").map({ String(cString: $0) }) {
            guard let seconds = Int64(digits: text), (0...253_402_300_799).contains(seconds) else {
                throw CommandError(
                    code: "package.sourceDate",
                    summary: "SOURCE_DATE_EPOCH is \(text.debugDescription), no number of seconds.",
                    remedy: "Set it to seconds since 1970, or unset it.")
            }
            return UTCInstant(secondsSince1970: seconds)
        }
        return definition.changes.compactMap(\.committedAt).max() ?? UTCInstant(secondsSince1970: 315_532_800)
    }
}
