import ArgumentParser

struct SlipwayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "slipway", abstract: "Plan, build, approve and roll out releases to fleets of hosts.",
        discussion: """
            Data is written to stdout, everything said to people to stderr. --version prints the version.

            Exit codes: \(ProgramExit.table)
            """,
        subcommands: [
            InitCommand.self, LoginCommand.self, HostsCommand.self, PackageCommand.self, ReleaseCommand.self,
            RolloutCommand.self, PushCommand.self, RehearseCommand.self, EmergencyCommand.self, FreezeCommand.self,
            KeysCommand.self, TokensCommand.self,
            GrantsCommand.self,
            AuditCommand.self, RepositoryCommand.self, SimulateCommand.self,
            WindowCommand.self, PolicyCommand.self, DeviationCommand.self, ReportCommand.self,
            CmdbCommand.self, NotificationsCommand.self, DoctorCommand.self, ImportCommand.self,
            ExplainCommand.self,
            CompletionsCommand.self,
            VersionCommand.self,
        ])
}
