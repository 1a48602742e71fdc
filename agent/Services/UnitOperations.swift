import AgentProtocol
import Effects
import ReleaseDefinition
import ReleasePackaging

/// Stops, starts and checks one unit of one release, hooks included, in the order of semantics 8. Every operation may be
/// repeated: after a crash it is.
struct UnitOperations: Sendable {
    /// How often the process of a service is looked at while its health is checked.
    private static let processCheck = HealthCheck(
        probe: .command(["the service's process"]), every: .milliseconds(250), timeout: .seconds(1), failures: 3)

    var hooks: HookRunner
    var prober: HealthProber
    var services: ServiceSupervisor
    var systemctl: Systemctl
    var time: any TimeDoor
    var environment: StepEnvironment

    /// `drain`, `preStop`, `stop`, and the end of the supervised service.
    /// - Parameters:
    ///   - isReplaced: another release's follows, so a service that is reloaded goes on.
    ///   - strict: false: a failing hook is no reason to stop here (the later tries of a back-out, R5).
    ///   - ignored: told of each such hook.
    func stop(
        _ unit: ManifestUnit, of stored: StoredRelease, _ context: HookContext, isReplaced: Bool, strict: Bool = true,
        ignored: (HookMoment, any Error) -> Void = { _, _ in }
    ) async throws {
        for moment in [HookMoment.drain, .preStop, .stop] {
            do { try await hooks.run(moment, of: unit, in: stored, context) } catch {
                if strict || error is CancellationError { throw error }
                ignored(moment, error)
            }
        }
        switch unit.definition.service {
        case .command:
            do { try await services.stop(key(unit, stored)) } catch { throw StepError(error, otherwise: .hook) }
        case .systemd(let service):
            guard service.update != .reload || !isReplaced else { return }
            let name = service.unit(in: stored.slots[unit.name])
            try await systemctl.run("stop", name, timeout: unit.definition.hooks.timeout)
        case .hooks, nil: break
        }
    }

    /// `preStart`, the supervised service, `start`.
    func start(
        _ unit: ManifestUnit, of stored: StoredRelease, _ context: HookContext, isReplaced: Bool
    ) async throws {
        try await hooks.run(.preStart, of: unit, in: stored, context)
        if case .systemd(let service) = unit.definition.service {
            // The release may have brought the unit's own file.
            try await systemctl.run("daemon-reload")
            let verb = service.update == .reload && isReplaced ? "reload-or-restart" : "start"
            let name = service.unit(in: stored.slots[unit.name])
            try await systemctl.run(verb, name, timeout: unit.definition.hooks.timeout)
        }
        do { try await startService(unit, of: stored) } catch { throw StepError(error, otherwise: .hook) }
        try await hooks.run(.start, of: unit, in: stored, context)
    }

    /// Nothing if the unit has no service of its own.
    func startService(_ unit: ManifestUnit, of stored: StoredRelease) async throws {
        guard case .command(let words) = unit.definition.service else { return }
        let tree = try stored.treePath(unit)
        let program = try ProgramWords(words, tree: tree, variables: environment.variables(for: unit, of: stored))
        let command = ProcessCommand(
            executable: program.executable, arguments: program.arguments,
            environment: try environment.values(for: unit, of: stored), workingDirectory: tree, timeout: .zero)
        try await services.start(
            ServiceSpec(
                product: stored.release.name.product, unit: unit.name, release: stored.release,
                slot: stored.slots[unit.name], command: command))
    }

    /// Until every check has passed for the minimum healthy time; then `postHealthy`, `undrain`.
    /// - Throws: `StepError` of class `health` with the failing answer, or of class `hook`.
    /// - Parameter beforeUndrain: called just before the unit is offered to the world.
    func check(
        _ unit: ManifestUnit, of stored: StoredRelease, _ context: HookContext,
        beforeUndrain: () throws -> Void = {}
    ) async throws {
        // After a restart of the agent nobody looks after the process yet, and after a reboot there is none.
        do { try await startService(unit, of: stored) } catch { throw StepError(error, otherwise: .hook) }
        try await awaitHealth(unit, of: stored, for: unit.definition.minimumHealthy)
        try await hooks.run(.postHealthy, of: unit, in: stored, context)
        if unit.hook(.undrain) != nil { try beforeUndrain() }
        try await hooks.run(.undrain, of: unit, in: stored, context)
    }

    /// Asks every check once, and again after a while where it did not pass.
    /// - Returns: why the unit is not healthy; nil: it is, or nothing can be asked.
    func baseline(_ unit: ManifestUnit, of stored: StoredRelease) async throws -> String? {
        for check in unit.definition.health {
            var left = min(check.failures, 3)
            while true {
                let answer = await prober.ask(check, of: unit, in: stored)
                try Task.checkCancellation()
                if answer.passed { break }
                left -= 1
                guard left > 0 else { return "\(unit.name): \(answer.detail)" }
                try await time.sleep(for: min(check.every, .seconds(5)))
            }
        }
        return nil
    }

    /// Whether what was committed goes on: by its checks; without any, by its service.
    /// - Returns: why it does not; nil: it does, or nothing can be asked.
    func ailment(_ unit: ManifestUnit, of stored: StoredRelease) async throws -> String? {
        guard unit.definition.health.isEmpty else { return try await baseline(unit, of: stored) }
        switch unit.definition.service {
        case .systemd(let service):
            let check = HealthCheck(probe: .systemd(service.unit), timeout: .seconds(10))
            let answer = await prober.ask(check, of: unit, in: stored)
            try Task.checkCancellation()
            return answer.passed ? nil : "\(unit.name): \(answer.detail)"
        case .command:
            // One that has just ended is started again.
            for _ in 1...3 {
                if await services.status(key(unit, stored), release: stored.release).isRunning { return nil }
                try await time.sleep(for: .seconds(1))
            }
            return "\(unit.name): The process of the service does not run."
        case .hooks, nil: return nil
        }
    }

    /// Until every check passes without a break for so long.
    /// - Returns: false: nothing can be asked.
    /// - Throws: `StepError` of class `health`.
    @discardableResult
    func awaitHealth(_ unit: ManifestUnit, of stored: StoredRelease, for span: TimeSpan) async throws -> Bool {
        let definition = unit.definition
        var checks = definition.health
        switch definition.service {
        case .command: checks.append(Self.processCheck)
        case .systemd(let service) where checks.isEmpty:
            checks.append(HealthCheck(probe: .systemd(service.unit), timeout: .seconds(10)))
        case .systemd, .hooks, nil: break
        }
        guard !checks.isEmpty else { return false }
        let clock = SteadyClock(time)
        var watch = HealthWatch(
            checks: checks, minimumHealthy: span,
            // What is waited for beyond the minimum healthy time is no reason to be late.
            healthyDeadline: definition.healthyDeadline
                + max(.zero, TimeSpan(milliseconds: span.milliseconds - definition.minimumHealthy.milliseconds)),
            startedAt: clock.now())
        var ends = await services.status(key(unit, stored), release: stored.release).ends
        while true {
            for index in watch.due(at: clock.now()) {
                let answer: HealthProber.Answer
                if checks[index] != Self.processCheck {
                    answer = await prober.ask(checks[index], of: unit, in: stored)
                } else {
                    answer = await askProcess(unit, of: stored, &ends)
                }
                try Task.checkCancellation()
                watch.observe(check: index, passed: answer.passed, detail: answer.detail, at: clock.now())
            }
            switch watch.verdict(at: clock.now()) {
            case .healthy: return true
            case .unhealthy(let problem): throw await unhealthy(unit, stored, problem, checks)
            case .waiting: break
            }
            let wait = watch.nextInstant.since(clock.now())
            if wait > .zero { try await time.sleep(for: wait) }
        }
    }

    private func askProcess(
        _ unit: ManifestUnit, of stored: StoredRelease, _ ends: inout Int
    ) async -> HealthProber.Answer {
        let status = await services.status(key(unit, stored), release: stored.release)
        defer { ends = status.ends }
        guard status.isRunning, status.ends == ends else {
            return .init(
                passed: false, detail: "The process of the service ended by itself (\(status.ends.of("time"))).")
        }
        return .init(passed: true, detail: "The process of the service runs.")
    }

    /// The end of what the unit's service said.
    func logTail(_ unit: ManifestUnit, of stored: StoredRelease) async -> String {
        switch unit.definition.service {
        case .systemd(let service):
            await systemctl.log(service.unit(in: stored.slots[unit.name])).tail(FailureEvidence.logTailMax)
        case .command: await services.logTail(key(unit, stored), FailureEvidence.logTailMax)
        case .hooks, nil: ""
        }
    }

    private func unhealthy(
        _ unit: ManifestUnit, _ stored: StoredRelease, _ problem: HealthProblem, _ checks: [HealthCheck]
    ) async -> StepError {
        let how =
            problem.isLate
            ? "was not healthy for \(unit.definition.minimumHealthy) within \(unit.definition.healthyDeadline)"
            : "failed its check" + (problem.failuresInRow == 1 ? "" : " \(problem.failuresInRow) times in a row")
        let finding = await portFinding(unit, stored, checks)
        return StepError(
            .health,
            AgentError(
                code: "health.failed",
                summary: "The unit \(unit.name) \(how). \(problem.detail.tail(1024))"
                    + (finding.map { " \($0.words)" } ?? ""),
                remedy: finding?.remedy ?? "The end of the service's log says more."),
            output: problem.detail)
    }

    /// Where the port that is asked and the ports that the service has are not the same: that is what people look for longest.
    private func portFinding(
        _ unit: ManifestUnit, _ stored: StoredRelease, _ checks: [HealthCheck]
    ) async -> (words: String, remedy: String)? {
        guard case .command = unit.definition.service,
            let port = checks.lazy.compactMap({ prober.port($0, of: unit, in: stored) }).first
        else { return nil }
        let process = await services.process(key(unit, stored), release: stored.release)
        let places = process.map(ListeningSockets.places) ?? []
        if places.contains(where: { $0.hasSuffix(":\(port)") }) { return nil }
        if !places.isEmpty {
            return (
                "The service listens on \(places.joined(separator: ", ")), the check asks port \(port).",
                "Make both the same: the check in release.yaml, or the variable that gives the port (slipway-agent join "
                    + "--variable, variables in agent.json)."
            )
        }
        if let holder = ListeningSockets.holder(of: port) {
            return (
                "Port \(port) is taken by another program: \(holder.name), process \(holder.processID).",
                "Stop that one, or give this service another port: in release.yaml, or by its variable in agent.json."
            )
        }
        guard process != nil else { return nil }
        return (
            "The service runs and listens on no port; the check asks port \(port).",
            "Let it listen there, or give it longer: startPeriod of the check and healthyDeadline in release.yaml."
        )
    }

    func key(_ unit: ManifestUnit, _ stored: StoredRelease) -> ServiceKey {
        ServiceKey(product: stored.release.name.product, unit: unit.name, slot: stored.slots[unit.name])
    }
}
