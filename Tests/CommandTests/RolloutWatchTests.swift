import AgentProtocol
import ControllerAPI
import Effects
import ReleaseDefinition
import Synchronization
import Testing

@testable import slipway

@Suite struct RolloutWatchTests {
    @Test("A watch that loses the controller goes on after the last change it saw, and tells nothing twice")
    func resumes() async throws {
        let http = ScriptedHTTP([
            .status(200, try Sample.view(.running, sequence: 5)),
            .events([try Sample.event(5, .running), try Sample.event(7, .running)]),
            .unreachable, .unreachable,
            .status(200, try Sample.view(.running, sequence: 8)),
            .events([try Sample.event(7, .running), try Sample.event(8, .running), try Sample.event(9, .succeeded)]),
        ])
        let seen = try await Self.watch(http)
        #expect(seen == [.change(5), .change(7), .lost, .found, .change(8), .change(9)])
        #expect(http.requests.last?.headers.contains(HTTPField("Last-Event-ID", "7")) == true)
    }

    @Test("The end is that of a controller that knows what was told, not of one that is behind or gone")
    func behind() async throws {
        let running: ScriptedHTTP.Answer = .status(200, try Sample.view(.running, sequence: 5))
        let http = ScriptedHTTP([
            running, running, .events([try Sample.event(5, .running), try Sample.event(9, .succeeded)]),
            running, .unreachable, running, .status(200, try Sample.view(.succeeded, sequence: 9)),
        ])
        let client = ControllerClient(http: http, baseURL: "https://controller:8443/", token: "secret")
        let final = try await RolloutFollower(client: client, output: OutputOptions.parse([])).run(
            Sample.id, timeout: nil)
        #expect(final == .done)
        #expect(http.requests.count == 7)
    }

    @Test("A watch that ends as somebody acts, on a halt or on an end, follows what comes after to its end")
    func followsOn() async throws {
        for ended in [RolloutState.halted, .succeeded] {
            let http = ResumedHTTP(ended)
            let client = ControllerClient(http: http, baseURL: "https://controller:8443/", token: "secret")
            let final = try await RolloutFollower(client: client, output: OutputOptions.parse([]), time: PatientTime())
                .run(Sample.id, timeout: nil)
            #expect(final == .backedOut)
            #expect(http.resumedAfter == ["9"])
        }
    }

    @Test("A final state that an operator left again does not end the watch: a back-out is followed to its end")
    func followsBackOut() async throws {
        let http = ScriptedHTTP([
            .status(200, try Sample.view(.backingOut, sequence: 12)),
            .events([
                try Sample.event(9, .succeeded), try Sample.event(12, .backingOut), try Sample.event(15, .backedOut),
            ]),
        ])
        #expect(try await Self.watch(http) == [.change(9), .change(12), .change(15)])
    }

    @Test("A watch of one host's back-out goes on past a rollout that has ended, or is paused, until that host is back")
    func hostBackOut() async throws {
        func hosts(_ outcome: HostOutcome?) throws -> [RolloutHostView] {
            let order = OrderID(rollout: Sample.id, action: .backOut)
            return [
                RolloutHostView(
                    host: try HostID("web-1"), phase: 1, delivery: .push, before: nil, order: order, step: nil,
                    outcome: outcome, evidence: nil, startedAt: nil, endedAt: nil)
            ]
        }
        func view(_ sequence: Int64, _ outcome: HostOutcome?) throws -> JSONValue {
            var view = try Sample.rollout(.succeeded, sequence: sequence)
            view.hosts = try hosts(outcome)
            return try JSONCoding.value(of: view)
        }
        let host = try HostID("web-1")
        let http = ScriptedHTTP([
            .status(200, try view(9, nil)),
            .events([
                try Sample.event(5, .succeeded), try Sample.event(9, .succeeded), try Sample.event(12, .succeeded),
            ]),
            .status(200, try view(9, nil)), .status(200, try view(12, .backedOut(nil))),
        ])
        let client = ControllerClient(http: http, baseURL: "https://controller:8443/", token: "secret")
        var seen: [Int64] = []
        let isDone: @Sendable (RolloutView) -> Bool = { ProgramExit(backOutOf: [host], in: $0) != nil }
        for try await event in client.watch(Sample.id, isDone: isDone, time: PatientTime()) {
            if case .change(let change) = event { seen.append(change.sequence) }
        }
        #expect(seen == [5, 9, 12])
        var rollout = try Sample.rollout(.paused, sequence: 1)
        rollout.hosts = try hosts(.backedOut(nil))
        #expect(ProgramExit(backOutOf: [host], in: rollout) == .backedOut)
        rollout.hosts = try hosts(.backOutFailed)
        #expect(ProgramExit(backOutOf: [host], in: rollout) == .failed)
    }

    @Test("A rollout that has ended and was told ends the watch without a stream")
    func alreadyOver() async throws {
        let http = ScriptedHTTP([.status(200, try Sample.view(.succeeded, sequence: 9))])
        #expect(try await Self.watch(http, after: 9) == [])
    }

    @Test("A watch gives up when the controller stays away for the longest absence")
    func givesUp() async throws {
        let http = ScriptedHTTP([])
        await #expect(throws: ControllerAPIError.self) { try await Self.watch(http) }
        do {
            _ = try await Self.watch(ScriptedHTTP([]))
        } catch let error as ControllerAPIError {
            #expect(error.code == "api.unreachable" && error.family == .unreachable)
        }
    }

    @Test("A controller that answers but whose stream something refuses is away: it is said once, and not for ever")
    func refusedStream() async throws {
        let running: ScriptedHTTP.Answer = .status(200, try Sample.view(.running, sequence: 5))
        let http = ScriptedHTTP([
            running, .refusedStream, running, .refusedStream, running,
            .events([try Sample.event(5, .running), try Sample.event(9, .succeeded)]),
        ])
        #expect(try await Self.watch(http) == [.lost, .found, .change(5), .change(9)])

        let never = ScriptedHTTP((0..<4000).flatMap { _ in [running, .refusedStream] })
        var told: [RolloutWatchEvent] = []
        let client = ControllerClient(http: never, baseURL: "https://controller:8443/", token: "secret")
        let error = await #expect(throws: ControllerAPIError.self) {
            for try await event in client.watch(Sample.id, time: PatientTime()) { told.append(event) }
        }
        #expect(error?.cause?.contains("502") == true, "\(String(describing: error))")
        #expect(told.count == 1)
    }

    @Test("A rollout that is not there ends the watch at once with the controller's own error")
    func notFound() async throws {
        let problem = Problem(
            status: 404, error: DefinitionError(code: "x", summary: "no such rollout", remedy: "list"))
        let http = ScriptedHTTP([.status(404, try JSONCoding.value(of: problem))])
        do {
            _ = try await Self.watch(http)
            Issue.record("it must throw")
        } catch let error as ControllerAPIError {
            #expect(error.family == .notFound)
            #expect(error.code == "definition.x")
        }
    }

    enum Seen: Equatable {
        case change(Int64)
        case lost, found
    }

    static func watch(_ http: ScriptedHTTP, after: Int64 = 0) async throws -> [Seen] {
        let client = ControllerClient(http: http, baseURL: "https://controller:8443/", token: "secret")
        var seen: [Seen] = []
        for try await event in client.watch(Sample.id, after: after, time: PatientTime()) {
            switch event {
            case .change(let change): seen.append(.change(change.sequence))
            case .lost: seen.append(.lost)
            case .found: seen.append(.found)
            }
        }
        return seen
    }
}

/// A rollout that somebody backs out in the moment in which the watch of it has ended: what ends a watch is a final change, or
/// that a halt was seen twice.
private final class ResumedHTTP: HTTPDoor {
    private struct State {
        var looks = 0
        var streams = 0
        var resumedAfter: [String] = []
    }
    private let state = Mutex(State())
    private let ended: RolloutState

    init(_ ended: RolloutState) { self.ended = ended }

    /// The last change that each later stream begins after.
    var resumedAfter: [String] { state.withLock { $0.resumedAfter } }

    /// Looks before the first stream are the watch's own two; a halt is looked at twice after it was told.
    func send(_ request: HTTPRequest) async throws -> HTTPResponse {
        let look = state.withLock { state in
            if state.streams > 0 { state.looks += 1 }
            return (state.streams, state.looks)
        }
        let view =
            switch look {
            case (0, _): try Sample.view(.running, sequence: 5)
            case (1, ...(ended == .halted ? Self.haltLooks : 0)): try Sample.view(ended, sequence: 9)
            case (1, _): try Sample.view(.backingOut, sequence: 12)
            default: try Sample.view(.backedOut, sequence: 15)
            }
        return HTTPResponse(head: HTTPHead(status: 200, headers: []), body: view.wireBytes)
    }

    /// One as the halt is told, for its failures; two that it stands.
    private static let haltLooks = 3

    func download(
        _ request: HTTPRequest, head: @Sendable (HTTPHead) async throws -> Void,
        receive: @Sendable ([UInt8]) async throws -> Void
    ) async throws {}

    /// The first goes on without a word where it told a halt, as one does that waits for somebody to act.
    func events(_ request: HTTPRequest, silenceMax: TimeSpan) -> AsyncThrowingStream<ServerSentEvent, any Error> {
        let stream = state.withLock { state in
            state.streams += 1
            if state.streams > 1 {
                state.resumedAfter += request.headers.filter { $0.name == "Last-Event-ID" }.map(\.value)
            }
            return state.streams
        }
        return AsyncThrowingStream { continuation in
            let first: [(Int64, RolloutState)] = [(5, .running), (9, ended)]
            let later: [(Int64, RolloutState)] = [(9, ended), (12, .backingOut), (15, .backedOut)]
            do {
                for (sequence, state) in stream == 1 ? first : later {
                    continuation.yield(try Sample.event(sequence, state))
                }
            } catch {
                continuation.finish(throwing: error)
            }
        }
    }
}

enum Sample {
    static let id = RolloutID(unchecked: "r1")
    static let at = UTCInstant(secondsSince1970: 1_800_000_000)

    static func rollout(_ state: RolloutState, sequence: Int64) throws -> RolloutView {
        RolloutView(
            id: id, sequence: sequence, release: try ReleaseName("payments@1.4"), manifest: SHA256Digest(of: []),
            environment: try EnvironmentName("staging"), query: .all, isEmergency: false, state: state, reason: nil,
            startedAt: at, startedBy: "admin", endedAt: nil, phases: [], hosts: [])
    }

    static func view(_ state: RolloutState, sequence: Int64) throws -> JSONValue {
        try JSONCoding.value(of: rollout(state, sequence: sequence))
    }

    static func change(_ sequence: Int64, _ state: RolloutState) throws -> RolloutChange {
        RolloutChange(
            sequence: sequence, at: at, rollout: id, kind: "host.succeeded", text: "succeeded", phase: 1,
            host: try HostID("web-1"), state: state)
    }

    static func event(_ sequence: Int64, _ state: RolloutState) throws -> ServerSentEvent {
        let data = try JSONCoding.value(of: change(sequence, state)).wireBytes
        return ServerSentEvent(id: String(sequence), name: "change", data: String(decoding: data, as: UTF8.self))
    }
}
