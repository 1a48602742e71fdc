import ReleaseDefinition

/// From a host's id to its place, in a few bytes a host: a table of places, probed one after the other. The ids stay
/// where they are.
struct PlaceIndex: Sendable, Equatable {
    private static let empty = Int32(-1)
    private var slots: ContiguousArray<Int32>

    init() { slots = [Self.empty] }

    /// At most 2^31 hosts; where an id is there twice, the last one counts.
    init(_ hosts: some Collection<HostRecord>) {
        var size = 2
        while size * 3 < hosts.count * 4 { size *= 2 }
        slots = ContiguousArray(repeating: Self.empty, count: size)
        for (place, host) in hosts.enumerated() {
            var slot = Self.first(host.id, size)
            while slots[slot] != Self.empty { slot = (slot + 1) & (size - 1) }
            slots[slot] = Int32(truncatingIfNeeded: place)
        }
    }

    func place(of id: HostID, in hosts: ContiguousArray<HostRecord>) -> Int? {
        var slot = Self.first(id, slots.count)
        while slots[slot] != Self.empty {
            let place = Int(slots[slot])
            if hosts[place].id == id { return place }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }

    private static func first(_ id: HostID, _ size: Int) -> Int {
        var hasher = Hasher()
        hasher.combine(id)
        return hasher.finalize() & (size - 1)
    }
}
