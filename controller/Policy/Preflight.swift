import AgentProtocol
import ControllerAPI
import ReleaseDefinition
import ReleasePackaging

/// The sweep over the hosts of a rollout before any of them is touched.
extension Controller {
    /// What a host said last of how it stands. Forgotten when the controller ends: nothing is decided by it.
    struct KnownFacts: Sendable {
        var facts: HostFacts
        var receivedAt: UTCInstant

        /// The way here takes some time itself; against minutes it does not count.
        var clockError: TimeSpan { facts.sentAt.since(receivedAt) }
    }

    func note(_ facts: HostFacts?, of host: HostID) {
        guard var facts else { return }
        hearWitness(facts, of: host)
        let now = time.now()
        // Of a batch in between: what was found on the disk stays known.
        if facts.drifted == nil, let before = hostFacts[host], now.since(before.receivedAt) < .minutes(10) {
            facts.drifted = before.facts.drifted
        }
        if facts.drifted != nil { factsWanted.remove(host) }
        facts.unwritable = facts.unwritable.map { $0.bounded(HostFacts.unwritableMax) }
        facts.drifted = facts.drifted.map { Array($0.prefix(HostFacts.driftedMax)) }
        hostFacts[host] = KnownFacts(facts: facts, receivedAt: now)
    }

    /// Asks the hosts that are in contact, waits for them so long at most, and says what is known.
    nonisolated func preflight(_ definition: RolloutDefinition, wait: TimeSpan) async throws -> PreflightView {
        let asked = try await askFacts(definition)
        let deadline = time.now() + min(max(wait, .zero), PreflightRequest.waitMax)
        while time.now() < deadline, await !haveAnswered(asked.hosts, since: asked.at) {
            try await time.sleep(for: .milliseconds(50))
        }
        return try await preflightView(definition)
    }

    private func askFacts(_ definition: RolloutDefinition) throws -> (hosts: [HostID], at: UTCInstant) {
        _ = try release(definition.release)
        try checkEnvironment(definition.environment)
        let now = time.now()
        let hosts = preflightHosts(definition)
        let asked = hosts.map(\.id).filter { hub.send(.facts, sequence: store.sequence, to: $0) }
        for host in asked { hostFacts[host]?.facts.drifted = nil }
        // Who fetches is asked when it comes next, and waited for by nobody.
        factsWanted.formUnion(hosts.filter { $0.delivery == .pull && !hub.isOnline($0.id) }.map(\.id))
        return (asked, now)
    }

    private func haveAnswered(_ hosts: [HostID], since moment: UTCInstant) -> Bool {
        hosts.allSatisfy { host in
            guard hub.isOnline(host) else { return true }
            return hostFacts[host].map { $0.receivedAt >= moment && $0.facts.drifted != nil } ?? false
        }
    }

    /// Those that are not believed as well: that is what the sweep is for.
    private func preflightHosts(_ definition: RolloutDefinition) -> [HostRecord] {
        state.hostsInOrder.filter {
            $0.environment == definition.environment && !$0.identity.standing.isGone
                && definition.hosts.matches(id: $0.id, labels: $0.labels)
        }
    }

    /// What is known now, with nobody asked.
    func preflightView(_ definition: RolloutDefinition) throws -> PreflightView {
        let needs = try readinessNeeds(of: definition)
        let hosts = preflightHosts(definition).map { host in
            let known = hostFacts[host.id]
            return PreflightHostView(
                host: host.id, findings: needs.findings(condition(of: host, known)), factsAt: known?.receivedAt)
        }
        return PreflightView(
            release: definition.release, environment: definition.environment, checkedAt: time.now(), hosts: hosts,
            refusals: try policyRefusals(of: definition))
    }

    private func readinessNeeds(of definition: RolloutDefinition) throws -> ReadinessNeeds {
        let record = try release(definition.release)
        let manifest = manifest(of: definition.release)
        return ReadinessNeeds(
            product: definition.release.product, requires: manifest?.requires ?? [],
            space: manifest.map(Self.space)
                ?? ByteCount(record.submitted.units.reduce(Int64(0)) { $0 + $1.size.value }),
            version: SlipwayVersion.text, hasWindows: policy?.windows(of: definition.environment).isEmpty == false)
    }

    /// Of a plan's hosts, by what is known now with nobody asked: what would keep each from taking it, and the space that it
    /// needs there.
    func shortages(of definition: RolloutDefinition, _ hosts: [HostID]) -> [HostID: (
        missing: [String]?, disk: ByteCount
    )] {
        guard let needs = try? readinessNeeds(of: definition) else { return [:] }
        let found = hosts.compactMap { id in state.hosts[id] }.map { host in
            let blocks = needs.findings(condition(of: host, hostFacts[host.id])).filter { $0.weight == .blocks }
            let missing = blocks.map { "\($0.check.rawValue): \($0.detail)" }
            return (host.id, (missing.isEmpty ? nil : missing, needs.space))
        }
        return Dictionary(found) { one, _ in one }
    }

    private func condition(of host: HostRecord, _ known: KnownFacts?) -> HostCondition {
        HostCondition(
            id: host.id, isReachable: contact(of: host) == .online, lastContactAt: lastContact(of: host),
            disbelief: ControllerError.refusal(of: host.id, host.identity.standing)?.summary,
            agentVersion: host.inventory?.agentVersion, clockError: known?.clockError,
            freeSpace: known?.facts.freeSpace, unwritable: known?.facts.unwritable, drifted: known?.facts.drifted,
            running: host.running.mapValues { ($0.release.version, $0.isHealthy) })
    }

    /// Packed and unpacked, each file in whole blocks; of variants all, because which one a host takes it decides itself.
    private static func space(_ manifest: Manifest) -> ByteCount {
        let packed = manifest.blobs.map(\.length.value)
        let unpacked = manifest.units.map { $0.payload.tar.length.value }
        let blocks = manifest.units.map { Int64(clamping: $0.payload.fileCount).multipliedReportingOverflow(by: 4096) }
        let all = packed + unpacked + blocks.map { $0.overflow ? Int64.max : $0.partialValue }
        return ByteCount(
            all.reduce(Int64(0)) { sum, next in
                let (total, overflow) = sum.addingReportingOverflow(next)
                return overflow ? Int64.max : total
            })
    }
}
