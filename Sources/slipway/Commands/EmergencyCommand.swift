import ArgumentParser

struct EmergencyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "emergency", abstract: "Fixes that cannot wait.", subcommands: [EmergencyPushCommand.self])
}
