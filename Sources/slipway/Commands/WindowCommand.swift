import ArgumentParser

struct WindowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "window", abstract: "Windows in which hosts may be changed.",
        subcommands: [WindowTestCommand.self, WindowProposeCommand.self])
}
