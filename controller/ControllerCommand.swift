import ArgumentParser
import Effects
import Glibc
import Logging
import ReleaseDefinition
import ReleaseTrust

/// `slipway-controller`.
public struct ControllerCommand: AsyncParsableCommand {
    public static let configuration = CommandConfiguration(
        commandName: "slipway-controller",
        abstract: "The daemon that keeps the record, signs, publishes and leads rollouts.",
        discussion: """
            --version prints the version.

            Exit codes: 0 done, 1 failed, 2 usage, 5 conflict, 130 interrupted.
            """,
        subcommands: [
            InitialiseCommand.self, RunCommand.self, BackupCommand.self, RestoreCommand.self,
            RecoveryKitCommand.self, RetentionCommand.self,
        ])

    public init() {}

    /// Parses, runs, and turns whatever happens into words on stderr and an exit code.
    public static func execute(_ arguments: [String]) async -> Int32 {
        do {
            if SlipwayVersion.isAsked(by: arguments) {
                try show("slipway-controller \(SlipwayVersion.text)")
                return 0
            }
            var command = try parseAsRoot(arguments)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            return 0
        } catch is CancellationError {
            return 130
        } catch let error as any ReportableError {
            return tell(error)
        } catch {
            let isHelp = exitCode(for: error) == .success
            guard isHelp else {
                say(fullMessage(for: error), to: STDERR_FILENO)
                return 2
            }
            do { try show(fullMessage(for: error)) } catch { return tell(error) }
            return 0
        }
    }

    private static func tell(_ error: any ReportableError) -> Int32 {
        say("error: \(error)", to: STDERR_FILENO)
        switch error.code {
        case "controller.setup.running": return 5
        // What was typed, before anything is made.
        case "controller.setup.address", "controller.setup.profile", "controller.setup.environments": return 2
        default: return error.code.hasPrefix("controller.conflict.") ? 5 : 1
        }
    }

    /// What a command answers, on stdout.
    /// - Throws: `controller.output`: a full or closed stdout is an error, not success.
    static func show(_ text: String) throws(ControllerError) {
        guard say(text, to: STDOUT_FILENO) else {
            throw .setup(
                "output", "What the command has to say could not be written completely; what was asked for is done.",
                remedy: "Make room where stdout leads before the next command.", cause: String(cString: strerror(errno))
            )
        }
    }

    /// Lines on a descriptor, at once: stdout is buffered where it is a pipe.
    /// - Returns: whether everything was written; else `errno` says why not.
    @discardableResult
    static func say(_ text: String, to descriptor: Int32) -> Bool {
        let bytes = Array("\(text)\n".utf8)
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }
}

struct InitialiseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Make a controller: its authority, keys, first metadata and admin token.")

    @Option(
        help: "Folder of the controller; made if absent, must not hold a controller yet.", transform: Directory.named)
    var dir: String
    @Option(help: "HOST:PORT to listen on.")
    var listen = "127.0.0.1:8443"
    @Option(help: "solo: all keys on this machine. team, regulated: people hold the keys that approve.")
    var profile = "solo"
    @Option(help: "Where root, targets and people's keys go (team, regulated): a folder on a removable medium.")
    var offlineKeys: String?
    @Option(
        name: .customLong("approver"),
        help: "Who approves releases, as NAME=FILE.pub (slipway keys generate). Without: keys are made to hand out.")
    var approvers: [String] = []
    @Option(
        name: .customLong("emergency-person"),
        help: "Who approves hot fixes, as NAME=FILE.pub. Without: in team the approvers, in regulated three others.")
    var emergency: [String] = []
    @Option(help: "How many approvers must sign a release.")
    var threshold = 2
    @Option(
        name: .customLong("product"),
        help: "A product whose releases the approvers may sign from the start; others: slipway keys delegate.")
    var products: [String] = []
    @Option(help: "Environments in the order of promotion, separated by commas.")
    var environments = "staging,production"
    @Option(
        name: .customLong("name"),
        help: "A further name or address that hosts reach it by; the first is used in join strings.",
        transform: Self.name)
    var names: [String] = []

    @Option(
        help: """
            PostgreSQL for the record, as postgresql://USER@HOST/NAME?passfile=FILE; without: SQLite in the folder. The \
            database must be empty.
            """)
    var database: String?
    @Option(
        help: "Where the recovery kit goes, for the day on which this machine is gone: a folder on a removable medium.")
    var recoveryKit: String?
    @Option(help: "table or json.")
    var output = AnswerFormat.table

    func run() async throws {
        var keyPlan = KeyPlan(profile: .solo, offlineFolder: offlineKeys)
        keyPlan.approvers = try approvers.map(Self.holder)
        keyPlan.emergency = try emergency.map(Self.holder)
        keyPlan.threshold = threshold
        keyPlan.products = try products.map { try ProductName($0) }
        let plan = try Initialisation(
            listen: listen, profile: profile, environments: environments, names: names, keyPlan: keyPlan,
            database: database)
        if try plan.perform(in: dir) {
            ControllerCommand.say("The folder \(dir) was open to others; its mode is 700 now.", to: STDERR_FILENO)
        }
        guard output == .table else { return try answer(plan) }
        try ControllerCommand.show(
            """
            The controller is in \(dir). It will listen on \(plan.configuration.listen) as \(plan.configuration.url).
            Run it:      slipway-controller run --dir \(dir.shellWord)
            Talk to it:  slipway hosts invite --dir \(dir.shellWord)
            \(Self.farewell(plan.keyPlan, dir))
            """)
        guard let recoveryKit else {
            return try ControllerCommand.show(
                "There is no recovery kit yet: slipway-controller recovery-kit --dir \(dir.shellWord) --output FOLDER")
        }
        let passphrase = try RecoveryKit.make(of: dir, keys: offlineKeys, in: recoveryKit, at: SystemTime().now())
        try RecoveryKitCommand.hand(over: recoveryKit) {
            try ControllerCommand.show(RecoveryKitCommand.words(recoveryKit, passphrase))
        }
    }

    private func answer(_ plan: Initialisation) throws {
        var made = InitialisedController(
            folder: dir, listen: plan.configuration.listen, url: plan.configuration.url, profile: profile,
            environments: plan.configuration.environments, offlineKeys: plan.keyPlan.offlineFolder)
        guard let recoveryKit else { return try ControllerCommand.answer(made, output, words: "") }
        let passphrase = try RecoveryKit.make(of: dir, keys: offlineKeys, in: recoveryKit, at: SystemTime().now())
        made.recoveryKit = WrittenRecoveryKit(folder: recoveryKit, passphrase: passphrase)
        try RecoveryKitCommand.hand(over: recoveryKit) { try ControllerCommand.answer(made, output, words: "") }
    }

    private static func farewell(_ plan: KeyPlan, _ dir: String) -> String {
        guard let offline = plan.offlineFolder else {
            return """
                Keep in mind: in the solo profile all keys lie in \(dir)/keys, so whoever takes this machine can install
                anything on its hosts.
                """
        }
        return """
            The keys of root and targets\(plan.approvers.isEmpty ? ", and of people," : "") lie in \(offline). Now:
              1. Copy root.json to every approver: it is what their tool believes.
              \(plan.approvers.isEmpty ? "2. Give approver-1.pem and the others to one person each, and delete them there." : "2. Approvers keep the keys that they made.")
              3. Put root-*.pem and targets.pem away, in two places: without root no key is ever replaced.
            slipway keys status --dir \(dir) says what this set-up earns.
            """
    }

    /// `alice=alice.pub`
    private static func holder(_ text: String) throws -> KeyHolder {
        let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
        guard parts.count == 2 else {
            throw ValidationError("\(text.debugDescription) names nobody: write NAME=FILE.pub.")
        }
        let bytes = try ControllerDirectory.readFile(at: parts[1], sizeMax: ByteCount(1 << 16))
        return KeyHolder(name: parts[0], key: try PublicKey(file: String(decoding: bytes, as: UTF8.self)))
    }
}

extension InitialiseCommand {
    /// It becomes part of an address that every host keeps: one that leads nowhere would be noticed only there.
    static func name(_ text: String) throws -> String {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "/") }) else {
            throw ValidationError(
                "\(text.debugDescription) is no name or address of this machine. Write it as hosts reach it, as "
                    + "controller.example or 10.0.0.1.")
        }
        return text
    }
}

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "run", abstract: "Run the controller.")

    @Option(help: "Folder of the controller.", transform: Directory.named)
    var dir: String
    @Option(help: "How the log on stderr is written: text, or json for one object a line.")
    var logFormat = LogFormat.text

    func run() async throws {
        signal(SIGPIPE, SIG_IGN)
        raiseFileLimit()
        let controller = try Controller(directory: dir, logger: logFormat.logger())
        let server = try ControllerServer(controller)
        try await server.run(handlesSignals: true) { port in
            let url = controller.configuration.url
            ControllerCommand.say("listening on port \(port) as \(url)", to: STDOUT_FILENO)
            ServiceManager.ofThisProcess()?.ready("listening on port \(port) as \(url)")
        }
    }

    /// Every connected agent is a descriptor: the soft limit of most systems is 1024.
    private func raiseFileLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
