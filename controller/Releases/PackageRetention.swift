import ControllerAPI
import ReleaseDefinition
import ReleaseLifecycle
import ReleaseRollout

/// Which packages stay whatever happens; `retention` of `controller.json`. Without it none goes.
struct RetentionRules: Sendable, Codable, Equatable {
    /// By which people are told what would go, where none are set.
    static let usual = RetentionRules(keep: 10, age: .days(90))
    /// A plan is agreed to today and started in a few days; hosts say what they run a while after it is so.
    static let ageLeast = TimeSpan.days(7)

    /// Of each product, and of each product in each environment, so many of the newest; at least 2.
    var keep: Int
    /// What was submitted, approved or rolled out since; at least 7 days.
    var age: TimeSpan

    /// - Throws: `controller.setup.retention`.
    func check() throws {
        guard keep >= 2, age >= Self.ageLeast else {
            throw ControllerError.setup(
                "retention",
                "retention keeps \(keep) releases of a product and those of \(age); the least is 2 and \(Self.ageLeast).",
                remedy: "Correct keep and age in controller.json, or leave retention out: then no package is removed.")
        }
    }
}

/// The packages of some releases were removed from the repository. Their manifests and documents, and what the log says of
/// them, stay for ever.
public struct PackagesRemoved: Sendable, Equatable, Codable {
    public var releases: [ReleaseName]
}

/// Which packages somebody may still need, and why; the others go. Pure: from the state and the time alone.
struct PackageRetention: Sendable, Equatable {
    /// One reason each, of perhaps several.
    private(set) var kept: [ReleaseName: String] = [:]
    private(set) var going: [ReleaseName] = []

    init(_ state: FleetState, _ rules: RetentionRules, at now: UTCInstant) {
        keepNewest(state, rules)
        keepRecent(state, since: now + TimeSpan(milliseconds: -rules.age.milliseconds))
        keepAwaited(state, at: now)
        keepOfRollouts(state)
        keepOfHosts(state)
        going = state.releases.keys.filter { kept[$0] == nil }.sorted { $0.description < $1.description }
        // Of what was never submitted here nothing is kept.
        kept = kept.filter { state.releases[$0.key] != nil }
    }

    private mutating func keep(_ release: ReleaseName?, _ reason: @autoclosure () -> String) {
        guard let release, kept[release] == nil else { return }
        kept[release] = reason()
    }

    private mutating func keepNewest(_ state: FleetState, _ rules: RetentionRules) {
        for (product, records) in Dictionary(grouping: state.releases.values, by: \.submitted.release.product) {
            let ordered = records.sorted { $0.submitted.release.version > $1.submitted.release.version }
            for record in ordered.prefix(rules.keep) {
                keep(record.submitted.release, "one of the \(rules.keep) newest of \(product)")
            }
            // The next one is built upon it.
            keep(
                records.max { $0.submittedAt < $1.submittedAt }?.submitted.release,
                "the one that was submitted last of \(product)")
            for environment in Set(records.flatMap(\.approvals).compactMap(\.environment)) {
                for record in ordered.filter({ $0.isApproved(in: environment) }).prefix(rules.keep) {
                    keep(record.submitted.release, "one of the \(rules.keep) newest of \(product) in \(environment)")
                }
            }
        }
    }

    private mutating func keepRecent(_ state: FleetState, since start: UTCInstant) {
        for (name, record) in state.releases {
            if record.submittedAt >= start { keep(name, "submitted at \(record.submittedAt.wholeSeconds)") }
            if let last = record.approvals.map(\.at).max(), last >= start {
                keep(name, "approved at \(last.wholeSeconds)")
            }
        }
        for (id, record) in state.rollouts {
            guard let last = record.endedAt ?? record.startedAt, last >= start else { continue }
            keepReleases(of: record, state, "\(id) ended at \(last.wholeSeconds)")
        }
        for planned in state.plans.values where planned.at >= start {
            keep(planned.plan.definition.release, "planned at \(planned.at.wholeSeconds)")
        }
    }

    /// What people began and did not end.
    private mutating func keepAwaited(_ state: FleetState, at now: UTCInstant) {
        for change in state.openChanges { keep(change.approval?.release, "\(change.id) asks people to approve it") }
        for planned in state.plans.values where state.rollouts[planned.plan.id] == nil {
            let isAuthorised = planned.authorisations.contains { $0.validUntil > now }
            let isToCome = planned.plan.starts?.last.map { $0.until > now } ?? false
            if isAuthorised || isToCome { keep(planned.plan.definition.release, "\(planned.plan.id) may start") }
        }
        for (name, lifecycle) in state.lifecycles where !lifecycle.isOver {
            switch lifecycle.state {
            case .earlyLifeSupport: keep(name, "early life support")
            case .deploying: keep(name, "it is being deployed")
            default: if lifecycle.record.plan != nil { keep(name, "its record is not closed") }
            }
        }
        for rehearsal in state.rehearsals.values where rehearsal.ordered.until > now {
            keep(rehearsal.release, "\(rehearsal.id) has hosts rehearse it")
            for host in rehearsal.ordered.plan.hosts { keep(host.running, "\(rehearsal.id) goes back to it") }
        }
        for (name, exports) in state.exports where exports.contains(where: { $0.event.validUntil > now }) {
            keep(name, "a package of it that was carried away is valid")
        }
        for emergency in state.emergencies where emergency.review == nil {
            keep(emergency.released.release, "its emergency was not reviewed")
        }
    }

    private mutating func keepOfRollouts(_ state: FleetState) {
        // Hosts that newer rollouts mean are theirs when they join (`letJoin`).
        var newer: [String: Set<HostQuery>] = [:]
        for record in state.rolloutOrder.reversed().compactMap({ state.rollouts[$0] }) {
            guard let plan = record.plan else { continue }
            let (id, rollout, definition) = (record.id, record.rollout, plan.definition)
            let place = "\(definition.environment) \(definition.release.product)"
            let isOutdated = newer[place].map { $0.contains(.all) || $0.contains(definition.hosts) } ?? false
            newer[place, default: []].insert(definition.hosts)
            let hasOpenHosts = record.hosts.keys.contains { record.awaits($0) || rollout.mayInstall($0) }
            if record.isActive || rollout.isTakingBack || hasOpenHosts {
                keepReleases(of: record, state, "\(id) is open")
            }
            let isRevoked = state.releases[definition.release]?.revocation(in: definition.environment) != nil
            if record.end == .succeeded, !rollout.isSuperseded, !isRevoked, !isOutdated {
                keep(definition.release, "\(id) gives it to hosts that join")
            }
        }
        for record in state.channelRollouts {
            keepReleases(of: record, state, "\(record.plan.map { "\($0.channel)" } ?? "\(record.id)") names it")
        }
    }

    /// What it brings, and what those of its hosts go back to that are there.
    private mutating func keepReleases(
        of record: RolloutRecord, _ state: FleetState, _ reason: @autoclosure () -> String
    ) {
        guard let plan = record.plan else { return }
        keep(plan.definition.release, reason())
        for host in record.planHosts where state.hosts[host.id]?.identity.standing.isGone == false {
            keep(host.running, reason())
        }
    }

    private mutating func keepOfHosts(_ state: FleetState) {
        // The last that brought each host what it runs: what it ran before is where its next back-out leads, and where one
        // that failed was to lead.
        var seen: Set<HostProduct> = []
        for record in state.rolloutOrder.reversed().compactMap({ state.rollouts[$0] }) {
            guard let plan = record.plan else { continue }
            for host in record.planHosts {
                guard let outcome = record.hosts[host.id]?.outcome, [.succeeded, .backOutFailed].contains(outcome)
                else {
                    continue
                }
                guard seen.insert(HostProduct(host: host.id, product: plan.definition.release.product)).inserted,
                    let known = state.hosts[host.id], !known.identity.standing.isGone
                else { continue }
                keep(host.running, "\(host.id) goes back to it")
                keep(plan.definition.release, "\(host.id) was given it last")
            }
        }
        for host in state.hosts.values where !host.identity.standing.isGone {
            for installed in host.running.values { keep(installed.release, "\(host.id) runs it") }
            for release in host.ranBefore.values { keep(release, "\(host.id) goes back to it") }
            for installed in host.inventory?.installed ?? [] { keep(installed.release, "\(host.id) has it") }
            for outcome in host.locked.values {
                keep(outcome.release, "\(host.id) is locked in it")
                keep(outcome.running?.release, "\(host.id) is locked in it")
            }
        }
    }

    private struct HostProduct: Hashable {
        var host: HostID
        var product: ProductName
    }
}
