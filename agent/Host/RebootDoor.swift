import Effects
import ReleaseDefinition

/// `reboot` of agent.json: how this host is restarted where a release asks for it.
public struct RebootSettings: Sendable, Equatable, Codable {
    /// The program and its words; nil is `/usr/bin/systemctl reboot`.
    public var command: [String]?
    /// How long the restart may take until the host counts as not restarted; nil is 15 minutes.
    public var within: TimeSpan?
    /// The file with the name of the kernel's present run; nil is `/proc/sys/kernel/random/boot_id`.
    public var bootIDFile: String?

    public static let withinBounds = TimeSpan.milliseconds(100)...TimeSpan.hours(4)

    public init(command: [String]? = nil, within: TimeSpan? = nil, bootIDFile: String? = nil) {
        self.command = command
        self.within = within
        self.bootIDFile = bootIDFile
    }
}

/// Restarts the host and knows whether it was.
struct RebootDoor: Sendable {
    var configuration: AgentConfiguration
    var processes: any ProcessDoor
    var time: any TimeDoor
    var workingDirectory: String

    private var settings: RebootSettings { configuration.reboot ?? RebootSettings() }

    /// What the machine is told after a switch: restart first, or go on.
    func command(after policy: RebootPolicy?) throws -> InstallationCommand {
        guard let policy, policy != .never, try policy == .always || isRequired() else { return .done }
        return .needsReboot(boot: try boot(), within: settings.within ?? .minutes(15))
    }

    /// Asks for the restart and waits for it, unless the kernel runs anew already.
    /// - Throws: `StepError` of class `install`: the host refuses. `CancellationError` at the deadline.
    func restart(from boot: String) async throws {
        guard try self.boot() == boot else { return }
        let words = settings.command ?? ["/usr/bin/systemctl", "reboot"]
        let program = try ProgramWords(words, tree: workingDirectory, variables: configuration.variables)
        let result: ProcessResult
        do {
            result = try await processes.run(
                ProcessCommand(
                    executable: program.executable, arguments: program.arguments,
                    environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"],
                    workingDirectory: workingDirectory, timeout: .minutes(2)))
        } catch { throw StepError(error, otherwise: .install) }
        guard result.end == .exited(0) else {
            throw StepError(
                .install,
                AgentError(
                    code: "reboot", summary: "\(words.joined(separator: " ")) \(result.end).",
                    remedy: "See what it said; `reboot.command` of agent.json names another program."),
                output: result.output)
        }
        // From here on somebody else ends this process; what follows is the next one's.
        while try self.boot() == boot { try await time.sleep(for: .seconds(1)) }
    }

    private func isRequired() throws -> Bool {
        let root = configuration.root == "/" ? "" : configuration.root
        guard let folder = try? Directory.open(root + "/run") else { return false }
        return try folder.status("reboot-required") != nil
    }

    private func boot() throws -> String {
        guard let boot = MachineID.boot(settings.bootIDFile) else {
            throw StepError(
                .install,
                AgentError(
                    code: "reboot.boot", summary: "Nothing tells one run of this host's kernel from the next.",
                    remedy: "Mount /proc, or let the release say reboot: never."))
        }
        return boot
    }
}
