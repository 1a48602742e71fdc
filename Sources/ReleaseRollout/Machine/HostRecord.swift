import AgentProtocol
import ReleaseDefinition

/// Where an order to a host stands. Whatever is not waiting in turn or ended has a deadline.
enum OrderState: Sendable, Equatable {
    /// In turn since then; nil: its phase has not started.
    case waiting(since: UTCInstant?)
    /// It may have its order; the controller is to send it.
    case admitted(since: UTCInstant)
    /// The order is out; the host has said nothing about it yet.
    case ordered(since: UTCInstant)
    case working(InstallationStep, since: UTCInstant)
    case ended(HostOutcome)

    var isOpen: Bool {
        switch self {
        case .admitted, .ordered, .working: true
        case .waiting, .ended: false
        }
    }

    /// The order has left the controller: the host may be at it.
    var isInFlight: Bool {
        switch self {
        case .ordered, .working: true
        case .waiting, .admitted, .ended: false
        }
    }

    var isWaitingInTurn: Bool {
        if case .waiting(since: .some) = self { true } else { false }
    }

    var isWaiting: Bool { if case .waiting = self { true } else { false } }
    var isAdmitted: Bool { if case .admitted = self { true } else { false } }
    var isEnded: Bool { if case .ended = self { true } else { false } }
    var outcome: HostOutcome? { if case .ended(let outcome) = self { outcome } else { nil } }
}

/// Whether the rollout's release is on a host.
enum Presence: Sendable, Equatable {
    case absent
    /// This rollout brought it.
    case present
    /// It was there before this rollout, which therefore cannot take it back.
    case before
    /// It had begun and was not heard of again.
    case unknown
    /// Its order was out and it never said a word: hardly, but who knows.
    case unheard

    /// This rollout has, or may have, brought the release.
    var isOurs: Bool {
        switch self {
        case .present, .unknown, .unheard: true
        case .absent, .before: false
        }
    }
}

/// What a host counts as for its phase's gate (semantics 2 and 3): exactly one of these.
enum HostVerdict: Sendable, Equatable {
    case open, succeeded, alreadyCurrent, failed, unreached, skipped, absent
}

/// Whether a host is to drop an order that is out.
enum Cancelling: UInt8, Sendable {
    case no, wanted
    /// It was told; what it did is in its own word.
    case sent
}

/// What a host said last about itself: what it runs, and what failed.
final class HostWord: Sendable, Equatable {
    let running: ReleaseName?
    let failedStep: InstallationStep?
    let error: ReportedError?

    init(running: ReleaseName?, failedStep: InstallationStep? = nil, error: ReportedError? = nil) {
        self.running = running
        self.failedStep = failedStep
        self.error = error
    }

    static func == (left: HostWord, right: HostWord) -> Bool {
        left === right
            || left.running == right.running && left.failedStep == right.failedStep && left.error == right.error
    }
}

/// The words that many hosts say: the release, and what ran before.
struct CommonWords: Sendable, Equatable {
    private static let wordsMax = 8
    private var words: [HostWord] = []

    /// The same word, one that is held already if there is one. A host that failed has a word of its own.
    mutating func shared(_ word: HostWord) -> HostWord {
        guard word.error == nil else { return word }
        if let known = words.first(where: { $0 == word }) { return known }
        if words.count == Self.wordsMax { words.removeFirst() }
        words.append(word)
        return word
    }
}

struct HostRecord: Sendable, Equatable {
    let id: HostID
    private var contactMilliseconds = Int64.min
    private var checkMilliseconds: Int32
    private let phaseNumber: Int32
    /// Of a pulling host: its place among those that an assignment means without naming them.
    private(set) var bucket: UInt32 = 0
    /// A retry of a failure that was not the release's is a new attempt: the host carries each out once.
    private var installAttempts: Int32 = 1
    private var backOutAttempts: Int32 = 1
    private var returned: Int32 = 0
    /// How often a failed back-out was tried again. Attempts are numbers of orders: a channel has one for all.
    var backOutRetries: UInt8 = 0
    private(set) var delivery: DeliveryMode
    /// A machine that comes and goes.
    let isEphemeral: Bool
    /// It was unhealthy before: what becomes of it says nothing about the release.
    var isUncounted: Bool
    private(set) var cancelling = Cancelling.no

    var install = OrderState.waiting(since: nil)
    /// The host itself has said how the order ended; more is a duplicate.
    var hasInstallWord = false

    /// nil: no back-out is wanted.
    var backOut: OrderState?
    var hasBackOutWord = false
    /// The engine let it have a back-out order; else the host went back by itself.
    var wasOrderedBack = false
    /// A person resumed in the face of this host's failed back-out.
    var isBackOutFailureAcknowledged = false

    var contact: HostContact?
    var contactSince: UTCInstant? {
        get { contactMilliseconds == .min ? nil : UTCInstant(millisecondsSince1970: contactMilliseconds) }
        set { contactMilliseconds = newValue?.millisecondsSince1970 ?? .min }
    }
    var presence: Presence
    /// What a person resumed in the face of: the same again does not count.
    var acknowledged: HostVerdict?

    /// What the host said last; hosts that said the same share it.
    var word: HostWord

    /// A flapping host that never says a word about its order may not hold a phase open for ever.
    static let returnsMax = 8
    /// Semantics 5: two retries, then hands off.
    static let backOutRetriesMax: UInt8 = 2

    init(_ host: PlanHost, phase: Int, rollout: RolloutID, release: ReleaseName, word: HostWord) {
        id = host.id
        delivery = host.delivery
        isEphemeral = host.isEphemeral
        isUncounted = host.isUnhealthy == true
        checkMilliseconds = Self.milliseconds(host.checkInterval)
        phaseNumber = Int32(truncatingIfNeeded: phase)
        self.word = word
        presence = host.running == release ? .before : .absent
        if delivery == .pull { bucket = HostBucket(rollout: rollout, host: host.id).value }
    }

    /// What was sent to it the wrong way has not reached it.
    mutating func find(_ host: PlanHost, rollout: RolloutID, at: UTCInstant) {
        delivery = host.delivery
        bucket = delivery == .pull ? HostBucket(rollout: rollout, host: id).value : 0
        cancelling = .no
        checkMilliseconds = Self.milliseconds(host.checkInterval)
        if install.isAdmitted || install.isInFlight { install = .waiting(since: at) }
    }

    /// The order is out, and no rule asks how far it is.
    func isInCourse(_ action: OrderAction) -> Bool {
        switch action {
        case .install: install.isInFlight && backOut == nil
        case .backOut: backOut?.isInFlight == true && install.isEnded
        }
    }

    // MARK: cancelling

    /// Its order is out, and it has not said that it stops anything: it can drop the order and clean up.
    var isBeforeStop: Bool {
        switch install {
        case .ordered: true
        case .working(let step, _): step.ordinal < InstallationStep.stopping.ordinal
        case .waiting, .admitted, .ended: false
        }
    }

    /// A pushed host is told so; one that pulls reads it from the channel, which does not name it any more.
    mutating func wantCancel(at: UTCInstant) {
        guard delivery == .push, isBeforeStop, cancelling == .no else { return }
        cancelling = .wanted
        // Who has said nothing has this long to answer.
        if case .ordered = install { install = .ordered(since: at) }
    }

    mutating func noteCancelSent() { if cancelling == .wanted { cancelling = .sent } }
    /// It may not have heard.
    mutating func cancelAgain() { if cancelling == .sent { cancelling = .wanted } }
    mutating func endCancelling() { cancelling = .no }

    var phase: Int { Int(phaseNumber) }
    /// No longer than 24 days: more than a day is never waited.
    var checkInterval: TimeSpan? { checkMilliseconds < 0 ? nil : .milliseconds(Int64(checkMilliseconds)) }

    private static func milliseconds(_ span: TimeSpan?) -> Int32 {
        span.map { Int32(clamping: $0.milliseconds) } ?? -1
    }

    var installAttempt: Int {
        get { Int(installAttempts) }
        set { installAttempts = Int32(clamping: newValue) }
    }

    var backOutAttempt: Int {
        get { Int(backOutAttempts) }
        set { backOutAttempts = Int32(clamping: newValue) }
    }

    var returns: Int {
        get { Int(returned) }
        set { returned = Int32(clamping: newValue) }
    }

    var running: ReleaseName? { word.running }
    var failedStep: InstallationStep? { word.failedStep }
    var error: ReportedError? { word.error }

    /// Known to be out of contact. Of a pulling host that is never known.
    var isOutOfContact: Bool { delivery == .push && contact == .offline }

    var verdict: HostVerdict {
        guard case .ended(let outcome) = install else { return .open }
        switch outcome {
        case .skipped: return .skipped
        case _ where isUncounted: return .absent
        // Taken back: not a success of the release.
        case .succeeded: return backOut == nil ? .succeeded : .failed
        case .alreadyCurrent: return backOut == nil ? .alreadyCurrent : .failed
        // Not a cause in the release (a controller that answers 503, a full disk): it counts against the reach.
        case .failed(.transport), .failed(.preflight), .offline: return .unreached
        case .failed, .backedOut, .backOutFailed: return .failed
        case .cancelled, .superseded: return .skipped
        case .gone, .silent: return .absent
        }
    }

    /// A back-out of this host can be ordered: it has, or may have, the release from this rollout, nothing of this
    /// rollout is under way on it, and it is not locked by a back-out that failed (never back out a back-out).
    var canBackOut: Bool {
        install.isEnded && install.outcome != .backOutFailed && backOut == nil && presence.isOurs
    }

    /// It may have its order once more: no back-out is under way or failed, and it has not locked itself.
    var canRetry: Bool {
        guard install.isEnded, install.outcome != .backOutFailed else { return false }
        return backOut.map { $0.isEnded && backOutSucceeded != false } ?? true
    }

    var canRetryBackOut: Bool { backOutSucceeded == false && backOutRetries < Self.backOutRetriesMax }

    /// It was ordered back and went: it shows that going back works. A host that had nothing to leave shows nothing.
    var provesBackOut: Bool {
        switch backOut {
        case .ended(.backedOut), .ended(.succeeded): wasOrderedBack
        case .ended, .waiting, .admitted, .ordered, .working, nil: false
        }
    }

    /// nil: not ended, or ended in a way that says nothing about backing out.
    var backOutSucceeded: Bool? {
        switch backOut {
        case .ended(.backedOut), .ended(.succeeded), .ended(.alreadyCurrent): true
        case .ended(.failed), .ended(.backOutFailed): false
        case .ended, .waiting, .admitted, .ordered, .working, nil: nil
        }
    }

    /// It was to go back to what it ran before, by itself or by order, and could not.
    var isNotBackedOut: Bool { backOutSucceeded == false || backOut == nil && install == .ended(.backOutFailed) }

    /// The order was out, the host has said nothing, and nobody waits for it any more.
    mutating func markUnheard() {
        if presence == .absent { presence = .unheard }
    }

    /// After the end of the install order.
    func presence(after ending: HostEnding, release: ReleaseName) -> Presence {
        switch ending.outcome {
        case .succeeded: return .present
        case .alreadyCurrent: return .before
        case .failed(.lost), .backOutFailed: return presence == .before ? .before : .unknown
        // It may be back with what it had begun.
        case .gone where ending.isPresumed == true:
            guard case .working = install, presence != .before else { return presence }
            return .unknown
        // The machine is no more.
        case .gone where ending.source == .engine: return .absent
        case .failed, .backedOut, .skipped, .offline, .gone, .silent, .cancelled, .superseded:
            guard ending.source == .host else { return presence }
            guard ending.running == release else { return .absent }
            // It failed and the release is there all the same: only if it was not there before is it ours to remove.
            return presence == .before ? .before : .present
        }
    }
}
