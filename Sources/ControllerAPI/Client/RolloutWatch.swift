import Effects
import ReleaseDefinition

/// What a watch sees.
public enum RolloutWatchEvent: Sendable, Equatable {
    case change(RolloutChange)
    /// The stream broke; the watch goes on by itself.
    case lost(ControllerAPIError)
    case found
}

extension ControllerClient {
    /// A rollout's changes after `sequence` (0: from its start) until its state is final and told. A stream that breaks is
    /// opened again after the last change seen, so nothing is lost or told twice; the watch fails only when the
    /// controller was away for `absenceMax`, or refuses.
    /// - Parameter isDone: when it ends instead, asked of the rollout after each change; a part of it may be waited for.
    public func watch(
        _ id: RolloutID, after sequence: Int64 = 0, absenceMax: TimeSpan = .minutes(10),
        isDone: (@Sendable (RolloutView) -> Bool)? = nil, time: any TimeDoor
    ) -> AsyncThrowingStream<RolloutWatchEvent, any Error> {
        AsyncThrowingStream { continuation in
            let task = Task {
                var watch = RolloutWatch(
                    client: self, id: id, seen: sequence, absenceMax: absenceMax, isDone: isDone, time: time)
                do {
                    try await watch.run { continuation.yield($0) }
                    continuation.finish()
                } catch {
                    continuation.finish(throwing: error)
                }
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }
}

private struct RolloutWatch {
    /// Three missed heartbeats.
    static let silenceMax = TimeSpan.seconds(30)
    static let pause = TimeSpan.milliseconds(200)

    let client: ControllerClient
    let id: RolloutID
    var seen: Int64
    let absenceMax: TimeSpan
    let isDone: (@Sendable (RolloutView) -> Bool)?
    let time: any TimeDoor
    private var lostAt: TimeSpan?
    /// Other questions are answered and this one is not, as behind a proxy that passes no streams: only a stream that tells
    /// something ends such an absence.
    private var isRefused = false

    init(
        client: ControllerClient, id: RolloutID, seen: Int64, absenceMax: TimeSpan,
        isDone: (@Sendable (RolloutView) -> Bool)?, time: any TimeDoor
    ) {
        (self.client, self.id, self.seen) = (client, id, seen)
        (self.absenceMax, self.isDone, self.time) = (absenceMax, isDone, time)
    }

    mutating func run(_ report: (RolloutWatchEvent) -> Void) async throws {
        while true {
            do {
                // The stream's errors carry no status: this asks first whether the rollout is there and we may see it.
                let view = try await client.rollout(id)
                if !isRefused { find(report) }
                if isEnd(view) { return }
                if try await follow(until: view.sequence, report) == .ended { return }
                // The controller closed the stream without an error, as it does when it is told to stop.
                try await time.sleep(for: Self.pause)
            } catch let error as ControllerAPIError where error.family == .unreachable {
                let now = time.monotonic()
                if lostAt == nil { report(.lost(error)) }
                let since = lostAt ?? now
                lostAt = since
                guard now < since + absenceMax else { throw error }
                try await time.sleep(for: Self.pause)
            }
        }
    }

    private mutating func find(_ report: (RolloutWatchEvent) -> Void) {
        if lostAt != nil { report(.found) }
        (lostAt, isRefused) = (nil, false)
    }

    private func isEnd(_ view: RolloutView) -> Bool {
        seen >= view.sequence && (isDone?(view) ?? view.state.isFinal)
    }

    private enum End { case ended, broken }

    /// A rollout that was completed and then backed out has two final changes: only one that is as late as the view
    /// ends the watch.
    private mutating func follow(
        until latest: Int64, _ report: (RolloutWatchEvent) -> Void
    ) async throws -> End {
        var headers = client.fields.filter { $0.name != "Accept" } + [HTTPField("Accept", "text/event-stream")]
        if seen > 0 { headers.append(HTTPField("Last-Event-ID", String(seen))) }
        let request = HTTPRequest("GET", client.url(["rollouts", id.text, "events"]), headers: headers)
        do {
            for try await event in client.http.events(request, silenceMax: Self.silenceMax) {
                find(report)
                guard event.name == RolloutChange.eventName else { continue }
                let change = try JSONCoding.decode(RolloutChange.self, from: Array(event.data.utf8))
                guard change.sequence > seen else { continue }
                seen = change.sequence
                report(.change(change))
                guard change.sequence >= latest else { continue }
                if isDone == nil {
                    if change.state.isFinal { return .ended }
                } else if isEnd(try await client.rollout(id)) {
                    return .ended
                }
            }
            return .broken
        } catch let error as EffectsError {
            let wasRefused = isRefused
            isRefused = error.code == "effects.http.status"
            // One that stood and broke, however quiet it was, begins another absence.
            if wasRefused, !isRefused { lostAt = nil }
            throw ControllerAPIError(unreachable: client.baseURL, error)
        }
    }
}
