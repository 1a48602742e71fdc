import ArgumentParser
import Effects
import ReleaseDefinition
import ReleaseDistribution
import ReleaseTrust

/// Options stand before the word that says what to do, as the conformance tests of TUF write them; so this is one command
/// with a word, not a group of commands.
struct RepositoryClientCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "client", abstract: "Read any TUF repository: verify its metadata, download targets.",
        discussion: """
            init ROOT pins the first root, which you got by a way that you trust; no request is made. refresh brings \
            root, timestamp, snapshot and targets up to date. download does so too, then fetches each --target-name in \
            order; a file that is there with the right hash is not fetched again.

            Keys may be Ed25519, ECDSA P-256 or RSA-PSS; hashes SHA-256 or SHA-512. What a server sends is believed by \
            its signatures alone: over https no certificate is checked. Ends with 0 or 1 and nothing else.
            """)

    enum Act: String, ExpressibleByArgument, CaseIterable {
        case `init`, refresh, download
    }

    @Option(help: "Folder of the trusted metadata; made if it is missing.")
    var metadataDir: String

    @Option(help: "Address of the repository's metadata.")
    var metadataUrl: String?

    @Option(help: "Path of a target to download; may be repeated.")
    var targetName: [String] = []

    @Option(help: "Folder for downloaded targets; made if it is missing.")
    var targetDir: String?

    @Option(help: "Address of the repository's targets.")
    var targetBaseUrl: String?

    @Option(help: "How many seconds one file may take; a long target gets more, by its signed length.")
    var timeout = 60

    @Argument(help: "What to do: init, refresh or download.")
    var act: Act

    @Argument(help: "With init: the file that holds the first root.")
    var root: String?

    /// The protocol of the conformance tests knows no other codes than 0 and 1, whatever went wrong.
    static func limited(_ exit: ProgramExit) -> ProgramExit {
        guard CommandLine.arguments.dropFirst().starts(with: ["repository", "client"]) else { return exit }
        return exit == .done ? .done : .failed
    }

    func run() async throws {
        // One time for the whole update. TUF 5.1.
        let now = SystemTime().now()
        let metadata = try Directory.create(metadataDir)
        switch act {
        case .`init`:
            let bytes = try InputFile.read(needed(root, "ROOT"), sizeMax: TrustLimits.rootSizeMax)
            try PlainClient.start(root: bytes, in: metadata, at: now)
        case .refresh:
            try await withClient(metadata) { try await $0.refresh(at: now) }
        case .download:
            let folder = try Directory.create(needed(targetDir, "--target-dir"))
            guard !targetName.isEmpty else { throw Self.missing("--target-name") }
            _ = try needed(targetBaseUrl, "--target-base-url")
            try await withClient(metadata) { _ = try await $0.download(targetName, into: folder, at: now) }
        }
    }

    private func withClient(_ metadata: Directory, _ body: (PlainClient) async throws -> Void) async throws {
        let http = LiveHTTP.withoutVerification(userAgent: "slipway/\(SlipwayVersion.text)")
        let client = PlainClient(
            metadata: metadata, http: http, time: SystemTime(), metadataURL: try needed(metadataUrl, "--metadata-url"),
            targetsURL: targetBaseUrl, timeout: .seconds(Int64(max(1, min(timeout, 86_400)))))
        do { try await body(client) } catch {
            await http.shutdown()
            throw error
        }
        await http.shutdown()
    }

    private func needed(_ value: String?, _ name: String) throws -> String {
        guard let value, !value.isEmpty else { throw Self.missing(name) }
        return value
    }

    private static func missing(_ name: String) -> CommandError {
        CommandError(
            code: "client.option", summary: "\(name) is missing.",
            remedy: "See what each act needs with: slipway repository client --help")
    }
}
