import AgentProtocol
import ArgumentParser
import Effects
import Logging
import ReleaseDefinition

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run the agent until it is stopped. Services go on when it ends.",
        discussion: """
            One process does everything, as in demos and containers. With --socket this is the root half: it installs, and \
            leaves the network to slipway-agent network, which connects there as the user --network-user.
            """)

    @Option(help: "The agent's folder; /var/lib/slipway-agent, if left out.", transform: Directory.named)
    var dir = "/var/lib/slipway-agent"

    @Flag(help: "One process for network and installation; the same as without --socket.")
    var single = false

    @Option(help: "Leave the network to the network half, which connects to this socket.")
    var socket: String?

    @Option(help: "The user that the network half runs as.")
    var networkUser = "slipway-agent"

    @Option(help: "Least level of what is logged: debug, info, warning or error.")
    var logLevel = LogLevel.info

    func validate() throws {
        guard !single || socket == nil else { throw ValidationError("Give --single or --socket, not both.") }
    }

    func run() async throws {
        try await ProgramLauncher.handOver(dir: dir)
        Heap.share(1)
        let folder = try AgentFolder.open(dir)
        try AgentFolder.refuseWritableByOthers(folder.base)
        let configuration = try AgentConfiguration.read(in: folder.base)
        let log = AgentLog.make(logLevel)
        if let socket {
            try await runRootHalf(folder, configuration, socket, log)
        } else {
            try await Self.runSingle(folder, configuration, log)
        }
    }

    private func runRootHalf(
        _ folder: AgentFolder, _ configuration: AgentConfiguration, _ socket: String, _ log: Logger
    ) async throws {
        let time = SystemTime()
        let settings = HalfSettings(
            host: configuration.host, controller: configuration.controller, machine: MachineID.read() ?? "",
            boot: MachineID.boot() ?? "", proxy: try (configuration.proxy?.proxy()).map(HalfProxy.init))
        let authorities = try RepositoryDoor.authorities(configuration)
        let user = try SystemUser(named: networkUser)
        let listener = try LocalListener(JoinCommand.absolute(socket), user: user.id)
        let link = NetworkLink(
            settings: settings, authorities: authorities, user: user.id, time: time, log: log)
        let doors = AgentDoors(
            http: RelayedHTTP(link: link, door: .host, time: time),
            repository: authorities.map { _ in RelayedHTTP(link: link, door: .repository, time: time) },
            local: RelayedHTTP(link: link, door: .local, time: time), processes: try processes(beside: socket, time),
            tools: LiveProcesses(), time: time, random: SystemRandom(), program: .live(),
            reach: { try await link.reach($0, $1) })
        try await AgentProgram(
            folder: folder, configuration: configuration, doors: doors, keeper: link,
            beside: { await link.serve(listener) }, log: log
        ).run()
    }

    /// Where systemd runs, in units of their own.
    private func processes(beside socket: String, _ time: any TimeDoor) throws -> any ProcessDoor {
        let isBooted = try (try? Directory.open("/run/systemd"))?.status("system")?.kind == .directory
        guard isBooted, SystemUser.current == 0, let program = ProgramImage.path() else {
            return LiveProcesses.keeping()
        }
        let file = try PathOfFile(JoinCommand.absolute(socket))
        let folder = try Directory.open(file.folder).createDirectory("steps", mode: 0o700)
        return TransientProcesses(folder: folder, program: program, random: SystemRandom(), time: time)
    }

    /// Until its task is cancelled.
    static func runSingle(
        _ folder: AgentFolder, _ configuration: AgentConfiguration, _ log: Logger
    ) async throws {
        let userAgent = "slipway-agent/\(AgentCommand.version)"
        let random = SystemRandom()
        let proxy = try configuration.proxy?.proxy()
        let http = try HostHTTP(
            identity: folder.identity(), userAgent: userAgent, proxy: proxy, controller: configuration.controller,
            session: .start(random))
        let repository = try RepositoryDoor.authorities(configuration).map {
            try RepositoryDoor.make(authorities: $0, userAgent: userAgent, proxy: proxy)
        }
        let local = try LiveHTTP(identity: nil, userAgent: userAgent)
        let doors = AgentDoors(
            http: http, repository: repository, local: local, processes: LiveProcesses.keeping(), time: SystemTime(),
            random: random, program: .live())
        // An HTTP client that is let go of without its shutdown is a crash that would hide the error.
        let result: Result<Void, any Error>
        do {
            let keeper = try configuration.controller.map { controller in
                IdentityKeeper(
                    tls: try folder.tls(), host: configuration.host, controller: controller, http: http,
                    time: doors.time, random: random, userAgent: userAgent, log: log)
            }
            try await AgentProgram(
                folder: folder, configuration: configuration, doors: doors, keeper: keeper,
                beside: { await keeper?.run() }, log: log
            ).run()
            result = .success(())
        } catch {
            result = .failure(error)
        }
        await http.shutdown()
        await repository?.shutdown()
        await local.shutdown()
        try result.get()
    }
}

/// Repositories of somebody else's: their authorities are believed for them alone, and this host's certificate is not
/// shown there.
enum RepositoryDoor {
    static let authoritiesMax = ByteCount(4 << 20)

    /// PEM; nil: the controller's are the repository's as well.
    static func authorities(_ configuration: AgentConfiguration) throws -> [UInt8]? {
        guard let authorities = configuration.authorities else { return nil }
        let file = try PathOfFile(authorities)
        return try Directory.open(file.folder).read(file.name, sizeMax: authoritiesMax)
    }

    static func make(authorities: [UInt8], userAgent: String, proxy: HTTPProxy?) throws -> LiveHTTP {
        try LiveHTTP(
            identity: TLSIdentity(trustRoots: String(decoding: authorities, as: UTF8.self)), userAgent: userAgent,
            proxy: proxy)
    }
}
