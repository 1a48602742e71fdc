import ArgumentParser
import ReleaseDefinition
import ReleasePackaging

struct PackageInspectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect", abstract: "Print what a package holds.",
        discussion: """
            The manifest and the indexes are checked on the way, the payloads are not read: `package verify` does. \
            Whether anybody approved it is another question.
            """)

    @OptionGroup var output: OutputOptions

    @Argument(help: "A FILE.slip.")
    var file: String

    @Flag(help: "List every file of every unit.")
    var files = false

    func run() async throws {
        let archive = try PackageArchive(InputFile.open(file))
        let units = try archive.manifest.units.map { try UnitContents($0, archive.index(of: $0), listsFiles: files) }
        try output.print(
            PackagePresentation(
                manifest: archive.manifest, digest: SHA256Digest(of: archive.manifestBytes), contents: units))
    }
}

/// What a unit's index says.
struct UnitContents: Codable {
    struct Entry: Codable {
        var path: String
        /// `file`, `folder` or `link`.
        var kind: String
        var mode: String
        var owner: String?
        var group: String?
        var size: ByteCount?
        var sha256: SHA256Digest?
        var target: String?
        var changedAt: UTCInstant
    }

    var unit: UnitName
    var variant: VariantName?
    var members: Int
    var files: Int
    var folders: Int
    var links: Int
    /// nil unless they were asked for.
    var entries: [Entry]?

    init(_ unit: ManifestUnit, _ index: PayloadIndex, listsFiles: Bool) {
        self.unit = unit.name
        variant = unit.variant
        members = index.members.count
        files = index.entries.count { $0.file != nil }
        folders = index.entries.count { $0.content == .directory }
        links = index.entries.count - files - folders
        entries = listsFiles ? index.entries.map { Entry($0) } : nil
    }
}

extension UnitContents.Entry {
    init(_ entry: PayloadEntry) {
        (path, owner, group, changedAt) = (entry.path.text, entry.owner, entry.group, entry.changedAt)
        mode =
            String(repeating: "0", count: max(0, 4 - String(entry.mode, radix: 8).count)) + String(entry.mode, radix: 8)
        switch entry.content {
        case .directory: kind = "folder"
        case .file(let blob): (kind, size, sha256) = ("file", blob.length, blob.sha256)
        case .link(let link): (kind, target) = ("link", link.text)
        }
    }

    var line: String {
        let account = "\(owner ?? "root"):\(group ?? "root")"
        let what = target.map { "-> \($0)" } ?? sha256.map { $0.hex } ?? ""
        return "\(mode) \(account) \(size.map { String($0.value) } ?? "-") \(changedAt) \(path) \(what)\n"
    }
}
