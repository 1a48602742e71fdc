import Effects
import ReleaseDefinition
import Synchronization

/// The way to the controller of a folder on this machine, which may have been started a moment ago: `slipway-controller run &`
/// comes back before anybody listens. While nobody does, the request is sent again, and the person is told once. After the first
/// answer nothing is waited for: a controller that ends while it is watched is somebody else's to judge.
final class StartingController: HTTPDoor {
    /// Many times what a controller needs on a quiet machine.
    static let patience = TimeSpan.seconds(10)
    private static let pause = TimeSpan.milliseconds(100)

    private struct State {
        var hasAnswered = false
        var hasSaid = false
    }

    private let http: any HTTPDoor
    private let time: any TimeDoor
    private let say: @Sendable (String) -> Void
    private let state = Mutex(State())

    /// - Parameter say: takes one line for the person who waits.
    init(_ http: any HTTPDoor, time: any TimeDoor = SystemTime(), say: @escaping @Sendable (String) -> Void = Talk.say)
    {
        (self.http, self.time, self.say) = (http, time, say)
    }

    func send(_ request: HTTPRequest) async throws -> HTTPResponse {
        try await whenItListens(request) { try await http.send(request) }
    }

    func download(
        _ request: HTTPRequest, head: @escaping @Sendable (HTTPHead) async throws -> Void,
        receive: @escaping @Sendable ([UInt8]) async throws -> Void
    ) async throws {
        try await whenItListens(request) { try await http.download(request, head: head, receive: receive) }
    }

    /// Who reads a stream opens it anew by itself.
    func events(_ request: HTTPRequest, silenceMax: TimeSpan) -> AsyncThrowingStream<ServerSentEvent, any Error> {
        http.events(request, silenceMax: silenceMax)
    }

    /// Nothing of a request has left where there was no connection: to send it again is safe, whatever it asks.
    private func whenItListens<Answer>(
        _ request: HTTPRequest, _ ask: () async throws -> Answer
    ) async throws -> Answer {
        let endsAt = time.monotonic() + Self.patience
        while true {
            do {
                let answer = try await ask()
                state.withLock { $0.hasAnswered = true }
                return answer
            } catch let error as EffectsError where error.code == "effects.http.unreachable" {
                guard !state.withLock({ $0.hasAnswered }), time.monotonic() < endsAt else { throw error }
                if state.withLock({ state in
                    defer { state.hasSaid = true }
                    return !state.hasSaid
                }) {
                    say(
                        "Nobody answers at \(request.url.controllerPart) yet: waiting for it, \(Self.patience) at most."
                    )
                }
                try await time.sleep(for: Self.pause)
            } catch {
                state.withLock { $0.hasAnswered = true }
                throw error
            }
        }
    }
}

extension String {
    /// Of a URL: `https://host:port`.
    fileprivate var controllerPart: String {
        split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false).prefix(3).joined(separator: "/")
    }
}
