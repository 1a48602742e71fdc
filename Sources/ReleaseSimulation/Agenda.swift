import ReleaseDefinition

/// What will happen, earliest first; of the same moment, what was put down first. A binary heap.
struct Agenda<Happening> {
    private struct Entry {
        var at: UTCInstant
        var number: Int
        var what: Happening

        func isBefore(_ other: Entry) -> Bool { at != other.at ? at < other.at : number < other.number }
    }

    private var entries: [Entry] = []
    private var count = 0

    var nextAt: UTCInstant? { entries.first?.at }

    mutating func add(_ what: Happening, at: UTCInstant) {
        count += 1
        entries.append(Entry(at: at, number: count, what: what))
        var child = entries.count - 1
        while child > 0, entries[child].isBefore(entries[(child - 1) / 2]) {
            entries.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func takeNext() -> Happening? {
        guard let first = entries.first, let last = entries.popLast() else { return nil }
        guard !entries.isEmpty else { return first.what }
        entries[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < entries.count && entries[child].isBefore(entries[least]) { least = child }
            if least == parent { return first.what }
            entries.swapAt(parent, least)
            parent = least
        }
    }
}
