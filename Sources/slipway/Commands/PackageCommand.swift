import ArgumentParser

struct PackageCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "package", abstract: "Package files: build and read them, without a controller.",
        subcommands: [])
}
