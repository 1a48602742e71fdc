import ArgumentParser
import ReleaseDefinition

/// `slipway-agent`: what a host runs.
public struct AgentCommand: AsyncParsableCommand {
    public static let version = SlipwayVersion.text

    public static let configuration = CommandConfiguration(
        commandName: "slipway-agent",
        abstract: "Installs releases on this host, proves them healthy, and finds its way back.",
        subcommands: [
            JoinCommand.self, FollowCommand.self, RunCommand.self, NetworkCommand.self, StepCommand.self,
            ConvergeCommand.self,
            InstallCommand.self, RehearseCommand.self,
            StatusCommand.self, DocsCommand.self,
            HistoryCommand.self,
            BackOutCommand.self,
            WhyCommand.self, VerifyCommand.self, AdoptCommand.self, RestoreCommand.self, UnlockCommand.self,
        ])

    public init() {}

    /// Runs the command line to its end and returns the exit code of commands.md; prints errors on stderr. Never throws:
    /// an error out of an asynchronous main would be a crash.
    public static func runToExitCode(_ arguments: [String]? = nil) async -> Int32 {
        do {
            var command = try parseAsRoot(arguments)
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
            return 0
        } catch let error as StepError {
            FileHandleOutput.standardError("slipway-agent: \(error.error.description)\n")
            return AgentExit(error.error).rawValue
        } catch let error as any ReportableError {
            FileHandleOutput.standardError("slipway-agent: \(error.description)\n")
            return AgentExit(error).rawValue
        } catch {
            let code = exitCode(for: error)
            let text = fullMessage(for: error)
            if code.isSuccess {
                FileHandleOutput.standardOutput(text + "\n")
            } else {
                FileHandleOutput.standardError(text + "\n")
            }
            return code.isSuccess ? 0 : (code == .validationFailure ? AgentExit.usage.rawValue : code.rawValue)
        }
    }
}
