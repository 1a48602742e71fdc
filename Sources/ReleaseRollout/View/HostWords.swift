import AgentProtocol
import ReleaseDefinition

/// A host's state in words.
struct HostWords {
    var state: String
    var step: InstallationStep?
    var failure: FailureClass?
    var reason: String

    init(_ host: HostRecord, phaseName: String, holdsStarts: Bool) {
        failure = host.install.outcome?.failure
        switch host.backOut {
        case nil: (state, step, reason) = Self.install(host, phaseName: phaseName, holdsStarts: holdsStarts)
        case .waiting, .admitted:
            (state, step) = ("backingOut", nil)
            reason =
                host.isOutOfContact ? "Waits for contact to be backed out." : "Waits for its turn to be backed out."
        case .ordered:
            (state, step, reason) = ("backingOut", nil, "Was told to back out and has not answered yet.")
        case .working(let working, _):
            (state, step, reason) = ("backingOut", working, "Backs out: \(working.rawValue).")
        case .ended(let outcome): (state, step, reason) = Self.backOut(outcome, of: host)
        }
    }

    private typealias Words = (state: String, step: InstallationStep?, reason: String)

    private static func install(_ host: HostRecord, phaseName: String, holdsStarts: Bool) -> Words {
        switch host.install {
        case .waiting(since: nil): ("waiting", nil, "Waits for \(phaseName) to start.")
        case .waiting:
            (
                "waiting", nil,
                host.isOutOfContact
                    ? "Is out of contact."
                    : holdsStarts ? "Waits: no host starts now." : "Waits for its turn in \(phaseName)."
            )
        case .admitted: ("ordered", nil, "Its order is about to go out.")
        case .ordered: ("ordered", nil, "Has its order and has not answered yet.")
        case .working(.staged, _):
            ("installing", .staged, "Has it staged and has not begun: its own windows or schedule may hold it.")
        case .working(let step, _): ("installing", step, "Installs: \(step.rawValue).")
        case .ended(let outcome): (outcome.name, host.failedStep, outcome.sentence(of: host))
        }
    }

    private static func backOut(_ outcome: HostOutcome, of host: HostRecord) -> Words {
        switch host.backOutSucceeded {
        case true: ("backedOut", nil, "Is back on \(host.running?.description ?? "what it had before").")
        case false:
            (
                "backOutFailed", host.failedStep,
                "Could not be backed out"
                    + (host.backOutRetries < HostRecord.backOutRetriesMax
                        ? "." : " in \(host.backOutRetries + 1) attempts.")
                    + " Look at it by hand."
            )
        case nil: (outcome.name, nil, "Was to be backed out: \(outcome.sentence(of: host))")
        }
    }
}

extension HostOutcome {
    /// The word of semantics 2.
    var name: String {
        switch self {
        case .succeeded: "succeeded"
        case .alreadyCurrent: "alreadyCurrent"
        case .failed: "failed"
        case .backedOut: "backedOut"
        case .backOutFailed: "backOutFailed"
        case .skipped: "skipped"
        case .offline: "offline"
        case .gone: "gone"
        case .silent: "silent"
        case .cancelled: "cancelled"
        case .superseded: "superseded"
        }
    }

    var failure: FailureClass? {
        switch self {
        case .failed(let failure): failure
        case .backedOut(let failure): failure
        default: nil
        }
    }

    fileprivate func sentence(of host: HostRecord) -> String {
        switch self {
        case .succeeded: "Came to run the release, healthy."
        case .alreadyCurrent: "Ran the release before."
        case .failed(.lost): "Had begun and was not heard of again by its deadline."
        case .failed(let failure) where host.presence == .present:
            "Failed (\(failure.rawValue)) and still has the release."
        case .failed(let failure): "Failed (\(failure.rawValue)) and kept what it had before."
        case .backedOut(let failure):
            "Failed" + (failure.map { " (\($0.rawValue))" } ?? "") + " and went back by itself to "
                + "\(host.running?.description ?? "what it had before")."
        case .backOutFailed: "Failed, and could not go back: it is locked. Look at it by hand."
        case .skipped(let reason): "Was skipped: \(reason)"
        case .offline: "Did not answer in time; its order stands for when it is back."
        case .gone: "Has left."
        case .silent: "Does not report."
        case .cancelled: "Was cancelled before it began."
        case .superseded: "Follows a newer rollout."
        }
    }
}
