import AgentProtocol
import Effects
import ReleaseDefinition
import ReleasePackaging

/// Runs a unit's hooks. Exit 0 is done, 75 is "try again later" (every 60 s, at most 30 min), anything else has failed.
struct HookRunner: Sendable {
    static let laterExit: Int32 = 75
    static let laterInterval = TimeSpan.seconds(60)
    static let laterMax = TimeSpan.minutes(30)

    var processes: any ProcessDoor
    var time: any TimeDoor
    var environment: StepEnvironment
    /// A folder that no release and no hook removes (R8).
    var workingDirectory: String

    /// - Returns: false if the unit has no such hook.
    /// - Throws: `StepError` of class `hook`, with the output.
    @discardableResult
    func run(
        _ moment: HookMoment, of unit: ManifestUnit, in stored: StoredRelease, _ context: HookContext
    ) async throws -> Bool {
        guard let hook = unit.hook(moment) else { return false }
        let command = ProcessCommand(
            executable: try stored.hookPath(hook),
            environment: try environment.values(for: unit, of: stored).merging(context.values(moment)) { $1 },
            workingDirectory: workingDirectory, timeout: min(unit.definition.hooks.timeout, .minutes(60)))
        let startedAt = time.monotonic()
        while true {
            let result: ProcessResult
            do { result = try await processes.run(command) } catch { throw StepError(error, otherwise: .hook) }
            switch result.end {
            case .exited(0): return true
            case .exited(Self.laterExit):
                let soFar = time.monotonic().milliseconds - startedAt.milliseconds
                guard soFar + Self.laterInterval.milliseconds <= Self.laterMax.milliseconds else {
                    throw failed(moment, unit, "asked for another time (exit 75) for \(Self.laterMax)", result)
                }
                try await time.sleep(for: Self.laterInterval)
            case .exited(let code): throw failed(moment, unit, "ended with exit code \(code)", result)
            case .signalled(let signal): throw failed(moment, unit, "was ended by signal \(signal)", result)
            case .timedOut: throw failed(moment, unit, "did not end within \(command.timeout) and was killed", result)
            }
        }
    }

    private func failed(
        _ moment: HookMoment, _ unit: ManifestUnit, _ what: String, _ result: ProcessResult
    ) -> StepError {
        StepError(
            .hook,
            AgentError(
                code: "hook.failed", summary: "The hook \(moment.rawValue) of the unit \(unit.name) \(what).",
                remedy: "Its output is in the evidence; correct the hook or what it met on this host."),
            output: result.output)
    }
}
