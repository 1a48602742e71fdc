import ReleaseDefinition

/// Where everything stands in the tar stream of an index: the stream is a function of the entries and the files' bytes.
struct TarLayout: Sendable {
    struct Place: Sendable {
        /// Where the entry's header begins.
        var start: Int64
        /// Where its content begins: the header's end.
        var content: Int64
        /// Where its content ends and padding begins.
        var end: Int64
        /// Where its padding ends.
        var next: Int64 { end + Int64(TarFormat.padding(after: end - content)) }
    }

    let places: [Place]
    /// With the two blocks at the end.
    let length: Int64

    /// - Throws: `packaging.index.bounds` if the stream would be longer than a tebibyte.
    init(_ entries: [PayloadEntry]) throws {
        var places: [Place] = []
        places.reserveCapacity(entries.count)
        var position: Int64 = 0
        for entry in entries {
            let tar = entry.tarEntry
            let content = position + Int64(tar.headerLength)
            guard tar.size <= 1 << 40, position <= 1 << 40 else {
                throw PayloadIndex.refuse("bounds", "describes more than 1 TiB")
            }
            places.append(Place(start: position, content: content, end: content + tar.size))
            position = content + tar.size + Int64(TarFormat.padding(after: tar.size))
        }
        self.places = places
        length = position + Int64(TarFormat.endSize)
    }

    /// The place of the entry that `position` lies in; the last one for the end of the stream. Needs at least one entry.
    func entry(at position: Int64) -> Int {
        var (low, high) = (0, places.count)
        while low + 1 < high {
            let middle = (low + high) / 2
            if places[middle].start <= position { low = middle } else { high = middle }
        }
        return low
    }
}
