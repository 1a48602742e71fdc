import ArgumentParser
import ReleasePackaging

struct PackageInspectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect", abstract: "Print what a package holds.",
        discussion: "Every digest in it is checked on the way. Whether anybody approved it is another question.")

    @OptionGroup var output: OutputOptions

    @Argument(help: "A FILE.slip.")
    var file: String

    func run() async throws {
        let contents = try await WorkFolder.with { work in
            try PackageFile.read(InputFile.open(file), into: BlobStore(work))
        }
        try output.print(
            PackagePresentation(manifest: contents.manifest, digest: try contents.manifest.digest))
    }
}
