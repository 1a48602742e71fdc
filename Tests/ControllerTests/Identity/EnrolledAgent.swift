import AgentProtocol
import Effects
import Logging
import ReleaseDefinition
import Synchronization
import Testing

@testable import AgentLibrary
@testable import ControllerLibrary

/// The agent's own code for joining and renewing, against the real server: what `slipway-agent` does, without its
/// process.
final class EnrolledAgent: Sendable {
    let folder: TemporaryFolder
    let configuration: AgentConfiguration
    let http: HostHTTP
    let keeper: IdentityKeeper

    init(
        _ test: TestController, _ running: TestController.Running, join: JoinString,
        machine: AgentSession = AgentSession(machine: "m1", boot: "b1", process: "p1"), time: (any TimeDoor)? = nil
    ) async throws {
        folder = try TemporaryFolder()
        let directory = try Directory.open(folder.path)
        let address = "https://127.0.0.1:\(running.port)"
        var join = join
        join.controller = address
        let enrolment = Enrolment(join: join, machineID: machine.machine)
        let unverified = LiveHTTP.withoutVerification(userAgent: "test")
        let authority = try await enrolment.authority(over: unverified)
        let trusting = try LiveHTTP(identity: TLSIdentity(trustRoots: authority), userAgent: "test")
        configuration = try await enrolment.run(over: trusting, into: directory, settings: .init())
        await unverified.shutdown()
        await trusting.shutdown()
        (http, keeper) = try Self.start(directory, configuration, time ?? test.time, machine)
    }

    /// As a copy of the folder on another machine, or the same host after a restart of the agent.
    convenience init(of other: EnrolledAgent, session: AgentSession) throws {
        try self.init(
            folder: other.folder, configuration: other.configuration, time: other.keeper.time, session: session)
    }

    init(
        folder: TemporaryFolder, configuration: AgentConfiguration, time: any TimeDoor, session: AgentSession
    ) throws {
        self.folder = folder
        self.configuration = configuration
        (http, keeper) = try Self.start(try Directory.open(folder.path), configuration, time, session)
    }

    private static func start(
        _ directory: Directory, _ configuration: AgentConfiguration, _ time: any TimeDoor, _ session: AgentSession
    ) throws -> (HostHTTP, IdentityKeeper) {
        let agentFolder = AgentFolder(base: directory)
        let controller = try #require(configuration.controller)
        let http = try HostHTTP(
            identity: agentFolder.identity(), userAgent: "test", controller: controller, session: session)
        let keeper = IdentityKeeper(
            tls: try agentFolder.tls(), host: configuration.host, controller: controller, http: http, time: time,
            random: SystemRandom(), userAgent: "test",
            log: Logger(label: "test", factory: { _ in AgentLog(logLevel: .critical) }), spread: .zero)
        return (http, keeper)
    }

    var id: HostID { configuration.host }
    var stored: StoredIdentity { get throws { try #require(try StoredIdentity.read(in: keeper.tls)) } }

    /// An empty batch of reports: whether the host is taken, and what it is told otherwise.
    func hello() async throws -> HTTPResponse {
        try await http.send(
            HTTPRequest(
                "POST", keeper.controller + "/v1/agent/reports",
                body: try JSONCoding.value(of: HostReportBatch(reports: [])).wireBytes))
    }

    func end() async { await http.shutdown() }
}

extension TestController {
    /// A join string, as `slipway hosts invite` prints it.
    func invitation(_ running: Running, labels: [String: String] = [:]) async throws -> JoinString {
        let view = try await running.controller.invite(
            .init(environment: EnvironmentName("staging"), labels: labels), by: "person:admin")
        return try JoinString(view.join)
    }
}

extension EnrolledAgent {
    /// As `slipway-agent join STRING --again` in the same folder.
    func joinAgain(_ test: TestController, _ running: TestController.Running) async throws -> EnrolledAgent {
        var join = try await test.invitation(running)
        join.controller = keeper.controller
        let trusting = try LiveHTTP(identity: stored.anonymous, userAgent: "test")
        let result: Result<AgentConfiguration, any Error>
        do {
            result = .success(
                try await Enrolment(join: join, machineID: "m1").run(
                    over: trusting, into: try Directory.open(folder.path), settings: .init(again: true)))
        } catch { result = .failure(error) }
        await trusting.shutdown()
        return try EnrolledAgent(
            folder: folder, configuration: result.get(), time: keeper.time,
            session: AgentSession(machine: "m1", boot: "b1", process: "p9"))
    }
}
