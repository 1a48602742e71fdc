import AgentProtocol
import Effects
import Logging
import ReleaseDefinition

/// The half of an agent that speaks with the world, with no rights on this host: TLS, HTTP, streams, probes of services. It
/// asks nothing by itself but for a new certificate, which is its own. What it gets wrong, or an attacker makes of it, the
/// root half takes for what a stranger on the network said.
struct NetworkHalf: Sendable {
    /// Where the root half listens.
    var socket: String
    /// The identity on the wire, which belongs to this half.
    var tls: Directory
    var userAgent: String
    var time: any TimeDoor
    var random: any RandomDoor
    var log: Logger
    /// Whom to connect to: nobody else can have put a socket there, but it costs nothing to look.
    var rootUser: UInt32 = 0

    private static let pauseMin = TimeSpan.milliseconds(10)
    private static let pauseMax = TimeSpan.seconds(1)

    func run() async {
        BodyPipe.ignoreBrokenPipes()
        let process = Hexadecimal.encode(random.bytes(8))
        var pause = Self.pauseMin
        while !Task.isCancelled {
            do {
                let connection = try LocalSocket.connect(socket)
                guard connection.peer.user == rootUser else {
                    throw AgentError(
                        code: "half.user", summary: "The user \(connection.peer.user) listens at \(socket).",
                        remedy: "Only root may: look who made that socket.")
                }
                pause = Self.pauseMin
                try await serve(connection, process)
                log.info("the root half closed the connection")
            } catch {
                guard !Task.isCancelled else { return }
                if pause == Self.pauseMax {
                    log.warning("the root half is not there", metadata: ["error": "\(ReportedError(error))"])
                }
            }
            do { try await time.sleep(for: pause) } catch { return }
            pause = min(Self.pauseMax, pause * 2)
        }
    }

    private func serve(_ connection: LocalSocket, _ process: String) async throws {
        guard let first = try await connection.receive(),
            case .begin(let settings) = try HalfQuestion(parsing: first.bytes)
        else { return }
        try connection.send(HalfAnswer.ready(number: HalfSettings.protocolNumber).bytes)
        guard settings.number == HalfSettings.protocolNumber else {
            throw AgentError(
                code: "half.version", summary: "The root half is of another version.",
                remedy: "Restart it: systemctl restart slipway-agent.")
        }
        let session = AgentSession(machine: settings.machine, boot: settings.boot, process: process)
        let proxy = try settings.proxy?.live
        let host = try HostHTTP(
            identity: StoredIdentity.read(in: tls)?.tls, userAgent: userAgent, proxy: proxy,
            controller: settings.controller, session: session)
        let repository = try first.file.map { file in
            try RepositoryDoor.make(
                authorities: file.readReceived(sizeMax: RepositoryDoor.authoritiesMax), userAgent: userAgent,
                proxy: proxy)
        }
        let local = try LiveHTTP(identity: nil, userAgent: userAgent)
        let keeper = settings.controller.map { controller in
            IdentityKeeper(
                tls: tls, host: settings.host, controller: controller, http: host, time: time, random: random,
                userAgent: userAgent, log: log)
        }
        let clerk = NetworkClerk(
            connection: connection, host: host, repository: repository, local: local, keeper: keeper, log: log)
        let result: Result<Void, any Error>
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                if let keeper { group.addTask { await keeper.run() } }
                defer { group.cancelAll() }
                try await clerk.work()
            }
            result = .success(())
        } catch { result = .failure(error) }
        connection.close()
        await host.shutdown()
        await repository?.shutdown()
        await local.shutdown()
        try result.get()
    }
}

extension HalfProxy {
    init(_ proxy: HTTPProxy) {
        self.init(
            host: proxy.host, port: proxy.port, except: proxy.except,
            credential: proxy.credential.map { "\($0.user):\($0.password)" })
    }

    var live: HTTPProxy {
        get throws {
            HTTPProxy(
                host: host, port: port, credential: try credential.map { try HTTPProxy.Credential(text: $0) },
                except: except)
        }
    }
}
