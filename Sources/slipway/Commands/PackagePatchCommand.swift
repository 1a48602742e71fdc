import ArgumentParser
import Effects
import ReleaseDefinition
import ReleasePackaging

struct PackagePatchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "patch", abstract: "Make the patch that leads from one package's tree to another's.",
        discussion: """
            A host that runs OLD makes NEW from it and the patch. The controller makes patches by itself for what its \
            hosts run; this one is for `package unpack --patch`.
            """)

    @Argument(help: "The package that is installed.")
    var old: String

    @Argument(help: "The package to get to.")
    var new: String

    @Option(name: .customLong("output"), help: "The patch to write.")
    var file: String

    @OptionGroup var replacing: OutputFileOptions

    @Option(help: "Which unit; needed where the package has several.")
    var unit: String?

    @Option(help: "How many threads work; all processors unless given. Each takes up to 55 MiB.")
    var jobs: Int?

    @Option(help: "How the result is printed.")
    var format = OutputFormat.table

    func validate() throws {
        if let jobs, !(1...64).contains(jobs) { throw ValidationError("--jobs must be 1 to 64, not \(jobs).") }
    }

    func run() async throws {
        let pair = try PackagePair(old, new)
        let chosen = try PackageUnpackCommand.unit(unit, of: pair.new.manifest)
        guard let sides = try pair.sides(of: chosen) else {
            throw CommandError(
                code: "package.unit", summary: "\(pair.old.manifest.name) has no unit \(chosen.name).",
                remedy: "A new unit is fetched whole; no patch leads to it.")
        }
        let output = try OutputFile(file, force: replacing.force)
        let jobs = jobs ?? Workers.coreCount
        let summary = try await WorkFolder.with { work in
            let builder = try PatchBuilder(
                from: sides.old, to: sides.new, persistent: chosen.definition.persistent,
                scratch: work.createFile("frames"))
            return try output.write { file in try builder.run(jobs: jobs) { try file.write($0) } }
        }
        try OutputOptions(output: format).print(
            PatchPresentation(
                from: pair.old.manifest.name, to: pair.new.manifest.name, unit: chosen.name, file: file,
                bytes: summary.length, index: summary.indexBytes, frames: summary.frames, members: summary.members,
                tar: summary.tarBytes, whole: chosen.payload.compressed.length))
    }
}

struct PatchPresentation: Presentable, Decodable {
    var from: ReleaseName
    var to: ReleaseName
    var unit: UnitName
    var file: String
    var bytes: ByteCount
    /// Of these, what codes the new index.
    var index: ByteCount
    var frames: Int
    var members: Int
    var tar: ByteCount
    var whole: ByteCount

    static let columns = ["FROM", "TO", "UNIT", "FILE", "BYTES", "PAYLOAD"]
    var cells: [String] {
        [from.description, to.description, unit.text, file, bytes.description, whole.description]
    }
    var name: String { file }
}
