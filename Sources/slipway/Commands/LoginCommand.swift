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
            them away. A token is read from a file, or with --token-file - from standard input, never from the command line.
            """)

    @OptionGroup var connection: OptionalConnection
    @OptionGroup var output: OutputOptions

    @Flag(help: "Take the last login away; the token itself stays good until it is revoked.")
    var forget = false

    func validate() throws {
        guard connection.isGiven != forget else {
            throw ValidationError(
                "Say which controller: --dir DIR, or --controller URL --token-file F --authority PEM; or --forget.")
        }
    }

    func run() async throws {
        let folder = try LoginFolder.path()
        if forget {
            let url = try? ClientSettings.read(folder: folder).url
            try LoginFolder.forget(in: folder)
            return try output.print(LoginView(controller: url ?? "", folder: folder, isKept: false))
        }
        let material = try connection.material()
        // A token that may see nothing is still a token: only what is not believed is refused.
        do {
            _ = try await connection.withClient(material) { try await $0.releases() }
        } catch let error as ControllerAPIError where error.code.hasSuffix(".permission") {}
        try LoginFolder.keep(material, in: folder)
        try output.print(LoginView(controller: material.url, folder: folder, isKept: true))
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
    private static let files = ["client.json", "token", "authority.pem"]

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
    static func keep(_ material: ConnectionMaterial, in path: String) throws {
        let (above, name) = InputFile.split(path)
        let (top, config) = InputFile.split(above)
        let folder = try Directory.open(top).createDirectory(config, mode: 0o700).createDirectory(name, mode: 0o700)
        try forget(in: path)
        try folder.writeDurably("token", Array((material.token + "\n").utf8), mode: 0o600)
        try folder.writeDurably("authority.pem", Array((material.authority + "\n").utf8), mode: 0o600)
        let settings = ClientSettings(url: material.url, authority: "authority.pem", tokenFile: "token")
        try folder.writeDurably("client.json", JSONCoding.value(of: settings).prettyBytes, mode: 0o600)
    }

    static func forget(in path: String) throws {
        guard let folder = try? Directory.open(path) else { return }
        for file in files {
            if try folder.status(file) != nil { try folder.removeFile(file) }
        }
    }
}
