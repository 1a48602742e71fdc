import AgentProtocol
import ControllerAPI
import ReleaseDefinition

/// How a host stands in a rollout, as the console shows it: a colour's name, a mark that needs no colour, and words.
struct HostMark: Equatable {
    enum Kind: String, CaseIterable {
        case failed, backedOut, offline, moving, succeeded, waiting, apart
    }

    var kind: Kind
    /// One character, so that shape tells what colour tells.
    var sign: String
    var words: String

    /// A person should look at it: it failed, also where it has backed out since, or cannot be reached.
    let needsAttention: Bool

    init(_ host: RolloutHostView) {
        switch host.outcome {
        case nil: self.init(step: host.step, isOrdered: host.order != nil, action: host.order?.action)
        case .succeeded: self.init(.succeeded, "✓", "succeeded")
        case .alreadyCurrent: self.init(.succeeded, "✓", "ran it already")
        case .failed(let failure): self.init(.failed, "✕", "failed: \(Self.words(failure))")
        case .backedOut(let cause):
            let words = cause.map { "backed out: \(Self.words($0))" } ?? "backed out"
            self.init(.backedOut, "↩", words, needsAttention: cause != nil)
        case .backOutFailed: self.init(.failed, "!", "could not be backed out")
        case .skipped(let reason): self.init(.apart, "–", "skipped: \(reason)")
        case .offline: self.init(.offline, "?", "offline: its order stands")
        case .gone: self.init(.apart, "–", "gone")
        case .silent: self.init(.apart, "·", "unknown: it never reports")
        case .cancelled: self.init(.apart, "–", "cancelled")
        case .superseded: self.init(.apart, "–", "superseded")
        }
    }

    private init(step: InstallationStep?, isOrdered: Bool, action: OrderAction?) {
        guard isOrdered || step != nil else {
            self.init(.waiting, "", "waits for its turn")
            return
        }
        let words: String
        switch step {
        case nil: words = action == .backOut ? "is told to back out" : "has its order"
        case .received: words = "has its order"
        case .verified: words = "verified the signatures"
        case .preflight: words = "checked room and requirements"
        case .staged: words = "unpacked the new tree"
        case .stopping: words = "stops what it ran"
        case .switched: words = "switched"
        case .starting: words = "starts"
        case .checking: words = "checks health"
        case .committed: words = "healthy, finishing"
        case .backingOut: words = "backs out"
        case .backedOut: words = "backed out, finishing"
        case .backOutFailed: words = "cannot back out"
        }
        self.init(.moving, step == .backingOut || action == .backOut ? "↩" : "›", words)
    }

    private init(_ kind: Kind, _ sign: String, _ words: String, needsAttention: Bool? = nil) {
        self.needsAttention = needsAttention ?? (kind == .failed || kind == .offline)
        self.kind = kind
        self.sign = sign
        self.words = words
    }

    private static func words(_ failure: FailureClass) -> String {
        switch failure {
        case .transport: "the download did not end well"
        case .verify: "the release was refused before anything changed"
        case .preflight: "the host was not ready"
        case .install: "the tree could not be installed"
        case .hook: "a hook failed"
        case .health: "it did not become healthy"
        case .confirm: "the host lost its network"
        case .lost: "it vanished after it had started"
        case .backOut: "the back-out failed"
        }
    }
}

enum ConsoleWords {
    /// Of a host that is away: since when nothing is known of what runs there. nil: it is there.
    static func silence(_ host: HostView) -> String? {
        guard host.contact != .online else { return nil }
        return host.lastContactAt.map { "silent since \(moment($0))" } ?? "silent"
    }

    static func state(_ state: RolloutState) -> String {
        switch state {
        case .running: "Running"
        case .paused: "Paused"
        case .halted: "Halted"
        case .stopping: "Stopping"
        case .backingOut: "Backing out"
        case .succeeded: "Succeeded"
        case .stopped: "Stopped"
        case .backedOut: "Backed out"
        case .backOutFailed: "Back-out failed"
        case .superseded: "Superseded"
        }
    }

    /// The colour's name of a rollout's state.
    static func tone(_ state: RolloutState) -> String {
        switch state {
        case .running, .stopping: "moving"
        case .paused, .backingOut, .backedOut: "backedOut"
        case .halted, .backOutFailed: "failed"
        case .succeeded: "succeeded"
        case .stopped, .superseded: "apart"
        }
    }

    static func state(_ state: PhaseState) -> String {
        switch state {
        case .waiting: "waiting"
        case .running: "running"
        case .baking: "being watched"
        case .passed: "passed"
        case .failed: "failed"
        case .backingOut: "backing out"
        case .backedOut: "backed out"
        case .stopped: "stopped"
        }
    }

    static func tone(_ state: PhaseState) -> String {
        switch state {
        case .waiting: "waiting"
        case .running, .baking: "moving"
        case .passed: "succeeded"
        case .failed: "failed"
        case .backingOut, .backedOut: "backedOut"
        case .stopped: "apart"
        }
    }

    /// `2026-11-21 10:12:04 UTC`
    static func moment(_ instant: UTCInstant) -> String {
        let text = instant.wholeSeconds.description
        return "\(text.prefix(10)) \(text.dropFirst(11).prefix(8)) UTC"
    }

    /// Sentences of the engine as the console says them: `2026-11-21T10:12:04.125Z` as `moment` does, `person:admin` as `admin`.
    static func plain(_ text: String) -> String { PlainWords.text(text, moment: moment) }

    /// What `moment` says, and nothing else.
    static func isMoment(_ text: String) -> Bool { text.utf8.count == 23 && text.hasSuffix(" UTC") }

    /// `0.8 s`, `12 s`, `3 min 5 s`, `2 h 10 min`, `3 d 4 h`
    static func length(_ span: TimeSpan) -> String {
        let tenths = max(0, span.milliseconds) / 100
        let seconds = tenths / 10
        if seconds < 10 { return "\(seconds).\(tenths % 10) s" }
        if seconds < 60 { return "\(seconds) s" }
        if seconds < 3600 { return "\(seconds / 60) min \(seconds % 60) s" }
        if seconds < 86_400 { return "\(seconds / 3600) h \(seconds / 60 % 60) min" }
        return "\(seconds / 86_400) d \(seconds / 3600 % 24) h"
    }

    /// `person:admin` is how the log names a person.
    static func person(_ actor: String) -> String { PlainWords.person(actor) }

    static func clockChange(_ change: MaintenanceWindow.ClockChange) -> String {
        switch change {
        case .skipped: "the clock skips the time: it opens at the next minute that exists"
        case .repeated: "the time comes twice: it opens once, the first time"
        case .during: "the clock is changed while it is open"
        }
    }

    /// The last lines of a log, each cut to a width that a page can show. A line that comes again and again stands once,
    /// so that what came before it is seen.
    static func lastLines(_ log: String, count: Int = 20, width: Int = 400) -> String {
        var lines: [(text: Substring, times: Int)] = []
        for line in log.split(whereSeparator: \.isNewline) {
            if let last = lines.last, last.text == line {
                lines[lines.count - 1].times += 1
            } else {
                lines.append((line, 1))
            }
        }
        return lines.suffix(count).map { line in
            let text = line.text.count > width ? line.text.prefix(width) + "…" : line.text
            return line.times > 1 ? "\(text)  (\(line.times) times)" : String(text)
        }.joined(separator: "\n")
    }
}
