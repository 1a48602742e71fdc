import AgentProtocol
import ArgumentParser
import Effects
import ReleaseDefinition
import ReleaseDistribution
import ReleaseTrust

struct FollowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "follow",
        abstract: "Let this host follow a repository on any web server, with no controller that knows of it.",
        discussion: """
            ROOT.json is the repository's root as its owner handed it over: nothing is believed that does not follow from \
            it. The host reports to nobody: rollouts count it as silent. What it installs, slipway-agent status shows.
            """)

    @Argument(help: "The repository's address, as https://releases.example/slipway.")
    var url: String

    @Option(help: "The file of the first root to trust, as metadata/1.root.json of the repository.")
    var root: String

    @Option(help: "The environment of this host, for ever.")
    var environment: String

    @Option(
        name: .customLong("channel"), help: "A channel to follow, as staging.payments; may be given more than once.")
    var channels: [String]

    @Option(
        help: "The agent's folder, made if absent; /var/lib/slipway-agent, if left out.", transform: Directory.named)
    var dir = "/var/lib/slipway-agent"

    @Option(help: "What to call this host; a random name where it is left out.")
    var host: String?

    @Option(help: "A folder below which everything is installed, instead of /.")
    var installRoot = "/"

    @Option(name: .customLong("variable"), help: ArgumentHelp("A variable of this host.", valueName: "NAME=VALUE"))
    var variables: [String] = []

    @Option(help: "How often to ask, as 5m; from 30s on, from 1s on loopback.")
    var checkInterval = "5m"

    @Option(name: .customLong("mirror"), help: "Another address of the same files; may be given more than once.")
    var mirrors: [String] = []

    @Option(help: "A PEM file of the authorities of https: addresses.")
    var authorities: String?

    @Option(help: "A proxy to everything outside, as http://proxy.example:3128.")
    var proxy: String?

    @Option(help: "A file that only its owner reads, with user:password for the proxy.")
    var proxyCredentials: String?

    @Option(help: "table or json.")
    var output = OutputFormat.table

    func run() async throws {
        let followed = try followedConfiguration()
        try followed.check()
        _ = try followed.proxy?.proxy()
        let file = try PathOfFile(JoinCommand.absolute(root))
        let pinned = try Directory.open(file.folder).read(file.name, sizeMax: ByteCount(512_000))
        // Read, before anything is written: a file that is no root would only be found at the first check.
        _ = try TrustedMetadata(root: pinned, at: SystemTime().now())
        let folder = try Directory.create(dir, mode: 0o700)
        try AgentFolder.refuseWritableByOthers(folder)
        guard let lock = try folder.lock() else {
            throw AgentError(
                code: "busy", summary: "An agent runs with the folder \(dir).",
                remedy: "Stop it first (`systemctl stop slipway-agent`), or use another folder.")
        }
        defer { lock.release() }
        guard try folder.status(AgentConfiguration.fileName) == nil else {
            throw AgentError(
                code: "joined", summary: "\(folder.path) belongs to a host already.", remedy: "Use another folder.")
        }
        try MetadataClient.pin(root: pinned, in: try folder.createDirectory("trust", mode: 0o700))
        try followed.write(in: folder)
        FileHandleOutput.standardError(
            "This is the host \(followed.host) of \(followed.environment) now; it follows \(followed.repository). Start it: "
                + "slipway-agent run --dir \(dir)\n")
        try Output.answer(JoinedHost(followed), output, words: "\(followed.host)")
    }

    private func followedConfiguration() throws -> AgentConfiguration {
        guard !channels.isEmpty else { throw ValidationError("Name at least one --channel, as staging.payments.") }
        func address(_ text: String) -> String { text.hasSuffix("/") ? String(text.dropLast()) : text }
        return AgentConfiguration(
            controller: nil, host: try HostID(host ?? "follower-" + Hexadecimal.encode(SystemRandom().bytes(6))),
            environment: try EnvironmentName(environment), delivery: .pull, repository: address(url),
            channels: try channels.map { try ChannelName($0) }, checkInterval: try TimeSpan(checkInterval),
            root: JoinCommand.absolute(installRoot), variables: try JoinCommand.pairs(variables),
            mirrors: mirrors.isEmpty ? nil : mirrors.map(address), authorities: authorities.map(JoinCommand.absolute),
            proxy: proxy.map { ProxySettings(url: $0, credentials: proxyCredentials.map(JoinCommand.absolute)) })
    }
}
