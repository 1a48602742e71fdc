import AgentProtocol
import ArgumentParser
import Effects
import FoundationEssentials
import ReleaseDefinition
import SystemPackage

struct JoinCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "join", abstract: "Enrol this host with the string that `slipway hosts invite` printed.",
        discussion: """
            Where the Debian package is installed and systemd runs, joining as root starts the agent too: the host serves from \
            then on, and after every boot. With another folder, or --no-start, the last line says what to type.
            """)

    @Argument(help: "The join string; - reads it from standard input.")
    var string: String?

    @Option(help: "A file that holds the join string: other users of this machine see arguments.")
    var tokenFile: String?

    @Flag(help: "Become another host in a folder that belongs to one: after it was retired, revoked or off too long.")
    var again = false

    @Option(
        help: "The agent's folder, made if absent; /var/lib/slipway-agent, if left out.", transform: Directory.named)
    var dir = HostUnit.folder

    @Flag(help: "Do not start slipway-agent.service.")
    var noStart = false

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

    @Option(help: "A proxy to everything outside, as http://proxy.example:3128.")
    var proxy: String?

    @Option(help: "A file that only its owner reads, with user:password for the proxy.")
    var proxyCredentials: String?

    @Option(help: "table or json.")
    var output = OutputFormat.table

    func run() async throws {
        let userAgent = "slipway-agent/\(AgentCommand.version)"
        var settings = Enrolment.Settings()
        settings.again = again
        settings.root = Self.absolute(root)
        settings.variables = try Self.pairs(variables)
        settings.pull = pull.map { $0.hasSuffix("/") ? String($0.dropLast()) : $0 }
        settings.channels = try channels.map { try ChannelName($0) }
        settings.checkInterval = try TimeSpan(checkInterval)
        settings.proxy = proxy.map { ProxySettings(url: $0, credentials: proxyCredentials.map(Self.absolute)) }
        guard pull == nil || !channels.isEmpty else {
            throw ValidationError("--pull needs at least one --channel, as staging.payments.")
        }
        let configuration = try await enrol(settings, userAgent: userAgent)
        FileHandleOutput.standardError("This is the host \(configuration.host) of \(configuration.environment) now.\n")
        // Before anything is started: whatever becomes of that, it has joined.
        try Output.answer(JoinedHost(configuration), output, words: "\(configuration.host)")
        let unit = HostUnit(systemctl: Systemctl(processes: LiveProcesses(), workingDirectory: "/"))
        if try await noStart ? false : unit.start(folder: Self.absolute(dir)) {
            FileHandleOutput.standardError("It is at work: systemctl status slipway-agent\n")
        } else {
            FileHandleOutput.standardError("Start it: slipway-agent run --dir \(dir.shellWord)\n")
        }
    }

    private func enrol(_ settings: Enrolment.Settings, userAgent: String) async throws -> AgentConfiguration {
        let join = try JoinString(try joinText())
        let folder = try Directory.create(dir, mode: 0o700)
        try AgentFolder.refuseWritableByOthers(folder)
        guard let lock = try folder.lock() else {
            throw AgentError(
                code: "busy", summary: "An agent runs with the folder \(dir).",
                remedy: "Stop it first (`systemctl stop slipway-agent`), join, and start it again.")
        }
        defer { lock.release() }
        let proxy = try settings.proxy?.proxy()
        let unverified = LiveHTTP.withoutVerification(userAgent: userAgent, proxy: proxy)
        let result: Result<AgentConfiguration, any Error>
        do {
            let enrolment = Enrolment(join: join, machineID: MachineID.read() ?? "unknown")
            let authority = try await enrolment.authority(over: unverified)
            let trusting = try LiveHTTP(
                identity: TLSIdentity(trustRoots: authority), userAgent: userAgent, proxy: proxy)
            do {
                result = .success(try await enrolment.run(over: trusting, into: folder, settings: settings))
            } catch { result = .failure(error) }
            await trusting.shutdown()
        } catch { result = .failure(error) }
        await unverified.shutdown()
        return try result.get()
    }

    private static let textSizeMax = ByteCount(16 << 10)

    /// From one place exactly.
    func joinText() throws -> String {
        let bytes: [UInt8]
        switch (string, tokenFile) {
        case ("-"?, nil): bytes = try Self.standardInput()
        case (let text?, nil): bytes = Array(text.utf8)
        case (nil, let path?):
            let whole = FilePath(Self.absolute(path))
            guard let name = whole.lastComponent else { throw ValidationError("--token-file names a folder.") }
            bytes = try Directory.open(whole.removingLastComponent().string)
                .read(name.string, sizeMax: Self.textSizeMax)
        case (nil, nil), (_?, _?):
            throw ValidationError(
                "Give the join string once: as the argument, as - on standard input, or --token-file.")
        }
        let text = String(decoding: bytes, as: UTF8.self).trimmingSpace
        guard !text.isEmpty else {
            let place = tokenFile.map { "The file \($0)" } ?? (string == "-" ? "Standard input" : "The argument")
            throw ValidationError(
                "\(place) holds no join string: it is empty. slipway hosts invite prints one, on the controller; where a "
                    + "variable or a file brings it here, look at whether that was ever filled.")
        }
        return text
    }

    private static func standardInput() throws -> [UInt8] {
        var text = ""
        while let line = readLine(strippingNewline: false) {
            text += line
            guard text.utf8.count <= textSizeMax.value else { break }
        }
        return Array(text.utf8)
    }

    /// What is stored must mean the same wherever the agent is started later.
    static func absolute(_ path: String) -> String {
        let whole = path.hasPrefix("/") ? path : "\(FileManager.default.currentDirectoryPath)/\(path)"
        return FilePath(whole).lexicallyNormalized().string
    }

    static func pairs(_ texts: [String]) throws -> [String: String] {
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

extension String {
    fileprivate var trimmingSpace: String {
        let bytes = utf8.drop { $0 <= 0x20 }
        let end = bytes.lastIndex { $0 > 0x20 }.map { bytes.index(after: $0) } ?? bytes.startIndex
        return String(decoding: bytes[..<end], as: UTF8.self)
    }
}

/// Who this host is from now on.
struct JoinedHost: Codable {
    var host: HostID
    var environment: EnvironmentName
    /// `push` or `pull`.
    var delivery: String

    init(_ configuration: AgentConfiguration) {
        (host, environment) = (configuration.host, configuration.environment)
        delivery = configuration.delivery.rawValue
    }
}
