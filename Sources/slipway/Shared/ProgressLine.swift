import Glibc
import ReleaseDefinition
import ReleasePackaging
import Synchronization

/// Whether stderr is a terminal that takes a line being written over: not one that calls itself `dumb`, or nothing. No colour is
/// used anywhere, so that NO_COLOR asks for nothing.
enum TerminalLine {
    static let isPossible: Bool = {
        let terminal = getenv("TERM").map { String(cString: $0) } ?? ""
        return isatty(STDERR_FILENO) == 1 && !terminal.isEmpty && terminal != "dumb"
    }()

    /// In place of what stands there, without an end of line; empty: nothing stands there any more.
    static func show(_ text: String) {
        guard isPossible else { return }
        var size = winsize()
        let isKnown = ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 1
        // A line that wraps could not be taken back.
        let shown = text.prefix(isKnown ? Int(size.ws_col) - 1 : 79)
        let visible = String(decoding: TerminalText.visible(Array(shown.utf8)), as: UTF8.self)
        Talk.write("\r\u{1B}[K" + visible)
    }
}

/// What something whose length nobody knows has done so far: a line that is written over on a terminal, nothing elsewhere. What came
/// of it is said by whoever did it.
final class CountLine: Sendable {
    private let shownAt = Mutex<ContinuousClock.Instant?>(nil)

    /// From any thread; ten times a second at most.
    func show(_ text: @autoclosure () -> String) {
        guard TerminalLine.isPossible else { return }
        shownAt.withLock { shownAt in
            let now = ContinuousClock.now
            guard shownAt.map({ now - $0 >= .milliseconds(100) }) ?? true else { return }
            shownAt = now
            TerminalLine.show(text())
        }
    }

    /// However it ended: nothing of it stays on a terminal. Once is enough.
    func clear() {
        shownAt.withLock { shownAt in
            if shownAt != nil { TerminalLine.show("") }
            shownAt = nil
        }
    }
}

/// How far a build or a transfer is, on stderr: a line that is written over on a terminal, one line at the end elsewhere.
final class ProgressLine: Sendable {
    private let verb: String
    private let startedAt = ContinuousClock.now
    private let last = Mutex<BuildProgress?>(nil)
    private let line = CountLine()

    /// - Parameter verb: as `Packed`.
    init(_ verb: String) {
        self.verb = verb
    }

    /// From any thread.
    func show(_ progress: BuildProgress) {
        last.withLock { last in
            last = progress
            line.show(Self.line(progress, after: .now - startedAt))
        }
    }

    /// However it ended: nothing of it stays on a terminal.
    func clear() { line.clear() }

    /// What came of it, once it is done.
    func sayDone() {
        let elapsed = ContinuousClock.now - startedAt
        clear()
        guard let last = last.withLock({ $0 }), last.done == last.total else { return }
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
