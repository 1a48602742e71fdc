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

    @Option(help: "Folder of the controller.", transform: Directory.named)
    var dir: String
    @Option(help: "The folder that is made, as OUTPUT.unfinished until it is whole; it must not hold anything yet.")
    var output: String
    @Option(help: "How it says what it did: table or json.")
    var format = AnswerFormat.table

    func run() async throws {
        let made = try ControllerBackup.make(of: dir, in: output, at: SystemTime().now())
        let words =
            made.log.map {
                "\(output) holds the controller as of \(made.at); its log ends at \($0.sequence):\($0.digest.hex)"
            }
            ?? "\(output) holds the controller's folder as of \(made.at), without its record: back the database up now."
        try ControllerCommand.answer(WrittenBackup(folder: output, backup: made), format, words: words)
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
    @Option(help: "Folder of the controller; made if absent, must not hold anything.", transform: Directory.named)
    var dir: String
    @Flag(help: "Hosts may have seen more than the backup holds.")
    var advance = false
    @Flag(help: "The database of PostgreSQL holds more than the backup, and is moved ahead all the same.")
    var yes = false
    @Option(help: "The recovery kit, for the keys of root and targets that the backup lacks (profile solo).")
    var kit: String?
    @Option(help: "The file with the kit's passphrase.")
    var passphraseFile: String?
    @Option(help: "table or json.")
    var output = AnswerFormat.table

    func run() async throws {
        guard (kit == nil) == (passphraseFile == nil) else {
            throw ValidationError("--kit and --passphrase-file belong together.")
        }
        var opened: (path: String, passphrase: [UInt8])?
        if let kit, let passphraseFile {
            opened = (kit, try Self.passphrase(from: passphraseFile))
        }
        let outcome = try ControllerRestore.perform(
            from: from, to: dir, advance: advance, kit: opened, isConfirmed: yes, at: SystemTime().now())
        let done = RestoredController(folder: dir, backup: outcome.backup, unsigned: outcome.unsigned)
        try ControllerCommand.answer(
            done, output,
            words: "\(dir) is the controller as of \(outcome.backup.at). Run it: slipway-controller run --dir \(dir)")
        guard output == .table, !outcome.unsigned.isEmpty else { return }
        try ControllerCommand.show(
            """
            People hold the keys of: \(outcome.unsigned.joined(separator: ", ")). Hosts that have seen newer metadata of \
            these wait until it has been signed as often since the backup: slipway keys renew ROLE
            """)
    }
}

extension RestoreCommand {
    /// Wherever the file lies; line feeds at its end do not count.
    static func passphrase(from path: String) throws -> [UInt8] {
        var text = try ControllerDirectory.readFile(at: path, sizeMax: ByteCount(1000))
        while let last = text.last, last == 10 || last == 13 { text.removeLast() }
        return text
    }
}

struct RecoveryKitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recovery-kit", abstract: "Write what is kept off the controller for the day on which it is gone.",
        discussion: """
            The keys of root and targets, encrypted under a passphrase that is printed once and kept nowhere, the root that \
            hosts pinned, and a sheet to be printed that says what to do. Never the keys that sign every day.
            """)

    @Option(help: "Folder of the controller.", transform: Directory.named)
    var dir: String
    @Option(help: "The folder that is made, on a removable medium; it must not hold anything yet.")
    var output: String
    @Option(help: "Where the keys of root and targets lie (team, regulated): the folder of --offline-keys.")
    var keys: String?
    @Option(help: "How the passphrase is printed: table or json.")
    var format = AnswerFormat.table

    func run() async throws {
        let passphrase = try RecoveryKit.make(of: dir, keys: keys, in: output, at: SystemTime().now())
        try Self.hand(over: output) {
            try ControllerCommand.answer(
                WrittenRecoveryKit(folder: output, passphrase: passphrase), format,
                words: Self.words(output, passphrase))
        }
    }

    /// A kit whose passphrase nobody has read opens for nobody: it is taken away again.
    static func hand(over output: String, _ answer: () throws -> Void) throws {
        do {
            try answer()
        } catch {
            let kit = try Directory.open(output)
            for entry in try kit.list() { try kit.removeFile(entry.name) }
            throw ControllerError.setup(
                "output", "The passphrase of \(output) could not be written; the kit was taken away again.",
                remedy:
                    "Make room where stdout leads, then: slipway-controller recovery-kit --dir DIR --output \(output)",
                cause: (error as? ControllerError)?.cause)
        }
    }

    static func words(_ output: String, _ passphrase: String) -> String {
        """
        \(output) is the recovery kit: print \(RecoveryKit.sheetName), and keep the folder off this machine.
        Its passphrase, which is kept nowhere; write it on paper, and keep that in another place:

            \(passphrase)

        """
    }
}
