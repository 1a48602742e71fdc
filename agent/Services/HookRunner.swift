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
        try await run(
            program: stored.hookPath(hook), called: moment.rawValue, of: unit, in: stored, context.values(moment))
        return true
    }

    /// A program of the release at a path that was verified, by the rules of hooks.
    @discardableResult
    func run(
        program: String, _ arguments: [String] = [], standardInput: String? = nil, called name: String,
        of unit: ManifestUnit, in stored: StoredRelease, _ values: [String: String]
    ) async throws -> ProcessResult {
        var command = ProcessCommand(
            executable: program, arguments: arguments,
            environment: try environment.values(for: unit, of: stored).merging(values) { $1 },
            workingDirectory: workingDirectory, timeout: min(unit.definition.hooks.timeout, .minutes(60)),
            standardInput: standardInput)
        if let name = unit.definition.hooks.user { try become(name, &command) }
        let startedAt = time.monotonic()
        while true {
            let result: ProcessResult
            do { result = try await processes.run(command) } catch { throw StepError(error, otherwise: .hook) }
            switch result.end {
            case .exited(0): return result
            case .exited(Self.laterExit):
                let soFar = time.monotonic().milliseconds - startedAt.milliseconds
                guard soFar + Self.laterInterval.milliseconds <= Self.laterMax.milliseconds else {
                    throw failed(name, unit, "asked for another time (exit 75) for \(Self.laterMax)", result)
                }
                try await time.sleep(for: Self.laterInterval)
            case .exited(let code): throw failed(name, unit, "ended with exit code \(code)", result)
            case .signalled(let signal): throw failed(name, unit, "was ended by signal \(signal)", result)
            case .timedOut: throw failed(name, unit, "did not end within \(command.timeout) and was killed", result)
            }
        }
    }

    /// As that user, with the groups and the names that a log-in would give, from a folder where everybody may be.
    private func become(_ name: String, _ command: inout ProcessCommand) throws {
        do {
            guard UnitHooks.isUserName(name) else {
                throw AgentError(
                    code: "hook.user", summary: "\(name.debugDescription) is no name of a user.",
                    remedy: "Correct `user` of the hooks in release.yaml.")
            }
            let user = try SystemUser(named: name)
            command.user = try ProcessUser(user)
            command.environment.merge(["USER": name, "LOGNAME": name, "HOME": user.home]) { $1 }
            command.workingDirectory = "/"
        } catch { throw StepError(error, otherwise: .hook) }
    }

    private func failed(
        _ name: String, _ unit: ManifestUnit, _ what: String, _ result: ProcessResult
    ) -> StepError {
        StepError(
            .hook,
            AgentError(
                code: "hook.failed", summary: "The hook \(name) of the unit \(unit.name) \(what).",
                remedy: "Its output is in the evidence; correct the hook or what it met on this host."),
            output: result.output)
    }
}
