import ArgumentParser
import ControllerAPI
import Effects
import ForeignArchives
import ReleaseDefinition
import ReleasePackaging

struct ReleaseSubmitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "submit", abstract: "Give the controller a release folder, an archive of one, or a built package.",
        discussion: "The controller builds it; it is published once it is approved: at once in the profile solo.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Argument(
        help: "A folder with release.yaml, a .tar, .tar.gz, .tar.zst or .deb that unpacks to one, or a FILE.slip.")
    var path: String

    @Option(help: "The definition of an archive that holds no release.yaml, as a .deb; its paths are in the archive.")
    var manifest: String?

    @Option(help: "The first environment it is approved for.", transform: { try EnvironmentName($0) })
    var environment = EnvironmentName(unchecked: "staging")

    func validate() throws {
        if manifest != nil, ArchiveKind(name: path) == nil {
            throw ValidationError(
                "--manifest describes an archive; in a folder it is release.yaml, in a .slip it is built in.")
        }
    }

    func run() async throws {
        let (view, isNew) = try await WorkFolder.with { work in
            let (file, type) = try body(work)
            let size = try file.size()
            Talk.say("Sending \(path) (\(size)) …")
            let progress = ProgressLine("Sent")
            defer { progress.clear() }
            let submitted = try await connection.withClient {
                try await $0.submit(file, type: type, environment: environment) {
                    progress.show(BuildProgress(done: ByteCount($0), total: size))
                }
            }
            progress.sayDone()
            return submitted
        }
        if !isNew {
            Talk.say("\(view.release) was submitted at \(view.submittedAt) with the same bytes: it stays as it is.")
        }
        Talk.say(view.words(in: environment))
        try output.print(ReleasePresentation(release: view))
    }

    private func body(_ work: Directory) throws -> (OpenFile, ReleaseSubmissionType) {
        if path.hasSuffix(".slip") { return (try InputFile.open(path), .package) }
        // Problems of the definition are cheaper to hear before anything is sent.
        if let archive = try PackageSource.archive(at: path) {
            let source = try PackageSource.open(path, manifest: manifest, work: work)
            DraftOwner.notice(source.definition).map(Talk.say)
            return (try body(of: archive, work), .foreignArchive)
        }
        let folder = try Directory.open(path)
        let definition = try ReleaseFolder.definition(in: folder, named: path)
        _ = try ReleaseFolder.values(of: definition, in: folder)
        DraftOwner.notice(definition).map(Talk.say)
        DroppedAttributes(definition, in: folder).notice.map(Talk.say)
        let file = try work.createFile("release.tar", mode: 0o600)
        try SourceArchive.write(folder, to: file)
        return (file, .sourceArchive)
    }

    /// The archive as it is, so that the controller can record its bytes and make a .deb's bill of materials.
    private func body(of archive: OpenFile, _ work: Directory) throws -> OpenFile {
        let folder = try work.createDirectory("upload", mode: 0o700)
        let copy = try folder.createDirectory(ReleaseSubmissionType.archiveFolder)
            .createFile(Directory.split(path).name, mode: 0o644)
        var position: Int64 = 0
        while case let piece = try archive.read(at: position, count: 1 << 20), !piece.isEmpty {
            try copy.write(piece)
            position += Int64(piece.count)
        }
        if let manifest {
            try folder.createFile(ReleaseFolder.definitionName)
                .write(try InputFile.read(manifest, sizeMax: ReleaseFolder.definitionSizeMax))
        }
        let file = try work.createFile("release.tar", mode: 0o600)
        try SourceArchive.write(folder, to: file)
        return file
    }
}
