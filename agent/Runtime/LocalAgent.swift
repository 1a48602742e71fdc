import AgentProtocol
import Effects
import ReleaseDefinition
import ReleaseDistribution
import ReleasePackaging
import ReleaseTrust

/// The agent for one act by hand: no network, and an end. Services go on.
enum LocalAgent {
    /// - Throws: `agent.busy`: an agent runs with the folder.
    static func run<Value: Sendable>(
        _ folder: AgentFolder, _ configuration: AgentConfiguration, doors: AgentDoors,
        source: any ReleaseSource = NoSource(), _ act: (Agent) async throws -> Value
    ) async throws -> Value {
        let agent = try Agent(
            folder: folder, configuration: configuration, source: source, doors: doors, log: AgentLog.make(.warning))
        let result: Result<Value, any Error>
        do {
            await agent.writeLazily()
            try await agent.recover()
            result = .success(try await act(agent))
        } catch {
            result = .failure(error)
        }
        await agent.operations.services.detach()
        await agent.close()
        return try result.get()
    }

    /// The same with live doors, which are closed at the end.
    static func run<Value: Sendable>(
        _ dir: String, _ act: (Agent) async throws -> Value
    ) async throws -> Value {
        let folder = try AgentFolder.open(dir)
        let configuration = try AgentConfiguration.read(in: folder.base)
        let local = try LiveHTTP(identity: nil, userAgent: "slipway-agent/\(AgentCommand.version)")
        let result: Result<Value, any Error>
        do {
            result = .success(try await run(folder, configuration, doors: .byHand(local), act))
        } catch {
            result = .failure(error)
        }
        await local.shutdown()
        return try result.get()
    }
}

extension Agent {
    private static let failuresMax = 5

    func writeLazily() { writesLazily = true }

    /// Ends what is begun, if there is something.
    /// - Throws: the journal cannot be written, again and again.
    func driveByHand() async throws {
        if host.installation != nil { try await drive(failuresMax: Self.failuresMax) }
    }

    /// Begins an order by hand, which is another one each time.
    func begin(_ wanted: OrderID, _ release: HostRelease, _ envelope: JSONValue?) throws -> OrderID {
        var order = wanted
        while host.isKnown(order) { order.attempt += 1 }
        let queued = QueuedOrder(
            order: order, release: release.name, manifest: release.manifest, envelope: envelope, counter: nil,
            isUrgent: true)
        if !isHeldBack(queued) { try start(queued) }
        return order
    }
}

extension AgentDoors {
    /// Health checks go through `local`; nothing else is asked of the network.
    static func byHand(_ local: any HTTPDoor) -> AgentDoors {
        AgentDoors(
            http: NoNetwork(), local: local, processes: LiveProcesses.keeping(), time: SystemTime(),
            random: SystemRandom())
    }
}

/// Nothing can be fetched: what is done needs only what the host has.
struct NoSource: ReleaseSource {
    private static let none = AgentError(
        code: "source.none", summary: "An order that is not finished needs the repository.",
        remedy: "Start the agent: it goes on where it stood.")

    func verify(_ envelope: JSONValue) async throws -> VerifiedAssignment { throw Self.none }
    func revocations(_ envelope: JSONValue) async throws -> VerifiedRevocations { throw Self.none }
    func labels(_ envelope: JSONValue) async throws -> VerifiedLabels { throw Self.none }
    func authorise(_ envelope: JSONValue, revoked: Set<SHA256Digest>) async throws -> AuthorisedRelease {
        throw Self.none
    }
    func manifest(of release: AuthorisedRelease) async throws -> Manifest { throw Self.none }
    func fetch(
        _ unit: ManifestUnit, installed: InstalledUnit?, patches: [OfferedPatch], cheapest: FetchWay,
        into store: BlobStore
    ) async throws -> FetchedUnit { throw Self.none }
    func fetch(_ blobs: [BlobReference], into store: BlobStore) async throws { throw Self.none }
    func refresh() async throws { throw Self.none }
    func assignments(of channels: [ChannelName]) async -> [ChannelName: Result<JSONValue?, any Error>] { [:] }
}

/// The door of a host by itself.
struct NoNetwork: HTTPDoor {
    private static let none = EffectsError(
        code: "http.unreachable", summary: "A package is installed by hand: nothing is asked of the network.",
        remedy: "Export the package again, complete.")

    func send(_ request: HTTPRequest) async throws -> HTTPResponse { throw Self.none }

    func download(
        _ request: HTTPRequest, head: @escaping @Sendable (HTTPHead) async throws -> Void,
        receive: @escaping @Sendable ([UInt8]) async throws -> Void
    ) async throws { throw Self.none }

    func events(_ request: HTTPRequest, silenceMax: TimeSpan) -> AsyncThrowingStream<ServerSentEvent, any Error> {
        AsyncThrowingStream { $0.finish(throwing: Self.none) }
    }
}
