import ArgumentParser
import Effects
import ForeignArchives
import Glibc
import ReleaseDefinition
import ReleasePackaging

struct PackageBuildCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "build", abstract: "Build a package from a folder.",
        discussion: """
            The same folder and source date give the same manifest on any machine. The source date is \
            SOURCE_DATE_EPOCH, else the newest `committed` of the changes, else 1980-01-01.
            """)

    @Argument(help: "The folder that the definition's paths are relative to.")
    var tree: String

    @Option(help: "The definition; TREE/release.yaml unless given.")
    var manifest: String?

    // `--output` is the file here, as in every command that writes one; the form of the data is `--format`.
    @Option(name: .customLong("output"), help: "The package to write, as FILE.slip.")
    var file: String

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
        let definition = try ReleaseFolder.definition(in: tree, manifest: manifest)
        let sourceDate = try Self.sourceDate(of: definition)
        let source = try Directory.open(tree)
        let (folder, name) = InputFile.split(file)
        let destination = try Directory.open(folder)
        let built = try await WorkFolder.with { work in
            let blobs = BlobStore(work, .scratch)
            let earlier = try base.map { PackageBase(try PackageArchive(InputFile.open($0))) }
            let (inputs, notices) = try ReleaseSources.prepare(
                definition, from: source, in: work.createDirectory("sources", mode: 0o700))
            for notice in notices { Talk.say(notice) }
            let built = try await PackageBuilder.build(
                definition, from: source, inputs: inputs, into: blobs, sourceDate: sourceDate, base: earlier,
                level: level,
                jobs: jobs ?? Workers.coreCount)
            // Beside its name first: a package that is there is whole.
            let temporary = ".\(name).building"
            try destination.removeFile(temporary)
            try PackageFile.write(built.manifestBytes, blobs: blobs, to: destination.createFile(temporary))
            try destination.rename(temporary, to: name)
            return built
        }
        Talk.say("\(file): \(built.manifest.name), manifest \(built.digest.short).")
        try OutputOptions(output: format).print(PackagePresentation(manifest: built.manifest, digest: built.digest))
    }

    static func sourceDate(of definition: ReleaseDefinition) throws -> UTCInstant {
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
