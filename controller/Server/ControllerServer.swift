import AgentProtocol
import Effects
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import ReleaseDefinition
import ServiceLifecycle

/// One TLS 1.3 port for hosts, people, the console and the repository.
public struct ControllerServer: Sendable {
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

    /// Serves until cancelled, or until SIGTERM or SIGINT where `handlesSignals`: then streams are closed, requests in
    /// flight are answered, within 10 s, and it returns.
    public func run(
        handlesSignals: Bool = false, onListening: @escaping @Sendable (_ port: Int) async -> Void = { _ in }
    ) async throws {
        let listen = try ListenAddress(controller.configuration.listen)
        let waiting = WaitingConnections(patience, limit: controller.limits.rules.waitingConnections)
        let tls = ServerTLS(try await controller.tlsMaterial().configuration(), waiting: waiting)
        await controller.watchCertificates { try tls.replace(by: $0.configuration()) }
        let application = Application(
            responder: ControllerResponder(table: table, controller: controller, pace: patience.body, waiting: waiting),
            server: tls.server,
            configuration: .init(
                address: .hostname(listen.host, port: listen.port), serverName: "slipway", backlog: Self.backlog,
                availableConnectionsDelegate: OpenConnections.most(patience.connectionsMax).map {
                    MaximumAvailableConnections($0)
                }),
            onServerRunning: { channel in await onListening(channel.localAddress?.port ?? listen.port) },
            logger: controller.logger)
        var services = ServiceGroupConfiguration(
            services: [application, BackgroundWork(controller: controller)],
            gracefulShutdownSignals: handlesSignals ? [.sigterm, .sigint] : [], logger: controller.logger)
        services.maximumGracefulShutdownDuration = Self.endingMax
        let group = ServiceGroup(configuration: services)
        do {
            try await group.run()
        } catch let error as IOError {
            throw ControllerError.setup(
                "listen", "The controller cannot listen on \(listen).",
                remedy: "Look what else listens there, or change listen in controller.json.", cause: "\(error)")
        }
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
            ServiceManager.ofThisProcess()?.stopping()
            controller.hub.closeAll()
            controller.watchers.closeAll()
        }
        await controller.suspend()
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
