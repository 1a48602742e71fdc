import AgentProtocol
import ControllerAPI
import ReleaseDefinition
import ReleaseTrust

/// A host: what we decided about it, and what it said last.
struct HostRecord: Sendable {
    let id: HostID
    let environment: EnvironmentName
    let joinedLabels: [String: String]
    /// Those that people gave it, at its invitation and since: what grants go by.
    private(set) var givenLabels: [String: String]
    /// When they were changed last.
    private(set) var labelledAt: UTCInstant?
    /// With its marks, as host queries see them.
    private(set) var labels: [String: String]
    private(set) var marks: [HostMarkKind: HostMarkView] = [:]
    let joinedAt: UTCInstant
    let machineID: String
    let invitation: String
    /// Certificates and standing: who may speak as this host.
    var identity: HostIdentity
    /// The highest sequence of a stored report; anything up to it is a repetition.
    private(set) var lastReport: Int64 = 0
    /// A report came that was not the next: those between were lost with a younger record. Up to here the host was heard then;
    /// nil once it has said since what it runs.
    private var lostAfter: Int64?
    /// Up to here nothing is missing.
    var heardThrough: Int64 { lostAfter ?? lastReport }
    private(set) var lastReportAt: UTCInstant?
    private(set) var inventory: HostInventory?
    private(set) var firstInventoryAt: UTCInstant?
    private(set) var running: [ProductName: InstalledRelease] = [:]
    /// When it was first said that what runs of a product is not healthy; nil: it is.
    private(set) var unhealthySince: [ProductName: UTCInstant] = [:]
    /// What ran before that, by the host's own words: whatever a rollout knew of it when it was planned, and though it may have
    /// given way before the host was done.
    private(set) var ranBefore: [ProductName: ReleaseName] = [:]
    private(set) var steps: [OrderID: InstallationStep] = [:]
    private(set) var outcomes: [OrderID: OrderOutcome] = [:]
    /// By the host's own last words: it could not go back and was not seen healthy since. Until a person unlocks it there it
    /// takes no order of the product.
    private(set) var locked: [ProductName: OrderOutcome] = [:]

    init(joined: HostJoined, firstAuthority: SHA256Digest?, at now: UTCInstant) {
        id = joined.host
        environment = joined.environment
        (joinedLabels, givenLabels, labels) = (joined.labels, joined.labels, joined.labels)
        joinedAt = now
        machineID = joined.machineID
        invitation = joined.invitation
        identity = HostIdentity(
            HostCertificate(
                fingerprint: joined.certificate, notAfter: joined.certificateNotAfter, key: joined.key,
                authority: joined.authority ?? firstAuthority ?? joined.certificate))
    }

    /// Until its first inventory a host counts as pushed: it must be in contact to be given anything.
    var delivery: DeliveryMode { inventory?.delivery ?? .push }

    /// Those that it goes by itself, where they are others. An agent that does not say by which stays with those it joined with.
    var labelsOnHost: [String: String]? {
        let own = inventory?.labels ?? joinedLabels
        return own == givenLabels ? nil : own
    }

    mutating func relabel(_ event: HostLabelled, at now: UTCInstant) {
        labelledAt = now
        givenLabels.merge(event.set) { $1 }
        for key in event.removed { givenLabels[key] = nil }
        labels = givenLabels
        for mark in marks.keys { labels[mark.rawValue] = "true" }
    }

    /// - Parameter marking: nil takes it away, and what people gave the host is seen again.
    mutating func setMark(_ mark: HostMarkKind, _ marking: HostMarkView?) {
        marks[mark] = marking
        labels[mark.rawValue] = marking == nil ? givenLabels[mark.rawValue] : "true"
    }

    mutating func apply(_ stored: StoredReport) {
        guard stored.report.sequence > lastReport else { return }
        let isNext = lastReport == 0 || stored.report.sequence == lastReport + 1
        if !isNext { lostAfter = lostAfter ?? lastReport }
        lastReport = stored.report.sequence
        lastReportAt = stored.receivedAt
        switch stored.report.body {
        case .inventory(let inventory):
            if isNext { lostAfter = nil }
            self.inventory = inventory
            firstInventoryAt = firstInventoryAt ?? stored.receivedAt
            let now = Dictionary(
                inventory.installed.map { ($0.release.product, $0) }, uniquingKeysWith: { first, _ in first })
            for product in running.keys { noteLeft(product, for: now[product]) }
            running = now
            // It says so only of what it has looked at.
            for installed in inventory.installed where installed.isHealthy { locked[installed.release.product] = nil }
        case .progress(let progress): steps[progress.order] = progress.step
        case .outcome(let outcome):
            outcomes[outcome.order] = outcome
            // What it went back from it does not go back to.
            if case .backedOut = outcome.outcome {} else { noteLeft(outcome.release.product, for: outcome.running) }
            running[outcome.release.product] = outcome.running
            noteLock(outcome)
        case .health(let health):
            noteLeft(health.running.release.product, for: health.running)
            running[health.running.release.product] = health.running
            if health.running.isHealthy { locked[health.running.release.product] = nil }
        }
        for (product, installed) in running {
            unhealthySince[product] = installed.isHealthy ? nil : unhealthySince[product] ?? stored.receivedAt
        }
    }

    private mutating func noteLeft(_ product: ProductName, for new: InstalledRelease?) {
        if let old = running[product], old.release != new?.release { ranBefore[product] = old.release }
    }

    private mutating func noteLock(_ outcome: OrderOutcome) {
        let product = outcome.release.product
        switch outcome.outcome {
        case .backOutFailed: locked[product] = locked[product] ?? outcome
        case .succeeded, .backedOut: locked[product] = nil
        // Refused, because it is locked; or of an order that was not taken up.
        case .alreadyCurrent, .failed, .skipped, .offline, .gone, .silent, .cancelled, .superseded: break
        }
    }
}
