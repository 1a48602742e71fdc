import ArgumentParser
import Effects
import ReleaseDefinition
import SystemPackage

struct AdoptCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "adopt",
        abstract: "Make a folder that already runs on this host the release that a back-out returns to.",
        discussion: """
            The folder stays where it is for everybody who uses it, at every moment: PATH becomes a link to it. Nothing is \
            stopped. The agent must be stopped; start it again afterwards.
            """)

    @Argument(help: "The folder, as /opt/payments.")
    var path: String

    @Option(help: "The product that will be installed there.")
    var product: String

    @Option(help: "The unit's name in the product's releases; the product's own where it is left out.")
    var unit: String?

    @Option(help: "What to call it; lower than every release to come.")
    var version = "0.0.0"

    @Option(help: "A systemd unit that runs from the folder: stopped and started with it.")
    var systemd: String?

    @Option(
        parsing: .upToNextOption, help: "Folders inside that hold data, as uploads: they are shared by all releases.")
    var persistent: [String] = []

    @Option(help: "The agent's folder; /var/lib/slipway-agent, if left out.", transform: Directory.named)
    var dir = "/var/lib/slipway-agent"

    @Option(help: "table or json.")
    var output = OutputFormat.table

    func run() async throws {
        let product = try ProductName(product)
        if let systemd, !SystemdService.isUnitName(systemd) {
            throw ValidationError("--systemd takes a name with its ending, as payments.service.")
        }
        let adoption = Adoption(
            installTo: JoinCommand.absolute(path),
            name: ReleaseName(product: product, version: try ReleaseVersion(version)),
            unit: try UnitName(unit ?? product.text), systemd: systemd, persistent: persistent)
        let release = try await LocalAgent.run(dir) { agent in try await agent.adopt(adoption) }
        try Output.answer(
            AdoptedTree(installTo: adoption.installTo, release: release), output,
            words: "\(adoption.installTo) is now \(release); a back-out returns to it")
    }
}

struct AdoptedTree: Codable {
    var installTo: String
    var release: HostRelease
}
