import ArgumentParser
import Effects
import Glibc
import Logging
import ReleaseDefinition

/// `slipway-controller`.
public struct ControllerCommand: AsyncParsableCommand {
    public static let configuration = CommandConfiguration(
        commandName: "slipway-controller",
        abstract: "The daemon that keeps the record, signs, publishes and leads rollouts.",
        discussion: "Exit codes: 0 done, 1 failed, 2 usage, 5 conflict, 130 interrupted.",
        subcommands: [InitialiseCommand.self, RunCommand.self])

    public init() {}

    /// Parses, runs, and turns whatever happens into words on stderr and an exit code.
    public static func execute(_ arguments: [String]) async -> Int32 {
        do {
            var command = try parseAsRoot(arguments)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            return 0
        } catch let error as any ReportableError {
            say("error: \(error)", to: STDERR_FILENO)
            switch error.code {
            case "controller.setup.running": return 5
            case "controller.setup.address": return 2
            default: return error.code.hasPrefix("controller.conflict.") ? 5 : 1
            }
        } catch is CancellationError {
            return 130
        } catch {
            let isHelp = exitCode(for: error) == .success
            say(fullMessage(for: error), to: isHelp ? STDOUT_FILENO : STDERR_FILENO)
            return isHelp ? 0 : 2
        }
    }

    /// One line on a descriptor, at once: stdout is buffered where it is a pipe.
    static func say(_ text: String, to descriptor: Int32) {
        let bytes = Array("\(text)\n".utf8)
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }
}

struct InitialiseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Make a controller: its authority, keys, first metadata and admin token.")

    @Option(help: "Folder of the controller; made if absent, must not hold a controller yet.")
    var dir: String
    @Option(help: "HOST:PORT to listen on.")
    var listen = "127.0.0.1:8443"
    @Option(help: "solo: all keys on this machine. team and regulated: not in this version.")
    var profile = "solo"
    @Option(help: "Environments in the order of promotion, separated by commas.")
    var environments = "staging,production"
    @Option(
        name: .customLong("name"),
        help: "A further name or address that hosts reach it by; the first is used in join strings.")
    var names: [String] = []

    func run() async throws {
        let plan = try Initialisation(listen: listen, profile: profile, environments: environments, names: names)
        try plan.perform(in: dir)
        print(
            """
            The controller is in \(dir). It will listen on \(plan.configuration.listen) as \(plan.configuration.url).
            Run it:      slipway-controller run --dir \(dir)
            Talk to it:  slipway hosts invite --dir \(dir)
            Keep in mind: in the solo profile all keys lie in \(dir)/keys, so whoever takes this machine can install
            anything on its hosts.
            """)
    }
}

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "run", abstract: "Run the controller.")

    @Option(help: "Folder of the controller.")
    var dir: String

    func run() async throws {
        signal(SIGPIPE, SIG_IGN)
        raiseFileLimit()
        let controller = try Controller(directory: dir)
        let server = try ControllerServer(controller)
        try await server.run(handlesSignals: true) { port in
            let url = controller.configuration.url
            ControllerCommand.say("listening on port \(port) as \(url)", to: STDOUT_FILENO)
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
