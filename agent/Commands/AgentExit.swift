import Glibc
import ReleaseDefinition

/// The exit codes of commands.md that the agent uses, mapped in this one place.
public enum AgentExit: Int32, Sendable, CaseIterable {
    case done = 0
    case failed = 1
    case usage = 2
    case notFound = 3
    case permission = 4
    case conflict = 5
    case backedOut = 7
    case timedOut = 8
    case unreachable = 9

    var meaning: String {
        switch self {
        case .done: "done"
        case .failed: "failed"
        case .usage: "usage"
        case .notFound: "not found"
        case .permission: "login or permission"
        case .conflict: "conflict, or locked"
        case .backedOut: "backed out"
        case .timedOut: "timed out"
        case .unreachable: "controller unreachable"
        }
    }

    static var table: String { allCases.map { "\($0.rawValue) \($0.meaning)" }.joined(separator: ", ") + "." }

    init(_ error: any ReportableError) {
        switch error.code {
        case "agent.locked", "agent.busy", "agent.joined", "agent.adopt.there", "agent.inhibited": self = .conflict
        case "agent.image.baked", "agent.rehearsal.runs": self = .conflict
        case "agent.converge.timeout": self = .timedOut
        case "agent.converge.unreached": self = .unreachable
        case "definition.joinString": self = .usage
        case "agent.notFound", "effects.file.absent": self = .notFound
        case "agent.join.refused": self = .permission
        case "agent.backedOut": self = .backedOut
        // Own key or certificate cannot be read: no peer was asked.
        case "effects.http.identity", "effects.http.url": self = .failed
        case let code where code.hasPrefix("effects.http"): self = .unreachable
        default: self = .failed
        }
    }
}

/// Text to the two standard outputs; a write that fails is an error where data is printed.
enum FileHandleOutput {
    /// Words for people, who may sit at a terminal: it obeys none of them.
    static func standardError(_ text: String) {
        _ = write(all: TerminalText.visible(Array(text.utf8)), to: STDERR_FILENO)
    }

    /// - Returns: whether everything was written.
    static func standardOutput(_ bytes: [UInt8]) -> Bool { write(all: bytes, to: STDOUT_FILENO) }

    /// To what is there already and is no regular file.
    static func existing(_ path: String, _ bytes: [UInt8]) -> Bool {
        let descriptor = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return write(all: bytes, to: descriptor)
    }

    private static func write(all bytes: [UInt8], to descriptor: Int32) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { return false }
            rest = rest.dropFirst(written)
        }
        return true
    }
}
