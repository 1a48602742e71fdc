import ArgumentParser
import ControllerAPI
import Effects
import ReleaseDefinition

/// Which controller a command talks to, and as whom.
struct ConnectionOptions: ParsableArguments {
    @OptionGroup private var named: OptionalConnection

    var dir: String? { named.dir }

    func validate() throws { try named.requireController() }

    func withClient<Result>(_ body: (ControllerClient) async throws -> Result) async throws -> Result {
        try await named.withClient(body)
    }
}

/// The same, for a command that also works without a controller.
struct OptionalConnection: ParsableArguments {
    @Option(
        help: "The controller's folder, as `slipway init` made it: its client.json says the rest.",
        transform: Directory.named)
    var dir: String?

    @Option(help: "Address of the controller, as https://controller.example:8443.")
    var controller: String?

    @Option(help: "File that holds your token, - for standard input; a token is never given on the command line.")
    var tokenFile: String?

    @Option(help: "PEM file of the controller's certificate authority.")
    var authority: String?

    var isGiven: Bool { dir != nil || controller != nil || tokenFile != nil || authority != nil }

    fileprivate func requireController() throws {
        let hasAddress = controller != nil && tokenFile != nil && authority != nil
        let isLoggedIn = !isGiven && LoginFolder.current() != nil
        guard dir != nil || hasAddress || isLoggedIn else {
            throw ValidationError(
                "Say which controller: --dir DIR, or --controller URL --token-file F --authority PEM; or once for all "
                    + "commands with slipway login.")
        }
    }

    /// Calls with a client whose connections are closed afterwards, whatever happens.
    func withClient<Result>(_ body: (ControllerClient) async throws -> Result) async throws -> Result {
        var material = try material()
        if !isGiven, let folder = LoginFolder.current() {
            material.token = try await KeptSignIn.freshToken(in: folder, kept: material.token)
        }
        return try await withClient(material, body)
    }

    func withClient<Result>(
        _ material: ConnectionMaterial, _ body: (ControllerClient) async throws -> Result
    ) async throws -> Result {
        let http = try LiveHTTP(
            identity: TLSIdentity(trustRoots: material.authority + "\n"),
            userAgent: "slipway/\(SlipwayVersion.text)")
        // A controller that is named by its folder is on this machine, and may have been started by the line before.
        let door: any HTTPDoor = dir != nil && controller == nil ? StartingController(http) : http
        let client = ControllerClient(http: door, baseURL: material.url, token: material.token)
        do {
            let result = try await body(client)
            await http.shutdown()
            return result
        } catch {
            await http.shutdown()
            throw named(error)
        }
    }

    /// With where address and authority came from: the one that is wrong is found there.
    private func named(_ error: any Error) -> any Error {
        guard var error = error as? ControllerAPIError, error.code == "api.unreachable",
            let folder = dir ?? (isGiven ? nil : LoginFolder.current()),
            let kept = try? ClientSettings.read(folder: folder)
        else { return error }
        var words = ["\(folder)/client.json says \(kept.url)"]
        if let authority { words.append("the authority is that of \(authority)") }
        error.cause = ([error.cause].compactMap { $0 } + words).joined(separator: "; ")
        return error
    }

    /// Everything that names the controller, read.
    func material() throws -> ConnectionMaterial {
        try requireController()
        let settings = try self.settings()
        return ConnectionMaterial(
            url: settings.url, authority: try InputFile.readText(settings.authority),
            token: try settings.tokenFile == "-" ? Self.tokenFromInput() : InputFile.readText(settings.tokenFile))
    }

    /// The same without a token, which is about to be got; without options that of the last login.
    func address() throws -> ConnectionMaterial {
        let settings = try self.settings()
        guard !settings.authority.isEmpty else {
            throw ValidationError("Say which controller: --dir DIR, or --controller URL --authority PEM.")
        }
        return ConnectionMaterial(
            url: settings.url, authority: try InputFile.readText(settings.authority), token: "")
    }

    /// What a person types is not shown.
    private static func tokenFromInput() throws -> String {
        guard !StandardInput.isTerminal || !HiddenInput.isUnwanted else {
            throw ValidationError(
                "--token-file - would ask for the token here, and --no-input says that nobody is to be asked: name a file, or "
                    + "pipe the token.")
        }
        let bytes = StandardInput.isTerminal ? HiddenInput.ask("Token: ") ?? [] : StandardInput.all(sizeMax: 4096)
        guard let text = String(validating: bytes, as: UTF8.self)?.trimmed, !text.isEmpty else {
            throw ValidationError("No token came on standard input.")
        }
        return text
    }

    private func settings() throws -> ClientSettings {
        let folder = dir ?? (isGiven ? nil : LoginFolder.current())
        var settings = try folder.map(ClientSettings.read) ?? ClientSettings(url: "", authority: "", tokenFile: "")
        if let controller { settings.url = controller }
        if let tokenFile { settings.tokenFile = tokenFile }
        if let authority { settings.authority = authority }
        // Before the token is read: it must not leave this machine in clear text.
        guard settings.url.hasPrefix("https://"), settings.url.utf8.count > "https://".utf8.count else {
            throw ValidationError(
                "The controller's URL is \(settings.url.debugDescription); write https://HOST:PORT.")
        }
        return settings
    }
}

/// The same, for a command that reads a file and can ask a controller about it: the last login counts as everywhere, unless
/// --offline says that nobody shall be asked.
struct OfflineConnection: ParsableArguments {
    @OptionGroup private var named: OptionalConnection

    @Flag(help: "Ask no controller, also where there is a login.")
    var offline = false

    var isKnown: Bool { !offline && (named.isGiven || LoginFolder.current() != nil) }

    func validate() throws {
        guard !offline || !named.isGiven else {
            throw ValidationError("--offline asks no controller, yet one is named: leave one of the two out.")
        }
    }

    func withClient<Result>(_ body: (ControllerClient) async throws -> Result) async throws -> Result {
        try await named.withClient(body)
    }
}

/// `client.json` in a controller's folder; paths in it are relative to that folder.
struct ClientSettings: Codable, Equatable {
    var url: String
    var authority: String
    var tokenFile: String

    static func read(folder: String) throws -> ClientSettings {
        let bytes: [UInt8]
        do {
            bytes = try InputFile.read(folder + "/client.json")
        } catch let error as EffectsError where error.code == "effects.file.absent" {
            throw CommandError(
                code: "client.absent", summary: "\(folder) holds no client.json, so it is no controller's folder.",
                remedy: "Make one with: slipway init --dir \(folder.shellWord)", cause: error.summary)
        }
        var settings = try JSONCoding.decode(ClientSettings.self, from: bytes)
        settings.authority = settings.authority.hasPrefix("/") ? settings.authority : "\(folder)/\(settings.authority)"
        settings.tokenFile = settings.tokenFile.hasPrefix("/") ? settings.tokenFile : "\(folder)/\(settings.tokenFile)"
        return settings
    }
}
