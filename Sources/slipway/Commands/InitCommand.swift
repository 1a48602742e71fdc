import ArgumentParser
import Effects
import Glibc

/// The controller owns the certificate authority and the keys, so it makes them; this is only its nearer name.
struct InitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Make a controller's folder: keys, certificate authority, repository, first token.",
        discussion: """
            Runs slipway-controller init, which lies beside this program, with the same options: --dir DIR, --listen \
            HOST:PORT, --profile solo|team|regulated, --offline-keys DIR, --approver NAME=FILE.pub, --emergency-person \
            NAME=FILE.pub, --threshold N, --product NAME, --environments A,B, --name NAME, --recovery-kit DIR. `slipway-controller \
            init --help` explains each.
            """)

    @Argument(parsing: .captureForPassthrough, help: "Options of slipway-controller init, as --dir DIR.")
    var options: [String] = []

    func run() async throws {
        let program = try Self.sibling("slipway-controller")
        let asksForHelp = options.contains { ["-h", "--help", "-help"].contains($0) }
        if asksForHelp, access(program, X_OK) != 0 { throw CleanExit.helpRequest(self) }
        var arguments = ([program, "init"] + options).map { strdup($0) }
        arguments.append(nil)
        execv(program, arguments)
        throw CommandError(
            code: "init.program", summary: "\(program) could not be started.",
            remedy: "Install slipway-controller into the folder that holds slipway.",
            cause: String(cString: strerror(errno)))
    }

    /// The program of that name beside this one.
    static func sibling(_ name: String) throws -> String {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let length = readlink("/proc/self/exe", &buffer, buffer.count - 1)
        guard length > 0 else {
            throw CommandError(
                code: "init.self", summary: "The path of this program cannot be read from /proc/self/exe.",
                remedy: "Run slipway-controller init instead.", cause: String(cString: strerror(errno)))
        }
        let path = String(decoding: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return Directory.split(path).folder + "/" + name
    }
}
