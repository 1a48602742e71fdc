import AgentProtocol
import ReleaseDefinition

/// The hosts of a rollout, in the order of the plan, with numbers and deadlines that follow each change.
///
/// `decide` works on a draft: a draft shares everything with the table it was made from and notes the few hosts that
/// change beside it, so that its cost does not grow with the number of hosts.
struct HostTable: Sendable, RandomAccessCollection {
    private var records: ContiguousArray<HostRecord> = []
    private var index = PlaceIndex()
    private var deadlines = DeadlineTree([])
    /// Pushed hosts that an order waits for.
    private var wanted: Set<Int32> = []
    /// For each phase, its places.
    private(set) var phases: [Range<Int>] = []
    private(set) var statistics: [PhaseStatistics] = []
    private(set) var pulling = 0
    /// Phases of the plan; one more is of those that came late.
    private var planned = 0
    private var groups = HostGroups()
    private var clocks = Clocks()
    /// nil: no draft.
    private var changes: [Change]?
    private static let changesMax = 32

    /// What deadlines depend on beside the host.
    struct Clocks: Sendable, Equatable {
        var limits = RolloutLimits()
        var startsHosts = false
        var backsOut = false
    }

    private struct Change: Sendable, Equatable {
        var place: Int
        var host: HostRecord
    }

    init() {}

    init(_ plan: RolloutPlan) {
        clocks.limits = plan.definition.limits
        var words: [ReleaseName?: HostWord] = [:]
        records.reserveCapacity(plan.phases.reduce(0) { $0 + $1.hosts.count })
        for (phase, members) in plan.phases.enumerated() {
            let first = records.count
            for host in members.hosts {
                let word = words[host.running] ?? HostWord(running: host.running)
                words[host.running] = word
                records.append(
                    HostRecord(
                        host, phase: phase, rollout: plan.id, release: plan.definition.release, word: word))
            }
            phases.append(first..<records.count)
        }
        planned = phases.count
        index = PlaceIndex(records)
        pulling = records.count { $0.delivery == .pull }
        if let limit = plan.definition.limits.maxUnavailable { groups = HostGroups(plan.hosts, limit) }
        rebuild()
    }

    /// A host that no phase of the plan has.
    mutating func append(_ host: PlanHost, of plan: RolloutPlan) {
        endDraft()
        if phases.count == planned { phases.append(records.count..<records.count) }
        records.append(
            HostRecord(
                host, phase: planned, rollout: plan.id, release: plan.definition.release,
                word: HostWord(running: host.running)))
        phases[planned] = phases[planned].lowerBound..<records.count
        index = PlaceIndex(records)
        if host.delivery == .pull { pulling += 1 }
        groups.append(host)
        rebuild()
    }

    mutating func find(_ place: Int, _ host: PlanHost, rollout: RolloutID, at: UTCInstant) {
        updateAll(place..<place + 1) { $0.find(host, rollout: rollout, at: at) }
        pulling = records.count { $0.delivery == .pull }
    }

    // MARK: reading

    var startIndex: Int { 0 }
    var endIndex: Int { records.count }

    subscript(place: Int) -> HostRecord {
        if let changes, let change = changes.first(where: { $0.place == place }) { return change.host }
        return records[place]
    }

    func place(of id: HostID) -> Int? { index.place(of: id, in: records) }

    func members(of phase: Int) -> Slice<HostTable> { self[phases.indices.contains(phase) ? phases[phase] : 0..<0] }

    func sum(_ number: (PhaseStatistics) -> Int) -> Int { statistics.reduce(0) { $0 + number($1) } }

    /// The first hosts of a phase that wait for a place, in order.
    /// - Parameter room: what groups have left, for all phases together.
    func toStart(phase: Int, _ count: Int, room: inout HostGroups) -> [HostID] {
        guard count > 0, statistics.indices.contains(phase) else { return [] }
        return find(statistics[phase].firstToStart..<phases[phase].upperBound, count, &room, \.isInTurn)
    }

    var room: HostGroups { groups }

    /// Somebody waits for a place, or for a window.
    var hasHostToStart: Bool {
        statistics.indices.contains { statistics[$0].firstToStart < phases[$0].upperBound }
    }

    var hasHostToTakeBack: Bool {
        statistics.indices.contains { statistics[$0].firstToTakeBack < phases[$0].upperBound }
    }

    func isHeldByGroup(_ place: Int) -> Bool { groups.isFull(for: place) }

    var groupLabel: String { groups.label }

    /// How many hosts wait though nothing is under way, because hosts of their groups are down; nil: none does.
    func stuckByGroup(through phase: Int) -> Int? {
        guard !groups.isEmpty, sum(\.unfinished) == 0 else { return nil }
        var stuck = 0
        for phase in 0...phase where statistics.indices.contains(phase) {
            var room = groups
            if !toStart(phase: phase, 1, room: &room).isEmpty { return nil }
            stuck += members(of: phase).count { $0.isInTurn }
        }
        return stuck > 0 ? stuck : nil
    }

    /// - Parameter isMeant: of those that wait for their turn to go back.
    func toTakeBack(
        phase: Int, _ count: Int, room: inout HostGroups, _ isMeant: (HostRecord) -> Bool = { _ in true }
    ) -> [HostID] {
        guard count > 0, statistics.indices.contains(phase) else { return [] }
        let places = statistics[phase].firstToTakeBack..<phases[phase].upperBound
        return find(places, count, &room) { $0.isInTurnForBackOut && isMeant($0) }
    }

    /// A back-out never waits for hosts that will not come up: where nothing is under way one goes, room or not.
    func firstToTakeBack(_ phases: some Sequence<Int>, _ isMeant: (HostRecord) -> Bool = { _ in true }) -> [HostID] {
        guard !groups.isEmpty, sum(\.busy) == 0 else { return [] }
        for phase in phases where statistics.indices.contains(phase) {
            let host = members(of: phase).first { $0.isInTurnForBackOut && isMeant($0) }
            if let host { return [host.id] }
        }
        return []
    }

    private func find(
        _ places: Range<Int>, _ count: Int, _ room: inout HostGroups, _ isMeant: (HostRecord) -> Bool
    ) -> [HostID] {
        var found: [HostID] = []
        for place in places where isMeant(self[place]) {
            // Who is down already takes no room.
            guard self[place].isDown || room.takeRoom(for: place) else { continue }
            found.append(self[place].id)
            if found.count == count { break }
        }
        return found
    }

    /// Hosts that a failure leaves with the release: in a draft they are among those that just changed.
    var failedToTakeBack: [HostID] {
        let count = sum(\.toTakeBack)
        guard count > 0 else { return [] }
        let isMeant = { (host: HostRecord) in host.verdict == .failed && host.canBackOut }
        if let changes {
            let changed = changes.filter { isMeant($0.host) }
            if changed.count == count { return changed.sorted { $0.place < $1.place }.map(\.host.id) }
        }
        return filter(isMeant).map(\.id)
    }

    /// Pushed hosts that an order waits for, in the order of the plan. Not of a draft.
    var wantedHosts: [HostRecord] { wanted.sorted().map { records[Int($0)] } }

    // MARK: deadlines

    /// Not of a draft.
    var nextDeadlineAt: UTCInstant? { deadlines.earliest }

    func isDue(at now: UTCInstant) -> [HostRecord] {
        let isAnyDue = deadlines.earliest.map { $0 <= now } ?? false
        if !isAnyDue, changes?.contains(where: { deadline(of: $0.host).map { $0.deadline.at <= now } ?? false }) != true
        {
            return []
        }
        let places = deadlines.due(at: now)
        guard let changes, !changes.isEmpty else { return places.map { records[$0] } }
        let changed = Set(changes.map(\.place))
        let due = changes.filter { deadline(of: $0.host)?.deadline.at ?? now + .milliseconds(1) <= now }
        return (places.filter { !changed.contains($0) } + due.map(\.place)).sorted().map { self[$0] }
    }

    /// The clock that runs for a host, with the order it is about: a back-out, once wanted, is the only one.
    func deadline(of host: HostRecord) -> (action: OrderAction, deadline: OrderDeadline)? {
        if let backOut = host.backOut, host.install.isEnded {
            return OrderDeadline(backOut, of: host, limits: clocks.limits, mayStart: clocks.backsOut).map {
                (.backOut, $0)
            }
        }
        return OrderDeadline(host.install, of: host, limits: clocks.limits, mayStart: clocks.startsHosts).map {
            (.install, $0)
        }
    }

    mutating func setClocks(startsHosts: Bool, backsOut: Bool) {
        guard clocks.startsHosts != startsHosts || clocks.backsOut != backsOut else { return }
        endDraft()
        (clocks.startsHosts, clocks.backsOut) = (startsHosts, backsOut)
        rebuildDeadlines()
    }

    // MARK: changing

    mutating func beginDraft() { changes = [] }

    mutating func update(_ place: Int, _ change: (inout HostRecord) -> Void) {
        let old = self[place]
        var new = old
        change(&new)
        put(new, at: place, instead: old)
        let phase = new.phase
        statistics[phase].add(old, -1)
        statistics[phase].add(new, 1)
        groups.change(place, from: old, to: new)
        look(phase, place, new)
    }

    /// A change that moves no number: a step of an order that is out.
    mutating func updateInCourse(_ place: Int, _ action: OrderAction, _ change: (inout HostRecord) -> Void) {
        guard changes == nil, records[place].isInCourse(action) else { return update(place, change) }
        change(&records[place])
        deadlines.set(place, deadline(of: records[place])?.deadline.at)
        noteWanted(records[place], place)
    }

    /// Many at once: the numbers are counted anew.
    mutating func updateAll(_ places: Range<Int>? = nil, _ change: (inout HostRecord) -> Void) {
        endDraft()
        for place in places ?? records.indices { change(&records[place]) }
        rebuild()
    }

    private mutating func put(_ new: HostRecord, at place: Int, instead old: HostRecord) {
        if changes != nil {
            if let position = changes?.firstIndex(where: { $0.place == place }) {
                changes?[position].host = new
            } else {
                changes?.append(Change(place: place, host: new))
                if changes?.count == Self.changesMax { endDraft() }
            }
            return
        }
        records[place] = new
        deadlines.set(place, deadline(of: new)?.deadline.at)
        noteWanted(new, place)
    }

    private mutating func noteWanted(_ host: HostRecord, _ place: Int) {
        guard host.delivery == .push else { return }
        if host.install.isAdmitted || host.backOut?.isAdmitted == true
            || host.cancelling == .wanted && !host.isOutOfContact
        {
            wanted.insert(Int32(truncatingIfNeeded: place))
        } else if !wanted.isEmpty {
            wanted.remove(Int32(truncatingIfNeeded: place))
            // Its room goes with the last of them.
            if wanted.isEmpty { wanted = [] }
        }
    }

    /// Keeps the first places right: never behind a host that waits.
    private mutating func look(_ phase: Int, _ place: Int, _ host: HostRecord) {
        let end = phases[phase].upperBound
        if host.isInTurn {
            statistics[phase].firstToStart = Swift.min(statistics[phase].firstToStart, place)
        } else if statistics[phase].firstToStart == place {
            var next = place + 1
            while next < end, !self[next].isInTurn { next += 1 }
            statistics[phase].firstToStart = next
        }
        if host.isInTurnForBackOut {
            statistics[phase].firstToTakeBack = Swift.min(statistics[phase].firstToTakeBack, place)
        } else if statistics[phase].firstToTakeBack == place {
            var next = place + 1
            while next < end, !self[next].isInTurnForBackOut { next += 1 }
            statistics[phase].firstToTakeBack = next
        }
    }

    /// From here on it is a table of its own.
    private mutating func endDraft() {
        guard let noted = changes else { return }
        changes = nil
        for change in noted {
            records[change.place] = change.host
            deadlines.set(change.place, deadline(of: change.host)?.deadline.at)
            noteWanted(change.host, change.place)
        }
    }

    private mutating func rebuild() {
        statistics = phases.map { places in
            var statistics = PhaseStatistics(first: places.lowerBound)
            for place in places { statistics.add(records[place], 1) }
            statistics.firstToStart = places.first { records[$0].isInTurn } ?? places.upperBound
            statistics.firstToTakeBack = places.first { records[$0].isInTurnForBackOut } ?? places.upperBound
            return statistics
        }
        groups.count(records)
        wanted = []
        for place in records.indices { noteWanted(records[place], place) }
        rebuildDeadlines()
    }

    private mutating func rebuildDeadlines() {
        deadlines = DeadlineTree(records.map { deadline(of: $0)?.deadline.at })
    }
}

/// Two tables are the same if their hosts are: everything else follows from these.
extension HostTable: Equatable {
    static func == (left: Self, right: Self) -> Bool { left.elementsEqual(right) && left.phases == right.phases }
}
