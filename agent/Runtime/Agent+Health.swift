import AgentProtocol
import Effects
import Logging
import ReleaseDefinition

/// Whether what was committed stays healthy: asked every few minutes, and whenever the controller wants to know, which in
/// early life support is often.
extension Agent {
    /// Why a release that runs here is not healthy.
    struct Ailment: Sendable {
        var release: HostRelease
        var detail: String
    }

    static let healthEvery = TimeSpan.minutes(5)
    /// While something is not healthy, or not known to be.
    static let ailingEvery = TimeSpan.seconds(20)

    func watchHealth(random: any RandomDoor) async {
        while !Task.isCancelled {
            let pause = ailments.isEmpty ? Self.healthEvery : Self.ailingEvery
            do { try await time.sleep(for: random.spread(pause)) } catch { return }
            await lookAtHealth()
        }
    }

    func answerHealth() async {
        while !Task.isCancelled {
            await healthWake.wait()
            guard !Task.isCancelled else { return }
            await lookAtHealth()
        }
    }

    private func lookAtHealth() async {
        do { try await checkHealth() } catch {
            guard !Task.isCancelled else { return }
            log.warning("the health cannot be checked", metadata: ["error": "\(ReportedError(error))"])
        }
    }

    /// Reports what is not healthy any more, or is again, once each. Nothing while an order is under way: it asks itself.
    func checkHealth() async throws {
        guard !isAskingHealth, host.installation == nil else { return }
        isAskingHealth = true
        defer { isAskingHealth = false }
        for record in host.products.values.sorted(by: { $0.product < $1.product }) {
            guard record.lockedBy == nil, let release = record.current, let stored = try? store.stored(release) else {
                continue
            }
            let problem = try await problem(of: stored)
            // What was asked while it changed says nothing.
            guard host.installation == nil, host.record(of: record.product).current == release else { return }
            try note(problem, of: release)
        }
    }

    /// The first unit's that is not healthy.
    private func problem(of stored: StoredRelease) async throws -> String? {
        for unit in stored.manifest.units {
            if let problem = try await operations.ailment(unit, of: stored) { return problem }
        }
        return nil
    }

    private func note(_ problem: String?, of release: HostRelease) throws {
        let product = release.name.product
        guard (problem != nil) != isAiling(product) else { return }
        ailments[product] = problem.map { Ailment(release: release, detail: $0) }
        log.warning(
            problem == nil ? "healthy again" : "not healthy any more",
            metadata: ["release": "\(release)", "detail": "\(problem ?? "every check passes")"])
        guard configuration.controller != nil else { return }
        let running = InstalledRelease(release: release.name, manifest: release.manifest, isHealthy: problem == nil)
        let body = HostReportBody.health(ProductHealth(running: running, detail: problem ?? "every check passes again"))
        try record([.report(report: HostReport(sequence: host.nextSequence, at: time.now(), body: body))])
    }

    /// What was said of an earlier release is nothing against this one.
    func isAiling(_ product: ProductName) -> Bool {
        ailments[product].map { $0.release == host.record(of: product).current } ?? false
    }
}
