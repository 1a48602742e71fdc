import Effects
import Logging
import ReleaseDefinition
import ReleasePackaging
import Synchronization

/// `selfUpdate` of agent.json.
public struct SelfUpdateSettings: Sendable, Equatable, Codable {
    /// true: this host takes no release of the agent.
    public var isOff: Bool?
    /// Within which a new agent must reach whom it follows; nil is 10 minutes.
    public var within: TimeSpan?

    public static let withinBounds = TimeSpan.seconds(1)...TimeSpan.hours(4)

    private enum CodingKeys: String, CodingKey {
        case isOff = "off"
        case within
    }

    public init(isOff: Bool? = nil, within: TimeSpan? = nil) {
        self.isOff = isOff
        self.within = within
    }
}

/// What this process is, and how another program comes in its place.
struct ProgramDoor: Sendable {
    /// The release of the agent that this process is; nil: the program that the host came with.
    var running: String?
    /// That program.
    var base: String?
    /// Starts anew with it; nil: this is no agent that goes on, but a command by hand.
    var restart: (@Sendable () throws -> Void)?

    static let byHand = ProgramDoor()

    /// Of a process that the service manager started.
    static func live() -> ProgramDoor {
        let environment = ProgramImage.environment()
        let base = environment[ProgramLauncher.baseVariable] ?? ProgramImage.path()
        return ProgramDoor(
            running: environment[ProgramLauncher.releaseVariable], base: base,
            restart: {
                guard let base else { return }
                var next = environment
                next[ProgramLauncher.releaseVariable] = nil
                next[ProgramLauncher.baseVariable] = base
                try ProgramImage.replace(
                    by: base, arguments: Array(CommandLine.arguments.dropFirst()), environment: next)
            })
    }
}

/// Whether somebody that this agent follows has answered since it was started.
final class CheckIn: Sendable {
    private let isDone = Mutex(false)
    func note() { isDone.withLock { $0 = true } }
    var hasCome: Bool { isDone.withLock { $0 } }
}

/// The product `slipway-agent`: a release like any other, whose service is this very process. Its tree lies beside those
/// before it, `program.json` says which of them runs, and a switch is the same process going on as another program.
struct SelfUpdate: Sendable {
    static let product = "slipway-agent"
    static let place = "/opt/slipway-agent"
    /// Orders of one release of the agent that failed here, until it is not taken any more.
    static let triesMax = 3

    var folder: Directory
    var configuration: AgentConfiguration
    var program: ProgramDoor
    var processes: any ProcessDoor
    var time: any TimeDoor
    var checkIn: CheckIn
    var log: Logger

    private var settings: SelfUpdateSettings { configuration.selfUpdate ?? SelfUpdateSettings() }
    var within: TimeSpan { settings.within ?? .minutes(10) }

    static func concerns(_ release: HostRelease?) -> Bool { release?.name.product.text == product }

    /// Before anything is stopped: the release has the one form that can be started, and its program starts here.
    func prepare(_ stored: StoredRelease) async throws {
        guard Self.concerns(stored.release) else { return }
        let units = stored.manifest.units
        guard settings.isOff != true else { throw refusal("off", "agent.json of this host says that it takes none") }
        guard units.count == 1, let unit = units.first, unit.definition.type == .tree,
            unit.definition.installTo == Self.place, unit.definition.service == nil, unit.hooks.isEmpty
        else {
            throw refusal(
                "form", "it is not one tree at \(Self.place) without service and hooks")
        }
        let tree = try stored.treePath(unit)
        // Ordered anew, it is tried anew.
        var record = try ProgramRecord.read(in: folder)
        if record.trial?.ended != nil {
            record.trial = nil
            try record.write(in: folder)
        }
        if let base = program.base, base.hasPrefix(try stored.layout(unit).releasesPath + "/") {
            throw refusal("base", "the agent was started from there itself, so nothing could bring the old one back")
        }
        // Reads this host's configuration and journal, which the new program must be able to.
        let result = try await processes.run(
            ProcessCommand(
                executable: tree + "/" + AgentRelease.programName,
                arguments: ["status", "--output", "json", "--dir", folder.path],
                environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"], workingDirectory: "/",
                timeout: .seconds(60)))
        guard result.end == .exited(0) else {
            throw StepError(
                .install,
                AgentError(
                    code: "selfUpdate.status", summary: "The new program cannot tell this host's state: \(result.end).",
                    remedy: "Publish a release of the agent for this system and version."), output: result.output)
        }
    }

    /// The new program takes this process over; returns in the new one.
    func start(_ stored: StoredRelease) async throws {
        let new = try agentRelease(stored)
        guard program.running != stored.release.folder else { return }
        var record = try ProgramRecord.read(in: folder)
        if let trial = record.trial, trial.release == new, let ended = trial.ended {
            throw StepError(
                .health,
                AgentError(
                    code: "selfUpdate.reverted", summary: "\(stored.release) did not prove itself. \(ended)",
                    remedy:
                        "The agent before it goes on. Look at logs/guard.log and the agent's log, then publish another release."
                ))
        }
        guard program.restart != nil else {
            // By hand: whoever typed it starts the agent and sees whether it does.
            record = ProgramRecord(confirmed: new, trial: nil)
            return try record.write(in: folder)
        }
        if record.trial?.release != new {
            record.trial = ProgramTrial(
                release: new, starts: 0, boot: MachineID.boot() ?? "", since: ProgramImage.sinceBoot(), within: within)
            try record.write(in: folder)
        }
        log.info("the new agent takes over", metadata: ["release": "\(stored.release)"])
        try await restart()
    }

    /// The new program has reached whom this host follows: from here on no restart brings the old one back.
    func check(_ stored: StoredRelease) async throws {
        let new = try agentRelease(stored)
        guard let trial = try ProgramRecord.read(in: folder).trial, trial.release == new else { return }
        let boot = MachineID.boot() ?? ""
        while !checkIn.hasCome {
            guard !trial.isLate(boot: boot, sinceBoot: ProgramImage.sinceBoot()) else {
                throw StepError(
                    .health,
                    AgentError(
                        code: "selfUpdate.late", summary: "The new agent did not check in within \(trial.within).",
                        remedy: "The agent before it comes back. Look at why nobody that it follows answers."))
            }
            try await time.sleep(for: .milliseconds(100))
        }
        try ProgramRecord(confirmed: new, trial: nil).write(in: folder)
    }

    /// The way back: `old` nil is the program that the host came with.
    func returnTo(_ old: StoredRelease?) async throws {
        let wanted = try old.map(agentRelease)
        var record = try ProgramRecord.read(in: folder)
        if record.confirmed != wanted || record.isOnTrial {
            record.confirmed = wanted
            if record.isOnTrial { record.trial?.ended = "It was backed out." }
            try record.write(in: folder)
        }
        guard program.restart != nil, program.running != wanted?.release.folder else { return }
        log.info("the agent before takes over", metadata: ["release": "\(old?.release.description ?? "as packaged")"])
        try await restart()
    }

    /// This process is not the one that should run: after an upgrade of the package, or a cut-short way back.
    func isOutOfPlace() -> Bool {
        guard program.restart != nil, let record = try? ProgramRecord.read(in: folder), !record.isOnTrial else {
            return false
        }
        guard let confirmed = record.confirmed else { return program.running != nil }
        // The package may be newer than what was proved: then it runs itself.
        return program.running != nil && program.running != confirmed.release.folder
    }

    func restart() async throws {
        do { try program.restart?() } catch { throw StepError(error, otherwise: .install) }
        // In tests the one who replaces the process does so from outside.
        try await time.sleep(for: .hours(24))
    }

    private func agentRelease(_ stored: StoredRelease) throws -> AgentRelease {
        guard let unit = stored.manifest.units.first else { throw refusal("form", "it has no unit") }
        return AgentRelease(release: stored.release, tree: try stored.treePath(unit))
    }

    private func refusal(_ code: String, _ why: String) -> AgentError {
        AgentError(
            code: "selfUpdate." + code, summary: "This release of the agent is not installed: \(why).",
            remedy: "See docs/agent.md, Updates of the agent itself.")
    }
}

extension Agent {
    /// What was cut short, or ordered away, leaves a program that is not the one to run: it goes as soon as nothing is in
    /// hand.
    func keepInPlace() async {
        while (try? await time.sleep(for: ProgramReplacement.interval)) != nil {
            guard isIdle, runner.selfUpdate.isOutOfPlace() else { continue }
            log.info("another release of the agent is to run: it is started")
            do { try await runner.selfUpdate.restart() } catch {
                guard !Task.isCancelled else { return }
                log.error("the agent cannot be started anew", metadata: ["error": "\(ReportedError(error))"])
            }
        }
    }
}
