import ArgumentParser
import ReleaseDefinition

/// `slipway-agent`: what a host runs.
public struct AgentCommand: AsyncParsableCommand {
    public static let version = SlipwayVersion.text

    public static let configuration = CommandConfiguration(
        commandName: "slipway-agent",
        abstract: "Installs releases on this host, proves them healthy, and finds its way back.",
        discussion: """
            Data is written to stdout, everything said to people to stderr. --version prints the version.

            Exit codes: \(AgentExit.table)
            """,
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
        let words = arguments ?? Array(CommandLine.arguments.dropFirst())
        do {
            if SlipwayVersion.isAsked(by: words) {
                try Output.data(Array("slipway-agent \(version)\n".utf8))
                return 0
            }
            var command = try parseAsRoot(words)
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
            return tell(error)
        }
    }

    /// Help was asked for, and goes to stdout; what was typed wrong to stderr.
    private static func tell(_ error: any Error) -> Int32 {
        let code = exitCode(for: error)
        let text = fullMessage(for: error) + "\n"
        guard code.isSuccess else {
            FileHandleOutput.standardError(text)
            return code == .validationFailure ? AgentExit.usage.rawValue : code.rawValue
        }
        do { try Output.data(Array(text.utf8)) } catch {
            FileHandleOutput.standardError("slipway-agent: \(error.description)\n")
            return AgentExit(error).rawValue
        }
        return AgentExit.done.rawValue
    }
}
