import ArgumentParser
import Effects
import ReleaseDefinition

struct BackupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup", abstract: "Copy everything that a controller needs to be set up again.",
        discussion: """
            The controller may run meanwhile. The copy holds private keys: keep it as safe as the controller. Where the \
            record lies in PostgreSQL, back that up after this, with its own tools.
            """)

    @Option(help: "Folder of the controller.")
    var dir: String
    @Option(help: "The folder that is made; it must not hold anything yet.")
    var output: String

    func run() async throws {
        let made = try ControllerBackup.make(of: dir, in: output, at: SystemTime().now())
        if let log = made.log {
            print("\(output) holds the controller as of \(made.at); its log ends at \(log.sequence):\(log.digest.hex)")
        } else {
            print(
                "\(output) holds the controller's folder as of \(made.at), without its record: back the database up now."
            )
        }
    }
}

struct RestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore", abstract: "Set a controller up from a backup.",
        discussion: """
            Without --advance only where no host has seen anything newer than the backup, as when a controller moves: \
            hosts refuse what is older than what they know. With it the numbers of orders, entries and online metadata \
            jump ahead, and the log says for ever that something was lost.
            """)

    @Option(help: "The folder that slipway-controller backup made.")
    var from: String
    @Option(help: "Folder of the controller; made if absent, must not hold anything.")
    var dir: String
    @Flag(help: "Hosts may have seen more than the backup holds.")
    var advance = false

    func run() async throws {
        let outcome = try ControllerRestore.perform(from: from, to: dir, advance: advance, at: SystemTime().now())
        print("\(dir) is the controller as of \(outcome.backup.at). Run it: slipway-controller run --dir \(dir)")
        guard !outcome.unsigned.isEmpty else { return }
        print(
            """
            People hold the keys of: \(outcome.unsigned.joined(separator: ", ")). Hosts that have seen newer metadata of \
            these wait until it has been signed as often since the backup: slipway keys renew ROLE
            """)
    }
}
