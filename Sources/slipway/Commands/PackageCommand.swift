import ArgumentParser
import ReleaseDefinition
import ReleasePackaging

struct PackageCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "package", abstract: "Package files: build and read them, without a controller.",
        subcommands: [
            PackageBuildCommand.self, PackageInspectCommand.self, PackageVerifyCommand.self, PackageUnpackCommand.self,
            PackageDeltaCommand.self, PackagePatchCommand.self,
        ])
}

struct PackagePresentation: Presentable {
    var manifest: Manifest
    var digest: SHA256Digest

    static let columns = ["RELEASE", "CATEGORY", "MANIFEST", "SUMMARY"]
    var cells: [String] {
        [manifest.name.description, manifest.category.rawValue, digest.hex, manifest.summary]
    }
    var name: String { manifest.name.description }
    func encode(to encoder: any Encoder) throws { try manifest.encode(to: encoder) }

    var details: String {
        let facts = TextTable(pairs: [
            ("release", manifest.name.description), ("category", manifest.category.rawValue),
            ("summary", manifest.summary), ("owner", manifest.owner), ("manifest", digest.hex),
            ("source date", manifest.build.sourceDate.description), ("compressor", manifest.build.compressor),
        ])
        let units = TextTable(
            ["UNIT", "INSTALLED TO", "FILES", "COMPRESSED", "UNPACKED", "PAYLOAD"],
            manifest.units.map {
                [
                    $0.name.text, $0.definition.installTo, String($0.payload.fileCount),
                    $0.payload.compressed.length.description, $0.payload.tar.length.description,
                    $0.payload.compressed.sha256.hex,
                ]
            })
        let documents = manifest.documents.map { "document  \($0.path)  \($0.blob.length)\n" }.joined()
        return facts.text + "\n" + units.text + (documents.isEmpty ? "" : "\n" + documents)
    }
}
