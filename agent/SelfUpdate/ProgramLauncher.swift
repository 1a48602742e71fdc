import Effects
import Glibc
import ReleaseDefinition

/// The program that the host came with (`/usr/bin/slipway-agent` of the Debian package) is never changed by an update. It is
/// what the service manager starts, and before anything else it looks whether a release of the agent is to run in its
/// place: the one that was proved here, or the one on probation, which it counts and has watched.
struct ProgramLauncher: Sendable {
    /// Which release of the agent this process is; absent: the program that the host came with.
    static let releaseVariable = "SLIPWAY_AGENT_RELEASE"
    /// The program that started it.
    static let baseVariable = "SLIPWAY_AGENT_BASE"
    /// `PROCESS TICKS`: this process only watches that one.
    static let guardVariable = "SLIPWAY_AGENT_GUARD"

    var folder: Directory
    var environment: [String: String]
    var arguments: [String]
    var base: String
    var log: @Sendable (String) -> Void

    /// Returns where this very program is to go on.
    static func handOver(dir: String) async throws {
        let environment = ProgramImage.environment()
        guard environment[releaseVariable] == nil, let base = ProgramImage.path(),
            let folder = try? Directory.open(dir)
        else { return }
        let launcher = ProgramLauncher(
            folder: folder, environment: environment, arguments: Array(CommandLine.arguments.dropFirst()), base: base,
            log: { FileHandleOutput.standardError("slipway-agent: \($0)\n") })
        if let watched = environment[guardVariable] {
            try await ProgramGuard(folder: folder, time: SystemTime(), processes: LiveProcesses()).run(watched)
            exit(0)
        }
        do { try await launcher.run() } catch {
            // A full disk, most likely: what was proved, or this program, does its work all the same.
            launcher.log("the agent's own update is left alone: \(ReportedError(error))")
        }
    }

    private func run() async throws {
        // Another agent has this folder: it says which program runs, and this process will not go far.
        guard let lock = try await claim() else { return }
        defer { lock.release() }
        var record = try ProgramRecord.read(in: folder)
        if record.isOnTrial, let trial = record.trial {
            let boot = MachineID.boot() ?? ""
            if let refusal = trial.refusal(boot: boot, sinceBoot: ProgramImage.sinceBoot()) {
                record.trial?.ended = refusal
                try record.write(in: folder)
                log("\(trial.release.release) is not tried any more: \(refusal)")
            } else {
                try await SystemTime().sleep(for: trial.pause)
                record.trial = trial.started(boot: boot, sinceBoot: ProgramImage.sinceBoot())
                try record.write(in: folder)
                try watch()
                let error = replace(trial.release)
                record.trial?.ended = error
                try record.write(in: folder)
                log("\(trial.release.release) is not tried any more: \(error)")
            }
        }
        guard let confirmed = record.confirmed else { return }
        // Whoever upgrades the package to something newer wants that to run.
        if let own = try? ReleaseVersion(SlipwayVersion.text), own > confirmed.release.name.version {
            return log("this program is newer than \(confirmed.release): it goes on itself")
        }
        log(replace(confirmed))
    }

    /// The lock of an agent that was killed in the middle of starting a program is held until that program begins.
    private func claim() async throws -> DirectoryLock? {
        let time = SystemTime()
        let startedAt = time.monotonic()
        while true {
            if let lock = try folder.lock() { return lock }
            let waited = time.monotonic().milliseconds - startedAt.milliseconds
            guard waited < AgentProgram.lockPatience.milliseconds else { return nil }
            try await time.sleep(for: .milliseconds(50))
        }
    }

    /// - Returns: why it could not.
    private func replace(_ release: AgentRelease) -> String {
        var environment = environment
        environment[Self.releaseVariable] = release.release.folder
        environment[Self.baseVariable] = base
        do {
            try ProgramImage.replace(by: release.program, arguments: arguments, environment: environment)
        } catch {
            return "\(ReportedError(error))"
        }
    }

    /// Somebody who is not the new program sees to it that the old one comes back.
    private func watch() throws {
        let process = getpid()
        guard let ticks = Self.startTicks(of: process) else { return }
        var environment = environment.filter { !$0.key.hasPrefix("WATCHDOG_") && $0.key != "NOTIFY_SOCKET" }
        environment[Self.guardVariable] = "\(process) \(ticks)"
        let logs = try folder.createDirectory("logs", mode: 0o700)
        _ = try LiveProcesses().startService(
            ProcessCommand(
                executable: base, arguments: arguments, environment: environment, workingDirectory: "/",
                timeout: .zero), log: logs.path + "/guard.log")
    }

    private static func startTicks(of process: Int32) -> Int64? {
        guard let proc = try? Directory.open("/proc"),
            let stat = try? proc.openFile("\(process)/stat").read(upTo: 4096),
            let close = stat.lastIndex(of: UInt8(ascii: ")"))
        else { return nil }
        let fields = String(decoding: stat[(close + 1)...], as: UTF8.self).split(separator: " ")
        return fields.count > 19 ? Int64(fields[19]) : nil
    }
}

/// Watches a new agent from outside until its probation is over: one that hangs is ended, so that the service manager starts
/// the launcher, which runs the old one.
struct ProgramGuard: Sendable {
    var folder: Directory
    var time: any TimeDoor
    var processes: any ProcessDoor

    /// The agent itself gives up first, and orderly; a tenth of its time later, and a second at least, it is ended.
    static func patience(_ within: TimeSpan) -> TimeSpan {
        within + max(.seconds(1), .milliseconds(within.milliseconds / 10))
    }

    func run(_ watched: String) async throws {
        let numbers = watched.split(separator: " ")
        guard numbers.count == 2, let number = Int32(numbers[0]), let ticks = Int64(numbers[1]), number > 1 else {
            return
        }
        let process = ServiceProcess(processID: number, startTicks: ticks)
        guard let trial = try ProgramRecord.read(in: folder).trial else { return }
        let boot = MachineID.boot() ?? ""
        while try await isRunning(process) {
            let now = try ProgramRecord.read(in: folder)
            guard now.isOnTrial, now.trial?.release == trial.release else { return }
            var patient = trial
            patient.within = Self.patience(trial.within)
            if patient.isLate(boot: boot, sinceBoot: ProgramImage.sinceBoot()) {
                kill(number, SIGKILL)
                try await processes.waitForEnd(of: process)
                // Dead: whatever it wrote is all that it will write.
                var last = try ProgramRecord.read(in: folder)
                guard last.isOnTrial, last.trial?.release == trial.release else { return }
                last.trial?.ended = "It ran, but did not check in within \(trial.within)."
                return try last.write(in: folder)
            }
            try await time.sleep(for: .milliseconds(500))
        }
    }

    /// A process that becomes another program looks ended for a moment.
    private func isRunning(_ process: ServiceProcess) async throws -> Bool {
        for _ in 0..<3 {
            if processes.isRunning(process) { return true }
            try await time.sleep(for: .milliseconds(300))
        }
        return false
    }
}
