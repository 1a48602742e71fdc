import Effects
import ReleaseDefinition

/// The host's systemd, by its own command.
struct Systemctl: Sendable {
    var processes: any ProcessDoor
    var workingDirectory: String
    var program = "/usr/bin/systemctl"
    var journal = "/usr/bin/journalctl"

    static let logLines = 20

    /// `stop`, `start`, `restart`, `reload-or-restart`, `daemon-reload`.
    /// - Throws: `StepError` of class `hook`, with what systemctl said and the end of the unit's journal.
    func run(_ verb: String, _ unit: String? = nil, timeout: TimeSpan = .minutes(5)) async throws {
        let result: ProcessResult
        do {
            result = try await processes.run(command(program, [verb] + (unit.map { ["--", $0] } ?? []), timeout))
        } catch { throw StepError(error, otherwise: .hook) }
        guard result.end == .exited(0) else {
            let log = if let unit { await self.log(unit) } else { "" }
            throw StepError(
                .hook,
                AgentError(
                    code: "service.systemd", summary: "systemctl \(verb) \(unit ?? "") \(result.end).",
                    remedy: "What it said and the end of the journal are in the evidence."),
                output: result.output + log)
        }
    }

    /// `active`, `inactive`, `failed`, `activating` and so on.
    func state(_ unit: String, timeout: TimeSpan) async throws -> String {
        let result = try await processes.run(command(program, ["is-active", "--", unit], timeout))
        return String(result.output.prefix { !$0.isNewline })
    }

    /// The last lines that the unit wrote to the journal.
    func log(_ unit: String) async -> String {
        let arguments = ["--unit=" + unit, "--lines=\(Self.logLines)", "--no-pager", "--output=cat"]
        return (try? await processes.run(command(journal, arguments, .seconds(10))))?.output ?? ""
    }

    private func command(_ program: String, _ arguments: [String], _ timeout: TimeSpan) -> ProcessCommand {
        ProcessCommand(
            executable: program, arguments: arguments,
            environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "SYSTEMD_PAGER": ""],
            workingDirectory: workingDirectory, timeout: timeout)
    }
}
