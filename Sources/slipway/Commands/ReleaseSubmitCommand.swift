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
        let (bytes, type) = try body()
        Talk.say("Sending \(path) (\(ByteCount(bytes.count))) …")
        let view = try await connection.withClient {
            try await $0.submit(bytes, type: type, environment: environment)
        }
        Talk.say(view.words(in: environment))
        try output.print(ReleasePresentation(release: view))
    }

    private func body() throws -> ([UInt8], ReleaseSubmissionType) {
        if path.hasSuffix(".slip") {
            return (try InputFile.read(path, sizeMax: ByteCount(4 << 30)), .package)
        }
        // Problems of the definition are cheaper to hear before anything is sent.
        let folder = try Directory.open(path)
        let definition = try ReleaseFolder.definition(in: folder, named: path)
        _ = try ReleaseFolder.values(of: definition, in: folder)
        return (try SourceArchive.bytes(of: folder), .sourceArchive)
    }
}
