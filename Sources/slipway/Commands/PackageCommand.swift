import ArgumentParser
import ReleaseDefinition
import ReleasePackaging

struct PackageCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "package", abstract: "Package files: build and read them, without a controller.",
        subcommands: [
            PackageBuildCommand.self, PackageInspectCommand.self, PackageVerifyCommand.self, PackageUnpackCommand.self,
            PackageDeltaCommand.self, PackagePatchCommand.self,
        ])
}
