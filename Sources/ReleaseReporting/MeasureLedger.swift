import AgentProtocol
import ReleaseDefinition
import ReleaseRollout

/// What measures need of each rollout, kept while the log is read: a few numbers, whatever the size of the fleet. What one
/// rollout says of another, that it mended it, is known once the other has begun and not looked for again.
public struct MeasureLedger: Sendable {
    /// A release as measures know it.
    struct Release: Sendable {
        var category: ReleaseCategory
        var builtAt: UTCInstant
        /// Of its changes; nil: none says when it was made.
        var firstChangeAt: UTCInstant?
    }

    public struct Entry: Sendable, Equatable {
        public var id: RolloutID
        public var release: ReleaseName
        public var environment: EnvironmentName
        public var isEmergency: Bool
        public var startedAt: UTCInstant
        public var endedAt: UTCInstant?
        public var verdict: RolloutEndKind?
        public var earlyLife: TimeSpan
        public var hosts: Int
        public var firstHostAt: UTCInstant?
        public var lastHostAt: UTCInstant?
        public var failedHosts = 0
        public var backedOutHosts = 0
        public var halts = 0
        /// A phase or the whole of it was taken back, or a host was.
        public var hasBackOut = false
        /// When the last host was back on what it had before.
        public var backAt: UTCInstant?
        /// Hosts that could not go back, and have neither gone back nor taken the release since.
        fileprivate var stuck: Set<HostID> = []
        public var stuckHosts: Int { stuck.count }
        public var phases = 0
        public var phasesPassed = 0
        /// Place of the next newer release of the same product there, where it began in this one's early life.
        var next: Int?
    }

    /// When what failed was back on every host, as far as the log knows (semantics 10); nil: it was not, or nothing was backed
    /// out.
    public static func restoredAt(_ entry: Entry) -> UTCInstant? {
        guard entry.hasBackOut || entry.verdict == .backedOut, entry.stuckHosts == 0 else { return nil }
        return entry.verdict == .backedOut
            ? max(entry.endedAt ?? entry.startedAt, entry.backAt ?? entry.startedAt) : entry.backAt
    }

    public enum RolloutEndKind: String, Sendable, Codable {
        case succeeded, backedOut
        /// Stopped, superseded, or its back-out was given up.
        case abandoned
    }

    /// Rollouts of a product in an environment.
    struct Line: Sendable {
        /// In the order of their start.
        var places: [Int] = []
        /// Those that a newer release may still follow in their early life, by release.
        fileprivate var awaiting: [ReleaseVersion: [Int]] = [:]
    }

    private(set) var releases: [ReleaseName: Release] = [:]
    public private(set) var entries: [Entry] = []
    private(set) var lines: [ProductName: [EnvironmentName: Line]] = [:]
    private var places: [RolloutID: Int] = [:]

    public init() {}

    public mutating func noteRelease(
        _ release: ReleaseName, category: ReleaseCategory, builtAt: UTCInstant, firstChangeAt: UTCInstant? = nil
    ) {
        releases[release] = Release(category: category, builtAt: builtAt, firstChangeAt: firstChangeAt)
    }

    /// A plan names its changes when it comes, before the package or after it.
    public mutating func noteChanges(
        of release: ReleaseName, firstAt: UTCInstant?, category: ReleaseCategory, at: UTCInstant
    ) {
        if releases[release] == nil { releases[release] = Release(category: category, builtAt: at) }
        releases[release]?.firstChangeAt = firstAt
    }

    public func entry(_ id: RolloutID) -> Entry? { places[id].map { entries[$0] } }

    public mutating func note(_ id: RolloutID, _ event: RolloutEvent) {
        if case .started(let plan, _) = event.fact {
            guard places[id] == nil else { return }
            start(
                Entry(
                    id: id, release: plan.definition.release, environment: plan.definition.environment,
                    isEmergency: plan.urgency.isEmergency, startedAt: event.at,
                    earlyLife: plan.definition.limits.earlyLife ?? plan.earlyLife ?? .hours(24),
                    hosts: plan.phases.reduce(0) { $0 + $1.hosts.count }, phases: plan.phases.count))
            return
        }
        guard let place = places[id] else { return }
        switch event.fact {
        case .hostEnded(let ending): Self.note(ending, at: event.at, &entries[place])
        case .hostUnhealthy: entries[place].failedHosts += 1
        case .halted: entries[place].halts += 1
        case .backOutStarted, .hostBackOutStarted: entries[place].hasBackOut = true
        case .phasePassed: entries[place].phasesPassed += 1
        case .hostJoined: entries[place].hosts += 1
        case .ended(let end):
            entries[place].endedAt = event.at
            switch end {
            case .succeeded: entries[place].verdict = .succeeded
            case .backedOut: entries[place].verdict = .backedOut
            case .stopped, .failed, .superseded: entries[place].verdict = .abandoned
            }
        default: break
        }
    }

    private mutating func start(_ entry: Entry) {
        let place = entries.count
        places[entry.id] = place
        entries.append(entry)
        let (product, version) = (entry.release.product, entry.release.version)
        // Taken out and put back, so that nothing of it is copied.
        var line = lines[product, default: [:]].removeValue(forKey: entry.environment) ?? Line()
        line.places.append(place)
        for (older, waiting) in line.awaiting {
            let still = waiting.filter { isAwaiting($0, at: entry.startedAt) }
            if older < version {
                for one in still { entries[one].next = place }
                line.awaiting[older] = nil
            } else {
                line.awaiting[older] = still.isEmpty ? nil : still
            }
        }
        line.awaiting[version, default: []].append(place)
        lines[product, default: [:]][entry.environment] = line
    }

    /// Whether what begins now would fall into its early life, or before its end.
    private func isAwaiting(_ place: Int, at now: UTCInstant) -> Bool {
        guard let endedAt = entries[place].endedAt else { return true }
        return entries[place].verdict == .succeeded && now < endedAt + entries[place].earlyLife
    }

    private static func note(_ ending: HostEnding, at: UTCInstant, _ entry: inout Entry) {
        switch ending.outcome {
        case .succeeded:
            entry.stuck.remove(ending.host)
            if entry.firstHostAt == nil { entry.firstHostAt = at }
            // Those that come late, after the end, are not what the release waited for.
            if entry.endedAt == nil { entry.lastHostAt = at }
        case .failed: entry.failedHosts += 1
        case .backedOut(let cause):
            entry.stuck.remove(ending.host)
            entry.backedOutHosts += 1
            entry.backAt = at
            if cause != nil { entry.failedHosts += 1 }
        case .backOutFailed:
            entry.failedHosts += 1
            entry.stuck.insert(ending.host)
        default: break
        }
    }
}
