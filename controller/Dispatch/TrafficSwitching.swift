import Effects
import ReleaseDefinition
import ReleaseRollout

/// The program that switches the traffic of a rollout with two sides: `hooks/NAME forward|back` in the controller's folder.
/// A rollout only names it; an administrator put it there. It may be started again after the controller was away.
extension Controller {
    static let hooksName = "hooks"

    /// - Throws: `controller.request.hook` where it is not there, or others could change it.
    func checkHook(_ name: HookName) throws {
        let path = "\(Self.hooksName)/\(name)"
        let status = try folder.directory.status(path)
        guard let status, status.kind == .file, status.mode & 0o022 == 0, status.mode & 0o111 != 0 else {
            let found = status.map { "has the mode \(String($0.mode, radix: 8))" } ?? "is not there"
            throw ControllerError.badRequest(
                "hook", "The program \(folder.path(path)) \(found).",
                remedy: "An administrator puts it there, executable, and writable by its owner alone.")
        }
    }

    /// Starts it; its end is told to the engine.
    func switchTraffic(_ order: TrafficOrder, of record: RolloutRecord, at now: UTCInstant) throws {
        guard let plan = record.plan else { return }
        var decisions = Decisions()
        try decisions.decide(.trafficBegun(order), on: record, by: Self.engineActor, at: now)
        try commit(StoreChange(events: decisions.events), at: now)
        let id = record.id
        Task { [weak self] in
            guard let self else { return }
            let (succeeded, detail) = await self.run(order, plan)
            await self.trafficEnded(id, order, succeeded, detail)
        }
    }

    private func trafficEnded(_ id: RolloutID, _ order: TrafficOrder, _ succeeded: Bool, _ detail: String) {
        guard isRunning else { return }
        tellAll(.trafficAnswered(order, succeeded: succeeded, detail: detail)) { $0.id == id }
    }

    private func run(_ order: TrafficOrder, _ plan: RolloutPlan) async -> (Bool, String) {
        let release = plan.definition.release
        let direction = order.isBack ? "back" : "forward"
        do {
            try checkHook(order.hook)
            let result = try await LiveProcesses().run(
                ProcessCommand(
                    executable: folder.path("\(Self.hooksName)/\(order.hook)"), arguments: [direction],
                    environment: [
                        "PATH": "/usr/local/bin:/usr/bin:/bin", "SLIPWAY_ROLLOUT": plan.id.text,
                        "SLIPWAY_RELEASE": release.description, "SLIPWAY_PRODUCT": release.product.text,
                        "SLIPWAY_VERSION": release.version.text,
                        "SLIPWAY_ENVIRONMENT": plan.definition.environment.text, "SLIPWAY_DIRECTION": direction,
                        "SLIPWAY_ATTEMPT": String(order.attempt),
                    ], workingDirectory: folder.path(Self.hooksName), timeout: order.timeout))
            let last = result.output.split(separator: "\n").last.map { String($0.prefix(300)) } ?? "it said nothing"
            switch result.end {
            case .exited(0): return (true, last)
            case .exited(let code): return (false, "\(order.hook) \(direction) ended with \(code): \(last)")
            case .signalled(let signal): return (false, "\(order.hook) \(direction) was ended by signal \(signal)")
            case .timedOut: return (false, "\(order.hook) \(direction) was not done within \(order.timeout)")
            }
        } catch {
            return (false, ReportedError(error).summary)
        }
    }
}
