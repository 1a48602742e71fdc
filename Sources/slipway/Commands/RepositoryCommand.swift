import ArgumentParser

struct RepositoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "repository", abstract: "The static files that hosts pull from.",
        subcommands: [RepositoryPublishCommand.self, RepositoryClientCommand.self])
}
