import ArgumentParser
import ControllerAPI
import Glibc
import ReleaseDefinition

/// How the program ends: the one place where errors and final states become exit codes.
enum ProgramExit: Int32, Error, CaseIterable {
    case done = 0
    case failed = 1
    case usage = 2
    case notFound = 3
    case permission = 4
    case conflict = 5
    case notNow = 6
    case backedOut = 7
    case timedOut = 8
    case unreachable = 9
    case interrupted = 130

    var meaning: String {
        switch self {
        case .done: "done"
        case .failed: "failed"
        case .usage: "usage"
        case .notFound: "not found"
        case .permission: "login or permission"
        case .conflict: "conflict or stale plan"
        case .notNow: "outside a window, frozen, or not approved"
        case .backedOut: "backed out"
        case .timedOut: "timed out, still running"
        case .unreachable: "controller unreachable"
        case .interrupted: "interrupted"
        }
    }

    static var table: String { allCases.map { "\($0.rawValue) \($0.meaning)" }.joined(separator: ", ") + "." }

    init(_ family: ControllerAPIError.Family) {
        self =
            switch family {
            case .refused: .failed
            case .notFound: .notFound
            case .permission: .permission
            case .conflict: .conflict
            case .notNow: .notNow
            case .unreachable: .unreachable
            }
    }

    /// The code of a rollout's final state; nil while something can still happen by itself.
    init?(_ state: RolloutState) {
        switch state {
        case .running, .paused, .halted, .stopping, .backingOut: return nil
        case .succeeded: self = .done
        case .backedOut: self = .backedOut
        case .superseded: self = .conflict
        case .stopped, .backOutFailed: self = .failed
        }
    }

    /// Says the error on stderr (help goes to stdout: it was asked for) and answers how to leave.
    static func report(_ error: any Error) -> ProgramExit {
        if let exit = error as? ProgramExit { return exit }
        if let error = error as? any ReportableError {
            Talk.say(cut("error: \(error)"))
            if let error = error as? ControllerAPIError { return ProgramExit(error.family) }
            switch error.code {
            case "effects.file.absent", "command.client.absent", "command.freeze.none", "command.freeze.unknown",
                "command.explain.unknown":
                return .notFound
            case "command.output.exists", "command.freeze.policy": return .conflict
            case "command.login.expired", "command.login.refused": return .permission
            case "command.confirm.absent", "command.key.passphrase", "command.freeze.several", "command.login.issuer",
                "command.argument.empty":
                return .usage
            default: return .failed
            }
        }
        if error is CancellationError { return .interrupted }
        let message = SlipwayCommand.fullMessage(for: error)
        guard SlipwayCommand.exitCode(for: error).isSuccess else {
            Talk.say(cut(message))
            return .usage
        }
        do {
            try StandardOutput.write(message + "\n")
            return .done
        } catch {
            return report(error)
        }
    }

    /// Somebody's words may be as long as a file that was given in place of its name: of a line that nobody reads the ends stay.
    static func cut(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            let count = line.count
            return count <= lineMax
                ? String(line)
                : "\(line.prefix(lineMax / 2)) … \(count - lineMax) characters … \(line.suffix(lineMax / 2))"
        }.joined(separator: "\n")
    }
    private static let lineMax = 2000

    func leave() -> Never { exit(rawValue) }
}
