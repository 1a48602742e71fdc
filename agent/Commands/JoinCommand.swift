import AgentProtocol
import ArgumentParser
import Effects
import FoundationEssentials
import ReleaseDefinition
import SystemPackage

struct JoinCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "join", abstract: "Enrol this host with the string that `slipway hosts invite` printed.")

    @Argument(help: "The join string.")
    var string: String

    @Option(help: "The agent's folder; made if absent.")
    var dir = "/var/lib/slipway-agent"

    @Option(help: "A folder below which everything is installed, instead of /.")
    var root = "/"

    @Option(name: .customLong("variable"), help: ArgumentHelp("A variable of this host.", valueName: "NAME=VALUE"))
    var variables: [String] = []

    @Option(help: "Follow the repository at this URL instead of being pushed to.")
    var pull: String?

    @Option(name: .customLong("channel"), help: "A channel to follow; may be given more than once.")
    var channels: [String] = []

    @Option(help: "How often a pulling host asks, as 5m; from 30s on, from 1s on loopback.")
    var checkInterval = "5m"

    func run() async throws {
        let userAgent = "slipway-agent/\(AgentCommand.version)"
        var settings = Enrolment.Settings()
        settings.root = Self.absolute(root)
        settings.variables = try Self.pairs(variables)
        settings.pull = pull.map { $0.hasSuffix("/") ? String($0.dropLast()) : $0 }
        settings.channels = try channels.map { try ChannelName($0) }
        settings.checkInterval = try TimeSpan(checkInterval)
        guard pull == nil || !channels.isEmpty else {
            throw ValidationError("--pull needs at least one --channel, as staging.payments.")
        }
        let configuration = try await enrol(settings, userAgent: userAgent)
        FileHandleOutput.standardError(
            "This is the host \(configuration.host) of \(configuration.environment) now. Start it: "
                + "slipway-agent run --dir \(dir)\n")
        try Output.data(Array("\(configuration.host)\n".utf8))
    }

    private func enrol(_ settings: Enrolment.Settings, userAgent: String) async throws -> AgentConfiguration {
        let join = try JoinString(string)
        let folder = try Directory.create(dir, mode: 0o700)
        let unverified = LiveHTTP.withoutVerification(userAgent: userAgent)
        let result: Result<AgentConfiguration, any Error>
        do {
            let enrolment = Enrolment(join: join, machineID: MachineID.read() ?? "unknown")
            let authority = try await enrolment.authority(over: unverified)
            let trusting = try LiveHTTP(identity: TLSIdentity(trustRoots: authority), userAgent: userAgent)
            do {
                result = .success(try await enrolment.run(over: trusting, into: folder, settings: settings))
            } catch { result = .failure(error) }
            await trusting.shutdown()
        } catch { result = .failure(error) }
        await unverified.shutdown()
        return try result.get()
    }

    /// What is stored must mean the same wherever the agent is started later.
    static func absolute(_ path: String) -> String {
        let whole = path.hasPrefix("/") ? path : "\(FileManager.default.currentDirectoryPath)/\(path)"
        return FilePath(whole).lexicallyNormalized().string
    }

    private static func pairs(_ texts: [String]) throws -> [String: String] {
        var pairs: [String: String] = [:]
        for text in texts {
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, Variables.isName(String(parts[0])) else {
                throw ValidationError("\(text.debugDescription) is no NAME=VALUE; names hold A-Z, 0-9 and _.")
            }
            pairs[String(parts[0])] = String(parts[1])
        }
        return pairs
    }
}
