import ReleaseDefinition
import Synchronization

/// Judges one exchange against the clock. The transfer tells it what happens; `run` ends, with the verdict as an error,
/// when the exchange has lasted too long, trickles or is silent.
final class TransferWatch: Sendable {
    enum Rule: Sendable {
        /// The whole exchange must end in time, and its body must flow.
        case transfer
        /// The head must come in time; then only silence counts.
        case events(silenceMax: TimeSpan)
    }

    private struct State {
        var hasHead = false
        var waitingSince: ContinuousClock.Instant?
        var waited = Duration.zero
        var windowBytes = 0
    }

    private let url: String
    private let timeout: TimeSpan
    let rule: Rule
    private let limits: HTTPLimits
    private let startedAt = ContinuousClock.now
    private let state: Mutex<State>

    init(url: String, timeout: TimeSpan, rule: Rule, limits: HTTPLimits) {
        self.url = url
        self.timeout = timeout
        self.rule = rule
        self.limits = limits
        state = Mutex(State())
    }

    func headCame() { state.withLock { $0.hasHead = true } }

    func waitsForBytes() {
        let now = ContinuousClock.now
        state.withLock { $0.waitingSince = now }
    }

    func bytesCame(_ count: Int) {
        let now = ContinuousClock.now
        state.withLock { state in
            if let since = state.waitingSince { state.waited += since.duration(to: now) }
            state.waitingSince = nil
            state.windowBytes += count
        }
    }

    func run() async throws {
        while true {
            let planned = try nextLook(at: ContinuousClock.now)
            try await Task.sleep(until: planned, clock: .continuous)
            let now = ContinuousClock.now
            // Woken late: this machine slept, or had no time for us, and perhaps none for the bytes that came either.
            if planned.duration(to: now) > .seconds(1) { waitsAnew(at: now) }
        }
    }

    private func waitsAnew(at now: ContinuousClock.Instant) {
        state.withLock { state in
            guard state.waitingSince != nil else { return }
            state.waitingSince = now
        }
    }

    /// - Throws: the verdict.
    /// - Returns: when to look again.
    private func nextLook(at now: ContinuousClock.Instant) throws -> ContinuousClock.Instant {
        try state.withLock { state in
            let deadline = startedAt + timeout.duration
            switch rule {
            case .transfer:
                guard now < deadline else { throw timedOut }
                guard state.hasHead else { return min(deadline, now + limits.window.duration) }
                return min(deadline, try nextLookAtRate(&state, at: now))
            case .events(let silenceMax):
                guard state.hasHead else {
                    guard now < deadline else { throw timedOut }
                    return min(deadline, now + silenceMax.duration)
                }
                // While our own side works on what came, nobody is silent.
                let end = (state.waitingSince ?? now) + silenceMax.duration
                guard now < end else {
                    throw EffectsError(
                        code: "http.silent", summary: "\(url) sent nothing for \(silenceMax).",
                        remedy: "The connection is taken for dead: it is opened anew.")
                }
                return end
            }
        }
    }

    private func nextLookAtRate(
        _ state: inout State, at now: ContinuousClock.Instant
    ) throws -> ContinuousClock.Instant {
        let waited = state.waited + (state.waitingSince.map { $0.duration(to: now) } ?? .zero)
        guard waited >= limits.window.duration else { return now + (limits.window.duration - waited) }
        guard state.windowBytes >= limits.windowBytesMin else {
            throw EffectsError(
                code: "http.stalled",
                summary:
                    "\(url) sent \(state.windowBytes) bytes in \(limits.window), at least \(limits.windowBytesMin) "
                    + "are expected.",
                remedy: "Look at the network path and the load of the server; the transfer can be tried again.")
        }
        state.waited = .zero
        state.windowBytes = 0
        if state.waitingSince != nil { state.waitingSince = now }
        return now + limits.window.duration
    }

    private var timedOut: EffectsError {
        EffectsError(
            code: "http.timeout", summary: "\(url) did not finish its answer within \(timeout).",
            remedy: "Look at the load of the server and the network path, then try again.")
    }
}
