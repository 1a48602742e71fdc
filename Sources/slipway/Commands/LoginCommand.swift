import ArgumentParser
import ControllerAPI
import Effects
import Glibc
import ReleaseDefinition

struct LoginCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "login", abstract: "Keep a controller, its authority and your token for the commands after this.",
        discussion: """
            Asks the controller first. Token and authority are copied into \(LoginFolder.usual) (mode 0600), so that the \
            files they came from may go. Commands without --dir and without --controller then use them; --forget takes \
            them away. A token is read from a file, or with --token-file - from standard input, never from the command line. \
            --oidc signs in with a browser of this machine instead; without further options with the controller of the last \
            login.
            """)

    @OptionGroup var connection: OptionalConnection
    @OptionGroup var output: OutputOptions

    @Flag(help: "Take the last login away; the token itself stays good until it is revoked.")
    var forget = false

    @Flag(help: "Sign in with a browser at an identity provider that the controller believes (OpenID Connect).")
    var oidc = false

    @Option(help: "With --oidc: the provider's name, where the controller believes several.")
    var issuer: String?

    @Option(help: "With --oidc: PEM file whom the provider's server is believed by.")
    var issuerAuthority = "/etc/ssl/certs/ca-certificates.crt"

    @Option(help: "With --oidc: port of 127.0.0.1 that the browser comes back to; 0: whichever is free.")
    var port: UInt16 = 0

    func validate() throws {
        guard connection.isGiven || oidc ? !forget : forget else {
            throw ValidationError(
                "Say which controller: --dir DIR, or --controller URL --token-file F --authority PEM; or --oidc; or "
                    + "--forget.")
        }
        guard !oidc || connection.tokenFile == nil else {
            throw ValidationError("--oidc gets a token, and --token-file has one: choose one of them.")
        }
        guard oidc || issuer == nil else { throw ValidationError("--issuer goes with --oidc.") }
    }

    func run() async throws {
        let folder = try LoginFolder.path()
        if forget {
            let url = try? ClientSettings.read(folder: folder).url
            try LoginFolder.forget(in: folder)
            return try output.print(LoginView(controller: url ?? "", folder: folder, isKept: false))
        }
        if oidc { return try await signIn(in: folder) }
        let material = try connection.material()
        try await check(material)
        try LoginFolder.keep(material, in: folder)
        try output.print(LoginView(controller: material.url, folder: folder, isKept: true))
    }

    /// A token that may see nothing is still a token: only what is not believed is refused.
    private func check(_ material: ConnectionMaterial) async throws {
        do {
            _ = try await connection.withClient(material) { try await $0.releases() }
        } catch let error as ControllerAPIError where error.code.hasSuffix(".permission") {}
    }

    private func signIn(in folder: String) async throws {
        var material = try connection.address()
        let offered = try await connection.withClient(material) { try await $0.signIn() }.issuers
        let chosen = try Self.choose(issuer, of: offered)
        let authority = try InputFile.readText(issuerAuthority)
        let http = try LiveHTTP(
            identity: TLSIdentity(trustRoots: authority + "\n"), userAgent: "slipway/\(SlipwayVersion.text)")
        let tokens = try await BrowserSignIn(issuer: chosen, http: http).run(LoopbackListener(port: Int(port))) {
            Talk.say("Open this in a browser of this machine, and sign in:\n\($0)")
        }
        material.token = tokens.idToken
        try await check(material)
        try LoginFolder.keep(material, in: folder, signIn: (KeptSignIn(tokens, of: chosen), authority))
        try output.print(LoginView(controller: material.url, folder: folder, isKept: true))
    }

    /// - Throws: `command.login.issuer`.
    static func choose(_ name: String?, of offered: [SignInIssuer]) throws -> SignInIssuer {
        let fitting = offered.filter { name == nil || $0.name == name }
        if fitting.count == 1 { return fitting[0] }
        let names = offered.map(\.name).joined(separator: ", ")
        throw CommandError(
            code: "login.issuer",
            summary: offered.isEmpty
                ? "The controller names no identity provider to sign in with."
                : "The controller believes \(names)\(name.map { ", not \($0)" } ?? "").",
            remedy: offered.isEmpty
                ? "Log in with a token: slipway login --dir DIR; an administrator writes oidc.json."
                : "Choose one: slipway login --oidc --issuer NAME")
    }
}

struct LoginView: Presentable, Decodable {
    var controller: String
    var folder: String
    var isKept: Bool

    static let columns = ["CONTROLLER", "FOLDER", "KEPT"]
    var cells: [String] { [controller, folder, isKept ? "yes" : "no"] }
    var name: String { controller }
}

/// What a connection needs, read.
struct ConnectionMaterial {
    var url: String
    /// PEM.
    var authority: String
    var token: String
}

/// The last login: a folder like a controller's, with a client.json and what it names.
enum LoginFolder {
    static let usual = "$XDG_CONFIG_HOME/slipway, or ~/.config/slipway"
    static let tokenName = "token"
    private static let files = [
        "client.json", tokenName, "authority.pem", KeptSignIn.fileName, KeptSignIn.authorityName,
    ]

    static func path() throws -> String {
        guard let path = known() else {
            throw CommandError(
                code: "login.home", summary: "There is no HOME and no XDG_CONFIG_HOME to keep a login in.",
                remedy: "Set one of them, or name the controller in each command: --dir DIR")
        }
        return path
    }

    /// The folder, if somebody is logged in.
    static func current() -> String? {
        guard let path = known(), access(path + "/client.json", R_OK) == 0 else { return nil }
        return path
    }

    private static func known() -> String? {
        func variable(_ name: String) -> String? {
            getenv(name).map { String(cString: $0) }.flatMap { $0.hasPrefix("/") ? $0 : nil }
        }
        return (variable("XDG_CONFIG_HOME") ?? variable("HOME").map { "\($0)/.config" }).map { "\($0)/slipway" }
    }

    /// client.json comes last: without it the rest is no login.
    static func keep(
        _ material: ConnectionMaterial, in path: String, signIn: (kept: KeptSignIn, authority: String)? = nil
    ) throws {
        let (above, name) = Directory.split(path)
        let (top, config) = Directory.split(above)
        let folder = try Directory.open(top).createDirectory(config, mode: 0o700).createDirectory(name, mode: 0o700)
        try forget(in: path)
        if let signIn {
            try folder.writeDurably(KeptSignIn.authorityName, Array((signIn.authority + "\n").utf8), mode: 0o600)
            try signIn.kept.write(material.token, in: folder)
        } else {
            try folder.writeDurably(tokenName, Array((material.token + "\n").utf8), mode: 0o600)
        }
        try folder.writeDurably("authority.pem", Array((material.authority + "\n").utf8), mode: 0o600)
        let settings = ClientSettings(url: material.url, authority: "authority.pem", tokenFile: tokenName)
        try folder.writeDurably("client.json", JSONCoding.value(of: settings).prettyBytes, mode: 0o600)
    }

    static func forget(in path: String) throws {
        guard let folder = try? Directory.open(path) else { return }
        for file in files {
            if try folder.status(file) != nil { try folder.removeFile(file) }
        }
    }
}
