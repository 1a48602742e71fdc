import AgentProtocol
import Effects
import Glibc
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import ReleaseDefinition
import ServiceLifecycle
import Synchronization

/// One TLS 1.3 port for hosts, people, the console and the repository.
public struct ControllerServer: Sendable {
    static let name = "slipway"
    private static let backlog = 4096
    /// What is in flight has so long to be answered once the controller is to end; then connections are cut.
    private static let endingMax = Duration.seconds(10)

    let controller: Controller
    let table: RouteTable
    let patience: ConnectionPatience

    /// - Throws: `controller.setup.routeWithoutPermission`.
    public init(_ controller: Controller) throws { try self.init(controller, patience: ConnectionPatience()) }

    init(_ controller: Controller, patience: ConnectionPatience) throws {
        self.controller = controller
        self.patience = patience
        let api = ControllerRoutes.all(controller)
        table = try RouteTable(api + ConsoleRoutes.all(controller, ConsoleTemplates(), api: api))
    }

    /// Serves until cancelled, or until SIGTERM or SIGINT where `handlesSignals`: then `/readyz` says so for as long as
    /// `drain` says, streams are closed, requests in flight are answered, within 10 s more, and it returns.
    public func run(
        handlesSignals: Bool = false, onListening: @escaping @Sendable (_ port: Int) async -> Void = { _ in }
    ) async throws {
        let listen = try ListenAddress(controller.configuration.listen)
        let waiting = WaitingConnections(patience, limit: controller.limits.rules.waitingConnections)
        let tls = ServerTLS(
            try await controller.tlsMaterial().configuration(), waiting: waiting,
            known: table.match(.get, "/repository/metadata/timestamp.json").route.flatMap {
                KnownFiles(controller, $0, waiting)
            }, proxies: try TrustedProxies(controller.configuration.proxies ?? []))
        await controller.watchCertificates { try tls.replace(by: $0.configuration()) }
        defer { tls.forget() }
        let application = Application(
            responder: ControllerResponder(table: table, controller: controller, pace: patience.body, waiting: waiting),
            server: tls.server,
            configuration: .init(
                address: .hostname(listen.host, port: listen.port), serverName: Self.name, backlog: Self.backlog,
                availableConnectionsDelegate: OpenConnections.most(patience.connectionsMax).map {
                    MaximumAvailableConnections($0)
                }),
            onServerRunning: { channel in await onListening(channel.localAddress?.port ?? listen.port) },
            logger: controller.logger)
        var services = ServiceGroupConfiguration(
            // They end in the reverse order, one after another.
            services: [application, BackgroundWork(controller: controller), Farewell(controller: controller)],
            gracefulShutdownSignals: handlesSignals ? [.sigterm, .sigint] : [], logger: controller.logger)
        services.maximumGracefulShutdownDuration = Self.endingMax + controller.configuration.drainTime.duration
        let group = ServiceGroup(configuration: services)
        do {
            try await group.run()
        } catch let error as IOError {
            throw Self.refusal(error, of: listen)
        }
    }

    private static func refusal(_ error: IOError, of listen: ListenAddress) -> ControllerError {
        let isTaken = error.errnoCode == EADDRINUSE
        let holder = isTaken ? ListeningSockets.holder(of: UInt16(clamping: listen.port)) : nil
        let who = holder.map { "\($0.name), process \($0.processID)" } ?? "another program"
        return .setup(
            "listen", "The controller cannot listen on \(listen)" + (isTaken ? ": \(who), does already." : "."),
            remedy: isTaken
                ? "Stop that one, or write another port in controller.json: both in listen and in url."
                : "Write an address of this machine in controller.json: both in listen and in url.",
            cause: String(cString: strerror(error.errnoCode)))
    }
}

/// What goes on beside requests: heartbeats, deadlines of rollouts, renewal of metadata.
struct BackgroundWork: Service {
    let controller: Controller

    func run() async throws {
        try await controller.resume()
        await withGracefulShutdownHandler {
            try? await cancelWhenGracefulShutdown {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await controller.keepStreamsAlive() }
                    group.addTask { try await controller.renewMetadata() }
                    group.addTask { try await controller.keepPlace() }
                    group.addTask { try await controller.followLog() }
                    group.addTask { try await controller.keepServerCertificate() }
                    group.addTask { try await controller.keepLifecycles() }
                    group.addTask { try await controller.keepNotifications() }
                    group.addTask { try await controller.keepChangeManagement() }
                    group.addTask { try await controller.keepEarlyLife() }
                    group.addTask { try await controller.keepEarlyHealth() }
                    group.addTask { try await controller.keepPackages() }
                    group.addTask {
                        // The actor that decides and writes the record must answer, or the watchdog restarts the daemon.
                        await ServiceManager.ofThisProcess()?.keepWatchdog(controller.time) {
                            _ = await controller.isRunning
                        }
                    }
                    group.addTask {
                        try await controller.time.sleep(for: Controller.reconnectGrace)
                        await controller.noteAbsentHosts()
                    }
                    try await group.waitForAll()
                }
            }
        } onGracefulShutdown: {
            controller.hub.closeAll(saying: Farewell.word)
            controller.watchers.closeAll()
        }
        await controller.suspend()
    }
}

/// What comes before the end: whoever divides the work among several sees that this one ends, and sends nobody here any more,
/// while it still serves all who come.
struct Farewell: Service {
    let controller: Controller

    func run() async throws {
        // Cancelled: nobody is told.
        guard (try? await gracefulShutdown()) != nil else { return }
        ServiceManager.ofThisProcess()?.stopping()
        controller.leaves.store(true, ordering: .relaxed)
        try? await controller.time.sleep(for: controller.configuration.drainTime)
    }

    /// A host's connection, with both certificates, is a millisecond of a processor: nobody is waited for longer than it takes.
    static func word(to streams: Int) -> AgentOrder {
        .leaving(Leaving(within: .milliseconds(500 + Int64(streams) * 2)))
    }
}

extension Controller {
    /// A tenth of the agents' streams each second: ten thousand at once would be in everybody's way.
    nonisolated func keepStreamsAlive() async throws {
        let parts = UInt64(AgentOrder.heartbeatInterval.milliseconds / 1000)
        var turn: UInt64 = 0
        while true {
            try await time.sleep(for: .seconds(1))
            turn += 1
            hub.heartbeat(part: turn, of: parts)
            if turn.isMultiple(of: parts) { watchers.heartbeat() }
        }
    }
}
