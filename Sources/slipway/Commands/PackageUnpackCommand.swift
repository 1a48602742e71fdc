import ArgumentParser
import Effects
import ReleaseDefinition
import ReleasePackaging

struct PackageUnpackCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unpack", abstract: "Make the tree of a package, as a host would.",
        discussion: """
            Everything is checked before it is used, and DIR appears only when all of it is on the disk. Beside it \
            stands DIR.index.slip, the package without its payload: with it a later `unpack --base DIR` finds files that \
            only moved. Whether the package is approved is not asked here: hosts ask that.
            """)

    @Argument(help: "A FILE.slip.")
    var file: String

    @Argument(help: "The folder to make. It must not be there, or be empty.")
    var directory: String

    @Option(help: "The tree of an earlier release: unchanged files are taken from it. It is checked, not believed.")
    var base: String?

    @Option(
        help:
            "A patch from that earlier release: the rest comes from it and the tree, the package's payload is not read."
    )
    var patch: String?

    @Option(
        help: """
            How unchanged files are taken; as the package says, else copied. A linked file is shared: only where nobody \
            writes to either tree.
            """)
    var unchanged: UnchangedFiles?

    @Option(help: "Which unit; needed where the package has several.")
    var unit: String?

    @Option(help: "How many threads work; all processors unless given.")
    var jobs: Int?

    @Option(help: "How the result is printed.")
    var format = OutputFormat.table

    func validate() throws {
        if patch != nil, base == nil {
            throw ValidationError("--patch needs --base: it leads from that tree to the new one.")
        }
        if let jobs, !(1...64).contains(jobs) { throw ValidationError("--jobs must be 1 to 64, not \(jobs).") }
    }

    func run() async throws {
        let archive = try PackageArchive(InputFile.open(file))
        let chosen = try Self.unit(unit, of: archive.manifest)
        let (folder, name) = try Self.split(directory)
        let parent = try Directory.create(folder)
        try Self.checkFree(name, in: parent)
        try Self.checkRecord(of: directory, in: parent, name)
        let source = try await Self.source(of: chosen, in: archive, patch: patch, base: base)

        let staging = ".\(name).unpacking-\(Hexadecimal.encode(SystemRandom().bytes(6)))"
        let summary: UnpackSummary
        do {
            summary = try PayloadInstaller.unpack(
                chosen, index: source.index, members: source.members,
                into: parent.createDirectory(staging, mode: 0o755),
                base: source.base, unchanged: unchanged ?? chosen.definition.unchanged ?? .copy,
                jobs: jobs ?? Workers.coreCount)
            try parent.writeDurably(name + Self.recordSuffix, archive.bytesWithoutPayloads())
            try parent.rename(staging, to: name)
        } catch {
            try? parent.removeTree(staging)
            throw error
        }
        try OutputOptions(output: format).print(
            UnpackPresentation(
                release: archive.manifest.name, unit: chosen.name, directory: directory, summary: summary))
    }

    private typealias Source = (index: PayloadIndex, members: any MemberReader, base: BaseTree?)

    /// The package itself, or a patch and the tree that it leads from.
    private static func source(
        of unit: ManifestUnit, in archive: PackageArchive, patch: String?, base: String?
    ) async throws -> Source {
        if let patch, let base { return try patched(unit, patch, base) }
        async let earlier = Workers.suspending { try base.map { try Self.base($0, unit: unit) } }
        let index = try archive.index(of: unit)
        return (index, try archive.members(of: unit, index), try await earlier)
    }

    private static func patched(_ unit: ManifestUnit, _ patch: String, _ base: String) throws -> Source {
        guard let record = try record(of: base), let old = record.manifest[unit: unit.name, variant: unit.variant]
        else {
            throw CommandError(
                code: "package.base", summary: "There is no \(base)\(recordSuffix) that names the unit \(unit.name).",
                remedy: "A patch needs to know what is in the tree: make it with slipway package unpack.")
        }
        let text = try PayloadIndex.text(fromCompressed: record.bytes(of: old.payload.index), for: old.payload)
        let stream = try InstalledStream(
            Directory.open(base), index: PayloadIndex(parsing: text, for: old.payload))
        let reader = try PatchReader(
            InputFile.open(patch), to: unit.payload, from: stream, indexText: text)
        return (reader.index, reader, BaseTree(stream.tree, index: stream.index))
    }

    static let recordSuffix = ".index.slip"

    /// Named with its variant, `api.arm64`, it is that one; else the variant for this machine.
    static func unit(_ name: String?, of manifest: Manifest) throws -> ManifestUnit {
        if let exact = manifest.units.first(where: { $0.fileName == name }) { return exact }
        let manifest = try manifest.chosen(for: .current)
        if let name {
            if let unit = manifest.units.first(where: { $0.name.text == name }) { return unit }
        } else if manifest.units.count == 1 {
            return manifest.units[0]
        }
        throw CommandError(
            code: "package.unit",
            summary: name.map { "\(manifest.name) has no unit \($0.debugDescription)." }
                ?? "\(manifest.name) has \(manifest.units.count.of("unit")).",
            remedy: "Say which: --unit " + manifest.units.map(\.name.text).joined(separator: " or --unit ") + ".")
    }

    /// The folder that will hold it, and its name in there.
    private static func split(_ path: String) throws -> (folder: String, name: String) {
        var path = path[...]
        while path.count > 1, path.hasSuffix("/") { path = path.dropLast() }
        let (folder, name) = InputFile.split(String(path))
        guard !name.isEmpty, name != ".", name != ".." else {
            throw CommandError(
                code: "package.directory", summary: "\(path) does not end in the name of a folder.",
                remedy: "Name the folder to make, as in ./payments-1.4.")
        }
        return (folder, name)
    }

    private static func checkFree(_ name: String, in parent: Directory) throws {
        guard let status = try parent.status(name) else { return }
        if status.kind == .directory, try parent.directory(name).list().isEmpty { return }
        throw CommandError(
            code: "package.directory", summary: "\(parent.path)/\(name) is there already and is not an empty folder.",
            remedy: "Name another folder, or move that one away.")
    }

    /// The record of a tree that was unpacked there before is replaced; somebody's own file of that name is not.
    private static func checkRecord(of directory: String, in parent: Directory, _ name: String) throws {
        guard try parent.status(name + recordSuffix) != nil else { return }
        if (try? record(of: directory)) != nil { return }
        throw CommandError(
            code: "package.record", summary: "\(directory)\(recordSuffix) is there already and is no record of a tree.",
            remedy: "Move it away: what was unpacked is noted there.")
    }

    /// The index of what was unpacked there helps, but is not needed: every file is hashed.
    private static func base(_ path: String, unit: ManifestUnit) throws -> BaseTree {
        let tree = try Directory.open(path)
        guard let record = try? record(of: path), let old = record.manifest[unit: unit.name, variant: unit.variant],
            let index = try? record.index(of: old)
        else { return BaseTree(tree) }
        return BaseTree(tree, index: index)
    }
}

extension PackageUnpackCommand {
    /// What stands beside a tree that was unpacked.
    private static func record(of path: String) throws -> PackageArchive? {
        let (folder, name) = try split(path)
        let holder = try Directory.open(folder)
        guard try holder.status(name + recordSuffix)?.kind == .file else { return nil }
        return try PackageArchive(holder.openFile(name + recordSuffix))
    }
}

extension UnchangedFiles: ExpressibleByArgument {}

struct UnpackPresentation: Presentable {
    var release: ReleaseName
    var unit: UnitName
    var directory: String
    var summary: UnpackSummary

    static let columns = ["RELEASE", "UNIT", "DIRECTORY", "FILES", "BYTES", "UNCHANGED"]
    var cells: [String] {
        [
            release.description, unit.text, directory, String(summary.files), summary.bytes.description,
            "\(summary.unchanged) (\(summary.unchangedBytes))",
        ]
    }
    var name: String { directory }
}
