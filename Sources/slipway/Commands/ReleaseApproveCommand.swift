import ArgumentParser
import ControllerAPI
import ReleaseDefinition
import ReleaseTrust

/// What every command that signs takes.
struct SigningOptions: ParsableArguments {
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var keyFile: KeyFileOptions
    @OptionGroup var trust: TrustOptions
    @OptionGroup var confirming: ConfirmationOptions

    func signing(_ client: ControllerClient, keys: [SigningKey]? = nil) throws -> ChangeSigning {
        ChangeSigning(
            client: client, folder: try trust.open(client),
            keys: try keys ?? keyFile.keys(noInput: confirming.noInput), confirmation: confirming.confirmation)
    }
}

struct ReleaseApproveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "approve", abstract: "Look at what would change, and sign it with your key.",
        discussion: """
            The candidate is fetched, compared with the metadata that you trust (verified here, from your own root), and \
            shown in plain words; anything beyond the one release comes first. The key never leaves this machine, only \
            the signature is sent. When enough people have signed, the release is published.
            """)

    @OptionGroup var signing: SigningOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "PRODUCT@VERSION.", completion: .releases, transform: { try ReleaseName($0) })
    var release: ReleaseName

    @Option(
        help: "The environment; emergency for the emergency role.", transform: { try EnvironmentName($0) })
    var environment: EnvironmentName

    func run() async throws {
        let view = try await signing.connection.withClient { client in
            let signer = try signing.signing(client)
            let change = try await client.approval(of: release, in: environment)
            _ = try await signer.run(change, wanted: (ApprovalPlace(word: environment), release))
            return try await client.release(release)
        }
        try output.print(ReleasePresentation(release: view))
    }
}

extension ApprovalPlace {
    init(word: EnvironmentName) {
        self = word.text == ApprovalPlace.emergencyWord ? .emergency : .environment(word)
    }
}
