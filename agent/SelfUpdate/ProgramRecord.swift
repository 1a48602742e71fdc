import Effects
import ReleaseDefinition

/// `program.json` of the agent's folder: which of the agent's own releases is run. Written whole, by one rename, so that
/// whoever is killed leaves the old word or the new one.
struct ProgramRecord: Sendable, Equatable, Codable {
    static let fileName = "program.json"
    private static let sizeMax = ByteCount(64 << 10)

    /// The release that was proved here; nil: the program that the host came with.
    var confirmed: AgentRelease?
    /// The one on probation, or whose probation failed.
    var trial: ProgramTrial?

    /// A record that nobody can read is put aside: the program that the host came with goes on.
    static func read(in folder: Directory) throws -> ProgramRecord {
        if let status = try folder.status(fileName), status.kind != .file {
            try folder.removeTree(fileName)
            return ProgramRecord()
        }
        guard let bytes = try folder.readIfPresent(fileName, sizeMax: sizeMax), !bytes.isEmpty else {
            return ProgramRecord()
        }
        guard let record = try? JSONCoding.decode(ProgramRecord.self, from: bytes) else {
            try folder.removeTree(fileName + ".damaged")
            try folder.rename(fileName, to: fileName + ".damaged")
            return ProgramRecord()
        }
        return record
    }

    /// For those who only look; nil: none, or nobody can read it.
    static func peek(in folder: Directory) -> ProgramRecord? {
        guard let bytes = try? folder.readIfPresent(fileName, sizeMax: sizeMax) else { return nil }
        return try? JSONCoding.decode(ProgramRecord.self, from: bytes)
    }

    func write(in folder: Directory) throws {
        try folder.writeDurably(Self.fileName, JSONCoding.value(of: self).prettyBytes, mode: 0o600)
    }

    /// What runs once nothing is tried.
    var isOnTrial: Bool { trial != nil && trial?.ended == nil }
}

/// A release of the agent, and where its files are.
struct AgentRelease: Sendable, Equatable, Codable {
    var release: HostRelease
    /// The installed tree, absolute.
    var tree: String

    /// In the tree.
    static let programName = "bin/slipway-agent"
    var program: String { tree + "/" + Self.programName }
}

/// A new agent that has not yet proved that it can do without the old one.
struct ProgramTrial: Sendable, Equatable, Codable {
    static let startsMax = 3
    private static let pauseMax = TimeSpan.seconds(15)

    var release: AgentRelease
    /// How often it was started.
    var starts: Int
    /// The kernel's run in which the time counts, and since when; counted anew after a restart of the host.
    var boot: String
    var since: TimeSpan
    var within: TimeSpan
    /// Why it is not tried any more; nil: it is.
    var ended: String?

    /// Why it may not be started again; nil: it may.
    func refusal(boot now: String, sinceBoot: TimeSpan) -> String? {
        if let ended { return ended }
        if starts >= Self.startsMax { return "It was started \(starts) times and never checked in." }
        if isLate(boot: now, sinceBoot: sinceBoot) { return "It did not check in within \(within)." }
        return nil
    }

    func isLate(boot now: String, sinceBoot: TimeSpan) -> Bool {
        boot == now && sinceBoot.milliseconds - since.milliseconds >= within.milliseconds
    }

    /// Before the next start: 0 s, 3 s, 9 s.
    var pause: TimeSpan {
        starts == 0 ? .zero : min(Self.pauseMax, .seconds(starts == 1 ? 3 : 9))
    }

    /// One more start, written down before it is made.
    func started(boot now: String, sinceBoot: TimeSpan) -> ProgramTrial {
        var next = self
        next.starts += 1
        if next.boot != now { (next.boot, next.since) = (now, sinceBoot) }
        return next
    }
}
