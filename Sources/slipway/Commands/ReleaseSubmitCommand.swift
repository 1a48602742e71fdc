import ArgumentParser
import ControllerAPI
import Effects
import ReleaseDefinition
import ReleasePackaging

struct ReleaseSubmitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "submit", abstract: "Give the controller a release folder, or a built package.",
        discussion: "The controller builds it; it is published once it is approved: at once in the profile solo.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "A folder with release.yaml, or a FILE.slip.")
    var path: String

    @Option(help: "The first environment it is approved for.", transform: { try EnvironmentName($0) })
    var environment = EnvironmentName(unchecked: "staging")

    func run() async throws {
        let (view, isNew) = try await WorkFolder.with { work in
            let (file, type) = try body(work)
            Talk.say("Sending \(path) (\(try file.size())) …")
            return try await connection.withClient {
                try await $0.submit(file, type: type, environment: environment)
            }
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
        let folder = try Directory.open(path)
        let definition = try ReleaseFolder.definition(in: folder, named: path)
        _ = try ReleaseFolder.values(of: definition, in: folder)
        let file = try work.createFile("release.tar", mode: 0o600)
        try SourceArchive.write(folder, to: file)
        return (file, .sourceArchive)
    }
}
