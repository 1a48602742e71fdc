import AgentProtocol
import Effects
import Logging
import ReleaseDefinition

/// Watches a host until it runs what is ordered for it: reads the journal that an agent writes, asks the channels what is
/// wanted, and the services' checks whether they pass.
struct Convergence: Sendable {
    struct Outcome: Sendable {
        var running: [HostRelease]
        var failure: AgentError?
    }

    /// What is wanted, as the channels say it.
    private struct Wanted {
        var order: OrderID
        var release: HostRelease
    }

    var folder: AgentFolder
    var configuration: AgentConfiguration
    var log: Logger
    var waitHealthy: Bool
    var limit: TimeSpan
    var time: any TimeDoor = SystemTime()

    private static let pause = TimeSpan.milliseconds(250)
    /// For a pushed host: so long nothing came after the controller had heard of it.
    private static let quiet = TimeSpan.seconds(5)

    func run() async throws -> Outcome {
        let end = time.monotonic() + limit
        guard let wanted = try await heard(until: end) else { return Outcome(running: [], failure: unreached) }
        while true {
            let state = try HostState(reading: folder.base)
            if let verdict = verdict(state, wanted) {
                if verdict.failure != nil || !waitHealthy { return verdict }
                if let unhealthy = try await unhealthy(verdict.running, until: end) {
                    return Outcome(running: verdict.running, failure: unhealthy)
                }
                return verdict
            }
            guard time.monotonic() < end else {
                return Outcome(running: state.products.values.compactMap(\.current), failure: late(state))
            }
            try await time.sleep(for: Self.pause)
        }
    }

    // MARK: - What is wanted

    /// - Returns: nil: nobody was reached in time.
    private func heard(until end: TimeSpan) async throws -> [Wanted]? {
        if configuration.delivery == .push { return try await settled(until: end) ? [] : nil }
        let userAgent = "slipway-agent/\(AgentCommand.version)"
        let proxy = try configuration.proxy?.proxy()
        let authorities = try RepositoryDoor.authorities(configuration)
        let http =
            try authorities.map { try RepositoryDoor.make(authorities: $0, userAgent: userAgent, proxy: proxy) }
            ?? LiveHTTP(identity: StoredIdentity.read(in: folder.tls())?.anonymous, userAgent: userAgent, proxy: proxy)
        let doors = AgentDoors(
            http: http, local: http, processes: LiveProcesses(), time: time, random: SystemRandom())
        let source = try RepositorySource(folder: folder, configuration: configuration, doors: doors)
        let result: Result<[Wanted]?, any Error>
        do { result = .success(try await ask(source, until: end)) } catch { result = .failure(error) }
        await http.shutdown()
        return try result.get()
    }

    private func ask(_ source: RepositorySource, until end: TimeSpan) async throws -> [Wanted]? {
        while true {
            do {
                var wanted: [Wanted] = []
                for (_, word) in await source.assignments(of: configuration.channels).sorted(by: { $0.key < $1.key }) {
                    guard let envelope = try word.get() else { continue }
                    do {
                        let word = try await source.verify(envelope).assignment
                        guard word.order.action == .install else { continue }
                        wanted.append(
                            Wanted(
                                order: word.order, release: HostRelease(name: word.release, manifest: word.manifest)))
                    } catch let error as any ReportableError where error.code == "trust.assignment.notAddressed" {
                        continue
                    }
                }
                return wanted
            } catch {
                log.warning("the repository was not read", metadata: ["error": "\(ReportedError(error))"])
                guard time.monotonic() < end else { return nil }
                try await time.sleep(for: .seconds(1))
            }
        }
    }

    /// A pushed host is told what it shall do as soon as it is connected: when the controller has acknowledged what this
    /// host said of itself, and then nothing more came for a while, that was all.
    private func settled(until end: TimeSpan) async throws -> Bool {
        var quietSince: TimeSpan?
        while time.monotonic() < end {
            let state = try HostState(reading: folder.base)
            let isQuiet = state.reports.isEmpty && state.nextSequence > 1 && state.installation == nil
            let now = time.monotonic()
            quietSince = isQuiet ? quietSince ?? now : nil
            if let quietSince, now >= quietSince + Self.quiet { return true }
            try await time.sleep(for: Self.pause)
        }
        return false
    }

    // MARK: - Whether it is so

    /// nil: it is not over yet.
    private func verdict(_ state: HostState, _ wanted: [Wanted]) -> Outcome? {
        guard state.installation == nil else { return nil }
        let running = state.products.values.compactMap(\.current).sorted { $0.name.product < $1.name.product }
        for one in wanted where !running.contains(one.release) {
            guard let finished = state.finished.last(where: { $0.order == one.order }) else { return nil }
            return Outcome(running: running, failure: Self.failure(finished, folder))
        }
        // What a bake or an earlier boot left, or a controller ordered: the latest word on each product counts.
        for record in state.products.values {
            guard let last = state.finished.last(where: { $0.release.product == record.product }),
                let failure = Self.failure(last, folder)
            else { continue }
            return Outcome(running: running, failure: failure)
        }
        return Outcome(running: running, failure: nil)
    }

    private static func failure(_ finished: FinishedOrder, _ folder: AgentFolder) -> AgentError? {
        let code: String
        switch finished.outcome {
        case .succeeded, .alreadyCurrent, .superseded, .cancelled: return nil
        // An ordered way back that went well is what was wanted.
        case .backedOut(nil): return nil
        case .backedOut: code = "backedOut"
        default: code = "converge.failed"
        }
        return AgentError(
            code: code, summary: "\(finished.release): \(finished.outcome.words).",
            remedy: "slipway-agent why \(finished.release.product) --dir \(folder.base.path) shows what was seen.")
    }

    /// Asks every check of what runs, again and again until all pass.
    private func unhealthy(_ running: [HostRelease], until end: TimeSpan) async throws -> AgentError? {
        let local = try LiveHTTP(identity: nil, userAgent: "slipway-agent/\(AgentCommand.version)")
        let result: Result<AgentError?, any Error>
        do { result = .success(try await checked(running, over: local, until: end)) } catch { result = .failure(error) }
        await local.shutdown()
        return try result.get()
    }

    private func checked(_ running: [HostRelease], over local: LiveHTTP, until end: TimeSpan) async throws
        -> AgentError?
    {
        let operations = try AgentDoors.byHand(local).operations(
            folder: folder, configuration: configuration, labels: LabelsInForce(in: folder.base, configuration),
            log: log)
        let store = ReleaseStore(
            directory: try folder.releases(), root: configuration.root, units: try folder.units().path)
        while true {
            var why: String?
            for release in running where why == nil {
                let stored = try store.stored(release)
                for unit in stored.manifest.units where why == nil {
                    why = try await operations.baseline(unit, of: stored)
                }
            }
            guard let why else { return nil }
            guard time.monotonic() < end else {
                return AgentError(
                    code: "converge.timeout", summary: "After \(limit) it was not healthy: \(why)",
                    remedy: "slipway-agent status --dir \(folder.base.path) says what runs; look at the service's log.")
            }
            try await time.sleep(for: .seconds(1))
        }
    }

    private var unreached: AgentError {
        AgentError(
            code: "converge.unreached",
            summary: configuration.delivery == .push
                ? "The controller \(configuration.controller ?? "") was not reached within \(limit)."
                : "The repository \(configuration.repository) was not read within \(limit).",
            remedy: "Check the network of this host; the log says what went wrong each time.")
    }

    private func late(_ state: HostState) -> AgentError {
        let step = state.installation?.step.map { " (\($0.rawValue))" } ?? ""
        return AgentError(
            code: "converge.timeout", summary: "After \(limit) it was not over yet\(step).",
            remedy: "It goes on where an agent runs: slipway-agent status --dir \(folder.base.path).")
    }
}
