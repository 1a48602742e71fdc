import ArgumentParser
import Effects
import ReleaseDefinition
import ReleasePackaging

struct PackageBuildCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "build", abstract: "Build a package from a folder or an archive.",
        discussion: """
            The same folder and source date give the same manifest on any machine. The source date is \
            SOURCE_DATE_EPOCH, else the newest `committed` of the changes, else 1980-01-01.
            """)

    @Argument(help: "The folder, or the .tar, .tar.gz, .tar.zst or .deb, that the definition's paths are relative to.")
    var tree: String

    @Option(help: "The definition; TREE/release.yaml unless given.")
    var manifest: String?

    // `--output` is the file here, as in every command that writes one; the form of the data is `--format`.
    @Option(name: .customLong("output"), help: "The package to write, as FILE.slip.")
    var file: String

    @OptionGroup var replacing: OutputFileOptions

    @Option(help: "An earlier package of the product: what did not change is taken from it.")
    var base: String?

    @Option(help: "How hard to compress, from 1 to 12.")
    var level = PackageBuilder.levelDefault

    @Option(help: "How many threads compress; all processors unless given.")
    var jobs: Int?

    @Option(help: "How the result is printed.")
    var format = OutputFormat.table

    func validate() throws {
        if let jobs, jobs < 1 { throw ValidationError("--jobs must be at least 1, not \(jobs).") }
    }

    func run() async throws {
        let output = try OutputFile(file, force: replacing.force)
        let built = try await WorkFolder.with { work in
            let source = try PackageSource.open(tree, manifest: manifest, work: work)
            try output.refuse(within: source.packedFolders)
            DraftOwner.notice(source.definition).map(Talk.say)
            let blobs = BlobStore(try work.createDirectory("blobs"), .scratch)
            let earlier = try base.map { PackageBase(try PackageArchive(InputFile.open($0))) }
            let progress = ProgressLine("Packed")
            defer { progress.clear() }
            // With a base an earlier build has said it: looking at every file once more costs a tenth of a warm build.
            if base == nil {
                DroppedAttributes(source.definition, in: source.folder, inputs: source.inputs).notice.map(Talk.say)
            }
            let built = try await PackageBuilder.build(
                source.definition, from: source.folder, inputs: source.inputs, into: blobs,
                sourceDate: source.sourceDate, base: earlier, level: level, jobs: jobs ?? Workers.coreCount,
                progress: progress.show)
            progress.sayDone()
            try output.write { try PackageFile.write(built.manifestBytes, blobs: blobs, to: $0) }
            return built
        }
        Talk.say("\(file): \(built.manifest.name), manifest \(built.digest.short).")
        try OutputOptions(output: format).print(PackagePresentation(manifest: built.manifest, digest: built.digest))
    }
}
