import ArgumentParser
import ControllerAPI

/// A controller, where one is named: the command also works without.
struct OptionalConnection: ParsableArguments {
    @Option(help: "The controller's folder, as `slipway init` made it: its client.json says the rest.")
    var dir: String?

    @Option(help: "Address of the controller, as https://controller.example:8443.")
    var controller: String?

    @Option(help: "File that holds your token; a token is never given on the command line.")
    var tokenFile: String?

    @Option(help: "PEM file of the controller's certificate authority.")
    var authority: String?

    var isGiven: Bool { dir != nil || controller != nil || tokenFile != nil || authority != nil }

    func withClient<Result>(_ body: (ControllerClient) async throws -> Result) async throws -> Result {
        var connection = ConnectionOptions()
        connection.dir = dir
        connection.controller = controller
        connection.tokenFile = tokenFile
        connection.authority = authority
        try connection.validate()
        return try await connection.withClient(body)
    }
}
