import ArgumentParser
import Effects
import ReleaseDefinition
import ReleasePackaging

struct PackageVerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check a package to the last file: unpack it as a host would, and throw it away.")

    @Argument(help: "A FILE.slip.")
    var file: String

    func run() async throws {
        let name = try await WorkFolder.with { work in
            let blobs = BlobStore(try work.createDirectory("blobs"))
            let contents = try PackageFile.read(InputFile.open(file), into: blobs)
            for unit in contents.manifest.units {
                let staging = try work.createDirectory("unit-\(unit.name)")
                try PayloadInstaller.unpack(unit, blobs: blobs, into: staging)
                let index = try PayloadIndex.text(of: unit.payload, in: blobs)
                try PayloadInstaller.verifyTree(unit, index: index, tree: staging)
            }
            return contents.manifest.name
        }
        Talk.say("\(file): \(name) is whole. Whether it is approved, hosts check against their trusted metadata.")
    }
}
