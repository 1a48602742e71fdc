import ReleaseDefinition

/// Hosts with the same value of a label, of which only so many may be down at once. Empty where the plan has no such limit;
/// a host without the label stands alone.
struct HostGroups: Sendable, Equatable {
    private(set) var label = ""
    private var allowed: Int32 = 0
    /// For each place; −1: alone.
    private var groups: ContiguousArray<Int32> = []
    private var down: ContiguousArray<Int32> = []
    private var numbers: [String: Int32] = [:]

    init() {}

    init(_ hosts: [PlanHost], _ limit: MaxUnavailable) {
        label = limit.by
        allowed = Int32(clamping: limit.count)
        for host in hosts { append(host) }
    }

    mutating func append(_ host: PlanHost) {
        guard !label.isEmpty else { return }
        guard let value = host.labels[label] else { return groups.append(-1) }
        if numbers[value] == nil {
            numbers[value] = Int32(truncatingIfNeeded: down.count)
            down.append(0)
        }
        groups.append(numbers[value] ?? -1)
    }

    var isEmpty: Bool { groups.isEmpty }

    /// Whether one more of its group may go down; then it counts as down.
    mutating func takeRoom(for place: Int) -> Bool {
        guard !groups.isEmpty, groups[place] >= 0 else { return true }
        let group = Int(groups[place])
        guard down[group] < allowed else { return false }
        down[group] += 1
        return true
    }

    /// No more of its group may go down.
    func isFull(for place: Int) -> Bool {
        guard !groups.isEmpty, groups[place] >= 0 else { return false }
        return down[Int(groups[place])] >= allowed
    }

    mutating func change(_ place: Int, from old: HostRecord, to new: HostRecord) {
        guard !groups.isEmpty, groups[place] >= 0, old.isDown != new.isDown else { return }
        down[Int(groups[place])] += new.isDown ? 1 : -1
    }

    mutating func count(_ hosts: ContiguousArray<HostRecord>) {
        guard !groups.isEmpty else { return }
        down = ContiguousArray(repeating: 0, count: down.count)
        for place in hosts.indices where groups[place] >= 0 && hosts[place].isDown { down[Int(groups[place])] += 1 }
    }
}

extension HostRecord {
    /// Does not serve now, or nobody knows: it is being changed, was lost, or could not go back. Somebody who resumed in
    /// the face of it answers for it.
    var isDown: Bool {
        if install.isOpen || backOut?.isOpen == true { return true }
        guard acknowledged != .failed, backOutSucceeded != true else { return false }
        return install.outcome == .failed(.lost) && !hasInstallWord && presence != .absent
            || install.outcome == .backOutFailed
            || backOutSucceeded == false && !isBackOutFailureAcknowledged
    }
}
