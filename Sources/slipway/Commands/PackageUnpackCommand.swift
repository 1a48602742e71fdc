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
            "A patch from that earlier release: the rest comes from it and the tree. Where it cannot be used, from the payload."
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
        let (folder, name) = try UnpackRecord.split(directory)
        let parent = try Directory.create(folder)
        try Self.checkFree(name, in: parent)
        try UnpackRecord.checkReplaceable(of: directory, in: parent, name)
        let made = try await make(chosen, of: archive, as: name, in: parent)
        try OutputOptions(output: format).print(
            UnpackPresentation(
                release: archive.manifest.name, unit: chosen.name, directory: directory, way: made.way,
                summary: made.summary))
    }

    private typealias Made = (way: UnpackWay, summary: UnpackSummary)

    /// By the patch, if there is one and it can be used; else by the payload, if the package has it.
    private func make(
        _ unit: ManifestUnit, of archive: PackageArchive, as name: String, in parent: Directory
    ) async throws -> Made {
        guard let patch, let base else {
            return try await install(.payload(of: unit, in: archive, base: base), unit, archive, name, parent)
        }
        // One that is not there is a slip of the pen, and no doubt about what it holds.
        let opened = try InputFile.open(patch)
        _ = try Directory.open(base)
        do {
            return try install(.patched(unit, opened, base), unit, archive, name, parent)
        } catch  where Self.isAboutPatch(error) {
            let found = ReportedError(error)
            guard archive.has(unit.payload.compressed) else {
                throw CommandError(
                    code: "package.patch",
                    summary: "\(patch) cannot be used: \(found.summary) \(file) has no payload to take instead.",
                    remedy: "Unpack the whole package of \(archive.manifest.name): slipway package unpack FILE.slip"
                        + " \(directory) --base \(base). A patch leads from an unchanged tree only, and from the"
                        + " release that it was made for.",
                    cause: found.code)
            }
            Talk.say("\(patch) is not used (\(found.code)): \(found.summary) The payload in \(file) is.")
            return try await install(.payload(of: unit, in: archive, base: base), unit, archive, name, parent)
        }
    }

    /// Whether another way can lead there: what is wrong is the patch, the tree it leads from, or what is known of that.
    private static func isAboutPatch(_ error: any Error) -> Bool {
        let code = ReportedError(error).code
        return code == "command.package.base"
            || ["patch", "index", "package", "archive", "manifest"].contains { code.hasPrefix("packaging.\($0).") }
    }

    /// What a killed unpacking of the same folder left goes first.
    private func install(
        _ source: UnpackSource, _ unit: ManifestUnit, _ archive: PackageArchive, _ name: String, _ parent: Directory
    ) throws -> Made {
        let prefix = ".\(name).unpacking-"
        _ = try? parent.sweepClaims(prefix)
        let staging = try parent.claimDirectory(prefix, mode: 0o755)
        do {
            let summary = try PayloadInstaller.unpack(
                unit, index: source.index, members: source.members, into: staging.place, base: source.base,
                unchanged: unchanged ?? unit.definition.unchanged ?? .copy, jobs: jobs ?? Workers.coreCount)
            try parent.writeDurably(name + UnpackRecord.suffix, archive.bytesWithoutPayloads())
            try staging.become(name)
            return (source.way, summary)
        } catch {
            try? staging.remove()
            throw error
        }
    }

    /// Named with its variant, `api.arm64`, it is that one; else the variant for this machine.
    static func unit(_ name: String?, of manifest: Manifest) throws -> ManifestUnit {
        if let exact = manifest.units.first(where: { $0.fileName == name }) { return exact }
        let manifest = try manifest.chosen(for: .current())
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

    private static func checkFree(_ name: String, in parent: Directory) throws {
        guard let status = try parent.status(name) else { return }
        if status.kind == .directory, try parent.directory(name).list().isEmpty { return }
        throw CommandError(
            code: "package.directory", summary: "\(parent.path)/\(name) is there already and is not an empty folder.",
            remedy: "Name another folder, or move that one away.")
    }
}

extension UnchangedFiles: ExpressibleByArgument {}

struct UnpackPresentation: Presentable, Decodable {
    var release: ReleaseName
    var unit: UnitName
    var directory: String
    var way: UnpackWay
    var summary: UnpackSummary

    static let columns = ["RELEASE", "UNIT", "DIRECTORY", "FROM", "FILES", "BYTES", "UNCHANGED"]
    var cells: [String] {
        [
            release.description, unit.text, directory, way.rawValue, String(summary.files), summary.bytes.description,
            "\(summary.unchanged) (\(summary.unchangedBytes))",
        ]
    }
    var name: String { directory }
}
