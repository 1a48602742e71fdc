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

    private static func openTree(_ path: String, _ work: Directory) throws -> (Directory, UnpackedArchive?) {
        guard ArchiveKind(name: path) != nil, let file = try? InputFile.open(path) else {
            return (try Directory.open(path), nil)
        }
        let folder = try work.createDirectory("tree", mode: 0o700)
        return (folder, try ForeignArchive.unpack(file, named: InputFile.split(path).name, into: folder))
    }

    private static func sourceDate(of definition: ReleaseDefinition) throws -> UTCInstant {
        if let text = getenv("SOURCE_DATE_EPOCH").map({ String(cString: $0) }) {
            guard let seconds = Int64(text), (0...253_402_300_799).contains(seconds) else {
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
