import ReleaseDefinition
import ReleasePackaging

/// A package for people and programs: the manifest's members, `digest`, and `contents` where its indexes were read.
struct PackagePresentation: Presentable {
    var manifest: Manifest
    var digest: SHA256Digest
    var contents: [UnitContents]?

    static let columns = ["RELEASE", "CATEGORY", "MANIFEST", "SUMMARY"]
    var cells: [String] {
        [manifest.name.description, manifest.category.rawValue, digest.hex, manifest.summary]
    }
    var name: String { manifest.name.description }

    private enum Keys: String, CodingKey { case digest, contents }

    func encode(to encoder: any Encoder) throws {
        try manifest.encode(to: encoder)
        var container = encoder.container(keyedBy: Keys.self)
        try container.encode(digest, forKey: .digest)
        try container.encodeIfPresent(contents, forKey: .contents)
    }

    var details: String {
        let build = manifest.build
        let facts = TextTable(pairs: [
            ("release", manifest.name.description), ("category", manifest.category.rawValue),
            ("summary", manifest.summary), ("owner", manifest.owner), ("manifest", digest.hex),
            ("source date", build.sourceDate.description),
            ("compressor", "\(build.compressor), level \(build.compressionLevel), cut \(build.cut)"),
            ("definition", build.definition.hex),
        ])
        let units = TextTable(
            ["UNIT", "INSTALLED TO", "PATHS", "COMPRESSED", "UNPACKED", "PAYLOAD"],
            manifest.units.map {
                [
                    $0.fileName, $0.definition.installTo, String($0.payload.fileCount),
                    $0.payload.compressed.length.description, $0.payload.tar.length.description,
                    $0.payload.compressed.sha256.hex,
                ]
            })
        let parts = [facts.text, units.text, inputs, hooks, others, holdings]
        return parts.filter { !$0.isEmpty }.joined(separator: "\n")
    }

    private var inputs: String {
        let rows = manifest.build.inputs.map { input in
            let unit = input.unit.map(\.text) ?? "release"
            return [
                input.variant.map { "\(unit).\($0)" } ?? unit, input.kind, input.path,
                input.archive.map { "\($0.sha256.hex)" } ?? "-",
            ]
        }
        return rows.isEmpty ? "" : TextTable(["MADE FROM", "KIND", "PATH", "ARCHIVE"], rows).text
    }

    private var hooks: String {
        var rows: [[String]] = []
        for unit in manifest.units where unit.variant == unit.definition.variants?.first?.name {
            rows += unit.hooks.map {
                [unit.name.text, $0.moment.rawValue, $0.blob.length.description, $0.blob.sha256.hex]
            }
        }
        return rows.isEmpty ? "" : TextTable(["HOOKS OF", "AT", "SIZE", "PROGRAM"], rows).text
    }

    private var others: String {
        let documents = manifest.documents.map {
            [
                $0.isBillOfMaterials ? "bill of materials" : "document", $0.path, $0.blob.length.description,
                $0.blob.sha256.hex,
            ]
        }
        let values = manifest.values.map {
            ["values", $0.environment.text, $0.blob.length.description, $0.blob.sha256.hex]
        }
        let rows = values + documents
        return rows.isEmpty ? "" : TextTable(["ALSO", "NAME", "SIZE", "BYTES"], rows).text
    }

    private var holdings: String {
        guard let contents else { return "" }
        let table = TextTable(
            ["CONTENTS OF", "MEMBERS", "FILES", "FOLDERS", "LINKS"],
            contents.map { unit in
                let name = unit.variant.map { "\(unit.unit).\($0)" } ?? unit.unit.text
                return [name, String(unit.members), String(unit.files), String(unit.folders), String(unit.links)]
            })
        return table.text + contents.flatMap { $0.entries ?? [] }.map(\.line).joined()
    }
}
