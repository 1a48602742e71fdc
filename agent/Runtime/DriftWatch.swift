import AgentProtocol
import Effects
import Logging
import ReleaseDefinition
import ReleasePackaging

/// `drift: { "every": "6h", "repair": true }` of agent.json.
public struct DriftPolicy: Sendable, Equatable, Codable {
    /// 1 min to 7 d, ± 20 %; nil is 6 h.
    public var every: TimeSpan?
    /// Files, templates and packages are put there again; changed trees are only reported. nil is false.
    public var repair: Bool?

    public init(every: TimeSpan? = nil, repair: Bool? = nil) {
        self.every = every
        self.repair = repair
    }
}

extension Agent {
    /// Compares what is installed with what was signed, again and again.
    func watchDrift(random: any RandomDoor) async {
        do {
            try await time.sleep(for: .seconds(1))
            try reportSystem()
        } catch { guard !Task.isCancelled else { return } }
        let every = configuration.drift?.every ?? .hours(6)
        while !Task.isCancelled {
            do { try await time.sleep(for: random.spread(every)) } catch { return }
            do { try await checkDrift() } catch {
                log.warning("what is installed cannot be checked", metadata: ["error": "\(ReportedError(error))"])
            }
        }
    }

    /// Reports when something differs, or no longer does; repairs if agent.json says so. Nothing while an order is under way.
    func checkDrift() async throws {
        guard host.installation == nil else { return }
        var found: [String] = []
        for record in host.products.values.sorted(by: { $0.product < $1.product }) {
            guard let release = record.current, let stored = try? store.stored(release) else { continue }
            for unit in stored.manifest.units {
                var differences = try await changes(unit, of: stored)
                guard host.installation == nil else { return }
                if !differences.isEmpty, configuration.drift?.repair == true,
                    [.file, .template, .deb].contains(unit.definition.type)
                {
                    log.warning(
                        "repaired", metadata: ["unit": "\(unit.name)", "was": "\(differences.joined(separator: "; "))"])
                    try await repair(unit, of: stored)
                    differences = try await changes(unit, of: stored)
                }
                found += differences.map { "\(record.product).\(unit.name): \($0)" }
            }
        }
        guard found != drift else { return }
        drift = found
        if !found.isEmpty {
            log.warning("not as it was installed", metadata: ["what": "\(found.joined(separator: "; "))"])
        }
        try reportSystem()
    }

    private func reportSystem() throws {
        guard configuration.controller != nil else { return }
        let body = HostReportBody.inventory(inventory(system: readSystem()))
        try record([.report(report: HostReport(sequence: host.nextSequence, at: time.now(), body: body))])
    }

    func readSystem() -> HostSystem { SystemInventory(folder: folder.base).read() }

    /// What a service left beside the release's own files is no drift.
    private func changes(_ unit: ManifestUnit, of stored: StoredRelease) async throws -> [String] {
        try await runner.activation.differences(unit, of: stored).filter { !$0.hasSuffix("is not part of the release") }
    }

    private func repair(_ unit: ManifestUnit, of stored: StoredRelease) async throws {
        let context = HookContext(
            order: OrderID(rollout: try RolloutID("repair"), action: .install, attempt: 1), from: stored.release,
            to: stored.release)
        try await runner.activation.activate((unit, stored), leaving: (unit, stored), context)
    }
}
