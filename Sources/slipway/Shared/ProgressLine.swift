import Glibc
import ReleaseDefinition
import ReleasePackaging
import Synchronization

/// How far a build is, on stderr: a line that is written over on a terminal, one line at the end elsewhere.
final class ProgressLine: Sendable {
    private struct State {
        var last: BuildProgress?
        var shownAt: ContinuousClock.Instant?
    }

    private let verb: String
    private let isTerminal: Bool
    private let startedAt = ContinuousClock.now
    private let state = Mutex(State())

    /// - Parameter verb: as `Packed`.
    init(_ verb: String) {
        self.verb = verb
        let terminal = getenv("TERM").map { String(cString: $0) }
        isTerminal = isatty(STDERR_FILENO) == 1 && terminal != nil && terminal != "dumb"
    }

    /// From any thread.
    func show(_ progress: BuildProgress) {
        state.withLock { state in
            state.last = progress
            let now = ContinuousClock.now
            guard isTerminal, state.shownAt.map({ now - $0 >= .milliseconds(100) }) ?? true else { return }
            state.shownAt = now
            Talk.write("\r\u{1B}[K" + Self.line(progress, after: now - startedAt))
        }
    }

    /// Called once, however it ended.
    func end() {
        let elapsed = ContinuousClock.now - startedAt
        let last = state.withLock { $0.last }
        if isTerminal { Talk.write("\r\u{1B}[K") }
        guard let last, last.done == last.total else { return }
        let rate = last.rate(after: elapsed).map { ", \($0)/s" } ?? ""
        Talk.say("\(verb) \(last.total) in \(Self.seconds(elapsed))\(rate).")
    }

    /// `45 %, 71.2 of 158.0 MiB, 130.4 MiB/s, 1 s left`
    static func line(_ progress: BuildProgress, after elapsed: Duration) -> String {
        var parts = ["\(Int(progress.share * 100)) %", "\(progress.done) of \(progress.total)"]
        if let rate = progress.rate(after: elapsed) { parts.append("\(rate)/s") }
        if let left = progress.timeLeft(after: elapsed) { parts.append("\(left.components.seconds) s left") }
        return parts.joined(separator: ", ")
    }

    private static func seconds(_ elapsed: Duration) -> String {
        let tenths = Int64((elapsed / .milliseconds(100)).rounded())
        return "\(tenths / 10).\(tenths % 10) s"
    }
}
