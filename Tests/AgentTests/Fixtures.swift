import AgentProtocol
import Effects
import Glibc
import ReleaseDefinition
import Testing

@testable import AgentLibrary

/// A folder of its own for one test; removed at the end.
final class TemporaryFolder: Sendable {
    let directory: Directory
    var path: String { directory.path }

    /// scripts/faults: in memory, where a sync costs nothing.
    private static let place = getenv("SLIPWAY_FAULTS_FOLDER").map { String(cString: $0) } ?? "/tmp"

    init(in base: String = place) throws {
        var name = Array("\(base)/slipway-agent-XXXXXX".utf8CString)
        guard mkdtemp(&name) != nil else { throw Unusable(errno: errno) }
        directory = try Directory.open(String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }

    /// One that is there already.
    init(adopting path: String) throws { directory = try Directory.open(path) }

    struct Unusable: Error { var errno: Int32 }

    deinit {
        guard let above = path.lastIndex(of: "/"), let base = try? Directory.open(String(path[..<above])) else {
            return
        }
        try? base.removeTree(String(path[path.index(after: above)...]))
    }
}

let start = UTCInstant(secondsSince1970: 1_790_000_000)

func release(_ version: String, product: String = "payments") throws -> HostRelease {
    let name = ReleaseName(product: try ProductName(product), version: try ReleaseVersion(version))
    return HostRelease(name: name, manifest: SHA256Digest(of: Array(name.description.utf8)))
}

func order(_ number: Int, _ action: OrderAction = .install) throws -> OrderID {
    OrderID(rollout: try RolloutID("rollout-\(number)"), action: action)
}

func change(_ name: String, _ kind: UnitChange.Kind = .replace) throws -> UnitChange {
    UnitChange(
        unit: try UnitName(name), kind: kind, stepTimeout: .minutes(5), healthyDeadline: .seconds(30))
}

func failure(_ failureClass: FailureClass = .health, at step: InstallationStep = .checking) -> InstallationFailure {
    InstallationFailure(
        failureClass: failureClass,
        evidence: FailureEvidence(
            step: step, error: ReportedError(code: "test.\(failureClass)", summary: "It failed.", remedy: ""),
            logTail: "the last words"))
}

func task(
    _ number: Int = 1, _ action: OrderAction = .install, from: String? = "1.0", to: String? = "2.0"
) throws -> InstallationTask {
    InstallationTask(
        order: try order(number, action), envelope: .object([]), from: try from.map { try release($0) },
        to: try to.map { try release($0) })
}

extension Installation {
    /// Decides and applies, as the shell does.
    @discardableResult
    mutating func take(_ command: InstallationCommand, at now: UTCInstant = start) throws -> [InstallationEvent] {
        let events = try decide(command, at: now)
        for event in events { apply(event, at: now) }
        return events
    }

    /// `done` until the machine is in a state with that step (and unit).
    mutating func advance(to step: InstallationStep, changes: [UnitChange]) throws {
        while self.step != step {
            if case .received = state { try take(.verified(changes: changes)) } else { try take(.done) }
        }
    }
}
