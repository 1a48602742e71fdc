import Effects
import Glibc
import ReleaseDefinition

/// The unit of the Debian package, which is the agent of this machine: what joins as root is started by it, and runs from then on.
struct HostUnit {
    static let name = "slipway-agent.service"
    /// The folder that the unit's command line names.
    static let folder = "/var/lib/slipway-agent"

    var systemctl: Systemctl
    /// There where systemd is the machine's first process (sd_booted(3)).
    var bootedMark = "/run/systemd/system"
    var isRoot = geteuid() == 0

    /// Starts the agent of a folder that has just joined.
    /// - Returns: false: it is not for systemd to start, because of the folder, the user, or because the package is not there.
    /// - Throws: `agent.join.start`; the host has joined all the same.
    func start(folder: String) async throws -> Bool {
        guard isRoot, folder == Self.folder, access(bootedMark, F_OK) == 0 else { return false }
        // A program without the package's units: somebody starts it in a way of their own.
        guard (try? await systemctl.run("cat", Self.name, timeout: .seconds(10))) != nil else { return false }
        do {
            try await systemctl.run("start", Self.name, timeout: .minutes(2))
        } catch let error as StepError {
            throw AgentError(
                code: "join.start", summary: "This host has joined, and \(Self.name) does not start.",
                remedy:
                    "Do not join again. See journalctl -u slipway-agent -u slipway-agent-network, correct what it says, "
                    + "and start it: systemctl start slipway-agent.",
                cause: ([error.error.summary, error.output.tail(1024)].filter { !$0.isEmpty }).joined(separator: " "))
        }
        return true
    }
}
