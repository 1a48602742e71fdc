import ArgumentParser
import Effects
import ReleaseDefinition
import ReleasePackaging

struct PackageVerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check a package to the last file.",
        discussion: """
            Every entry against the manifest, every payload's tar stream, and every file in it against the index. \
            Whether anybody approved it, hosts check against their trusted metadata.
            """)

    @OptionGroup var output: OutputOptions

    @Argument(help: "A FILE.slip.")
    var file: String

    func run() async throws {
        let archive = try PackageArchive(InputFile.open(file))
        let verification = try await Workers.suspending { try PackageVerification(archive) }
        try output.print(VerifyPresentation(release: archive.manifest.name, verification: verification))
        guard verification.isWhole else {
            throw CommandError(
                code: "package.damaged",
                summary: "\(file): \(archive.manifest.name) has \(verification.findings.count.of("fault")).",
                remedy: "Copy it again; if that does not help, build it again. No host would install it.")
        }
        Talk.say("\(file): \(archive.manifest.name) is whole.")
    }
}

struct VerifyPresentation: Presentable, Decodable {
    var release: ReleaseName
    var verification: PackageVerification

    static let columns = ["RELEASE", "ENTRIES", "FILES", "FOLDERS", "LINKS", "BYTES", "FAULTS"]
    var cells: [String] {
        [
            release.description, String(verification.entries), String(verification.files),
            String(verification.folders), String(verification.links),
            verification.bytes.description, String(verification.findings.count),
        ]
    }
    var name: String { release.description }

    var details: String {
        TextTable(Self.columns, [cells]).text
            + verification.findings.map { finding in
                let values = [finding.expected.map { "expected \($0)" }, finding.found.map { "found \($0)" }]
                    .compactMap(\.self)
                return "\(finding.place) \(finding.problem)" + (values.isEmpty ? "" : ": ")
                    + values.joined(separator: ", ") + "\n"
            }.joined()
    }
}
