import AgentProtocol
import Effects
import Logging
import ReleaseDefinition

/// Holds the controller's stream open and hands every assignment on. Comes back by itself, with full jitter; the
/// controller gone is no fault of the host.
struct PushLoop: Sendable {
    /// Three heartbeats without a byte: the connection is dead, whatever TCP thinks.
    static let silenceMax = AgentOrder.heartbeatInterval * 3
    /// Whatever a controller that leaves says: at once is when it still answers, and says the same again.
    static let leavingLeast = TimeSpan.milliseconds(500)
    static let leavingMax = TimeSpan.seconds(60)

    var agent: Agent
    var doors: AgentDoors
    var controller: String
    var log: Logger
    var keeper: any StandingKeeper
    /// Called when the controller answers, but not with a stream: it may say why to another question.
    var refused: @Sendable () async -> Void

    func run() async {
        var backoff = Backoff.stream
        var lastEvent: String?
        while !Task.isCancelled {
            var leaving: Leaving?
            do {
                let confirmed = await agent.confirmedSequence
                let request = HTTPRequest(
                    "GET", controller + "/v1/agent/stream",
                    headers: [HTTPField("Accept", "text/event-stream")]
                        + (lastEvent.map { [HTTPField("Last-Event-ID", $0)] } ?? []),
                    timeout: .seconds(30))
                for try await event in doors.http.events(request, silenceMax: Self.silenceMax) {
                    backoff.reset()
                    lastEvent = event.id ?? lastEvent
                    leaving = await receive(event, confirmed)
                }
                if leaving == nil { log.warning("the controller closed the stream") }
            } catch  where leaving != nil {
                guard !Task.isCancelled else { return }
            } catch {
                guard !Task.isCancelled else { return }
                log.warning("the stream to the controller broke", metadata: ["error": "\(ReportedError(error))"])
                if (error as? EffectsError)?.code == "effects.http.status" { await refused() }
                // Perhaps the certificate ran out while this machine slept, of which timers know nothing.
                keeper.heard(.doubtful)
            }
            if let leaving { log.info("the controller leaves", metadata: ["back within": "\(leaving.within)"]) }
            let pause = leaving.map { TimeSpan(milliseconds: doors.random.fraction(of: $0.within.milliseconds)) }
            do { try await doors.time.sleep(for: pause ?? backoff.next(doors.random)) } catch { return }
        }
    }

    static func bounded(_ leaving: Leaving) -> Leaving {
        Leaving(within: min(max(leaving.within, leavingLeast), leavingMax))
    }

    /// - Parameter confirmed: what the controller had confirmed when the stream was asked for.
    /// - Returns: that the stream ends now, on purpose.
    private func receive(_ event: ServerSentEvent, _ confirmed: Int64) async -> Leaving? {
        do {
            let data = try JSONValue(parsing: Array(event.data.utf8), limits: JSONLimits(bytesMax: 1 << 20))
            switch AgentOrder(eventName: event.name, data: data) {
            case .assignment(let envelope): await agent.offer(envelope)
            case .cancel(let cancel): try await agent.cancel(cancel)
            case .renew: keeper.heard(.renew)
            case .facts: agent.factsWake.call()
            case .health: agent.healthWake.call()
            case .heard(let heard):
                if heard.takesReports { await agent.contactReturned() }
                try await agent.controllerHeard(through: heard.through, of: confirmed)
            case .ready: await agent.contactReturned()
            case .leaving(let leaving):
                return Self.bounded(leaving)
            case .identity(let notice): keeper.heard(.refused(notice: notice))
            case .refresh, nil: break
            }
        } catch {
            log.error("an event of the stream cannot be read", metadata: ["error": "\(ReportedError(error))"])
        }
        return nil
    }
}

/// Asks for the channels' assignments, every check interval ±20 %: one request where nothing is new. Needs nothing but a
/// static web server.
struct PullLoop: Sendable {
    var agent: Agent
    var doors: AgentDoors
    var source: any ReleaseSource
    var configuration: AgentConfiguration
    var log: Logger

    func run() async {
        var wait = TimeSpan(
            milliseconds: doors.random.fraction(of: min(configuration.checkInterval, .seconds(5)).milliseconds / 5))
        // What each channel said last and was understood: the same word need not be verified at every check.
        var understood: [ChannelName: JSONValue] = [:]
        while !Task.isCancelled {
            do { try await doors.time.sleep(for: wait) } catch { return }
            let words = await source.assignments(of: configuration.channels)
            for (channel, word) in words.sorted(by: { $0.key < $1.key }) { await check(channel, word, &understood) }
            wait = doors.random.spread(configuration.checkInterval)
        }
    }

    private func check(
        _ channel: ChannelName, _ word: Result<JSONValue?, any Error>, _ understood: inout [ChannelName: JSONValue]
    ) async {
        do {
            let found = try word.get()
            // Nobody else is there to answer a host that never enrolled.
            if configuration.controller == nil { agent.checkIn.note() }
            guard let envelope = found, envelope != understood[channel] else {
                return
            }
            if await agent.offer(envelope) { understood[channel] = envelope }
        } catch {
            guard !Task.isCancelled else { return }
            log.warning(
                "the channel could not be read",
                metadata: ["channel": "\(channel)", "error": "\(ReportedError(error))"])
        }
    }
}
