import ReleaseDefinition

/// Which members go into which frame of a patch, and what of the old stream each frame refers to.
///
/// A frame holds consecutive members that the old payload does not have. It refers to the old files of the same names, or
/// for a large one to the part at the same relative place, and to what the old stream has between the nearest members that
/// both have.
struct PatchPlan {
    struct Frame {
        var members: Range<Int>
        /// In the new tar stream.
        var start: Int64
        var size: Int
        /// In the old one: ascending, apart from each other.
        var references: [Range<Int64>]
    }

    /// What a shared neighbour's surroundings add on each side: a text that begins in it may go on here.
    private static let margin: Int64 = 64 << 10
    /// Half of what the format allows: patches are as small, and whoever decodes them needs half the memory.
    private static let frameSize = Int64(PatchFormat.frameSizeMax / 2)
    private static let budget = Int64(PatchFormat.referenceSizeMax)

    private let old: PayloadIndex
    private let new: PayloadIndex
    private let oldLayout: TarLayout
    private let newLayout: TarLayout
    private let oldLength: Int64
    private let oldPlaces: [EntryPath: Int]
    private let shared: [BlobReference: Int]
    private let oldStarts: [Int64]
    private let newStarts: [Int64]
    /// Of the old stream: what an installed tree may not have as it was, because the service may write there.
    private let unreliable: [Range<Int64>]

    /// - Parameter persistent: paths whose files are the service's own once they are installed.
    init(from old: PayloadIndex, to new: PayloadIndex, persistent: [EntryPath] = []) throws {
        self.old = old
        self.new = new
        oldLayout = try TarLayout(old.entries)
        newLayout = try TarLayout(new.entries)
        oldLength = oldLayout.length
        let starts = old.tarStarts
        oldStarts = starts
        newStarts = new.tarStarts
        oldPlaces = Dictionary(old.entries.enumerated().map { ($1.path, $0) }) { first, _ in first }
        shared = Dictionary(old.members.enumerated().map { ($1.tar, $0) }) { first, _ in first }
        var unreliable: [Range<Int64>] = []
        for (entry, at) in zip(old.entries, oldLayout.places)
        where entry.file != nil && at.content < at.end && persistent.contains(where: { entry.path.isAtOrBelow($0) }) {
            try old.eachMember(covering: at.content, count: at.end - at.content, starts: starts) { number in
                unreliable.append(starts[number]..<starts[number] + old.members[number].tar.length.value)
            }
        }
        self.unreliable = unreliable.merged()
    }

    func frames() -> [Frame] {
        var frames: [Frame] = []
        var number = 0
        /// Where the last shared member ends in the old stream.
        var before: Int64 = 0
        while number < new.members.count {
            if let place = shared[new.members[number].tar] {
                before = oldStarts[place] + old.members[place].tar.length.value
                number += 1
                continue
            }
            var end = number
            while end < new.members.count, shared[new.members[end].tar] == nil { end += 1 }
            let after = end < new.members.count ? shared[new.members[end].tar].map { oldStarts[$0] } : oldLength
            while number < end {
                let frame = frame(at: number, end: end, gap: before..<max(before, after ?? oldLength))
                frames.append(frame)
                number = frame.members.upperBound
            }
        }
        return frames
    }

    private func frame(at first: Int, end: Int, gap: Range<Int64>) -> Frame {
        var (last, size) = (first, Int64(0))
        while last < end, size + new.members[last].tar.length.value <= Self.frameSize {
            size += new.members[last].tar.length.value
            last += 1
        }
        let range = newStarts[first]..<newStarts[first] + size
        return Frame(
            members: first..<last, start: range.lowerBound, size: Int(size),
            references: references(
                for: range, gap: gap, runEnd: newStarts[end - 1] + new.members[end - 1].tar.length.value)
        )
    }

    private func references(for range: Range<Int64>, gap: Range<Int64>, runEnd: Int64) -> [Range<Int64>] {
        var references = sameNames(in: range).merged()
        let wide = max(0, gap.lowerBound - Self.margin)..<min(oldLength, gap.upperBound + Self.margin)
        let size = references.reduce(Int64(0)) { $0 + Int64($1.count) }
        if Int64(wide.count) + size <= Self.budget {
            references.append(wide)
        } else if size == 0 {
            // As far into the gap as the frame is into what is missing; measured from the end that is nearer.
            let half = Self.budget / 2
            let fromEnd = gap.upperBound - (runEnd - range.upperBound)
            let middle = max(gap.lowerBound, min(gap.upperBound, fromEnd - Int64(range.count) / 2))
            references.append(max(0, middle - half)..<min(oldLength, middle + half))
        }
        return references.merged().subtracting(unreliable).trimmed(
            to: Self.budget, count: PatchFormat.referencesMax)
    }

    /// The old files of the names that the range touches, with their headers.
    private func sameNames(in range: Range<Int64>) -> [Range<Int64>] {
        guard !new.entries.isEmpty else { return [] }
        var found: [Range<Int64>] = []
        var place = newLayout.entry(at: range.lowerBound)
        while place < new.entries.count, newLayout.places[place].start < range.upperBound {
            let at = newLayout.places[place]
            if let oldPlace = oldPlaces[new.entries[place].path] {
                let was = oldLayout.places[oldPlace]
                if was.end - was.content <= Self.budget / 2 {
                    found.append(was.start..<was.end + Int64(TarFormat.padding(after: was.end - was.content)))
                } else {
                    // The middle of what is in the range, at the same part of the file's length.
                    let middle = (max(at.content, range.lowerBound) + min(at.end, range.upperBound)) / 2 - at.content
                    let share = Double(max(0, middle)) / Double(max(1, at.end - at.content))
                    let centre = was.content + Int64(share * Double(was.end - was.content))
                    found.append(
                        max(was.start, centre - Self.budget / 2)..<min(was.end, centre + Self.budget / 2))
                }
            }
            place += 1
        }
        return found
    }
}

extension [Range<Int64>] {
    /// Ascending, with those joined that touch or are so near that a part of its own costs more.
    func merged(joining distance: Int64 = 512) -> [Range<Int64>] {
        var merged: [Range<Int64>] = []
        for range in sorted(by: { $0.lowerBound < $1.lowerBound }) where !range.isEmpty {
            if let last = merged.last, range.lowerBound <= last.upperBound + distance {
                merged[merged.count - 1] = last.lowerBound..<Swift.max(last.upperBound, range.upperBound)
            } else {
                merged.append(range)
            }
        }
        return merged
    }

    /// Both must be ascending and apart.
    func subtracting(_ others: [Range<Int64>]) -> [Range<Int64>] {
        guard !others.isEmpty else { return self }
        var left: [Range<Int64>] = []
        for range in self {
            var start = range.lowerBound
            for other in others where other.upperBound > start && other.lowerBound < range.upperBound {
                if start < other.lowerBound { left.append(start..<other.lowerBound) }
                start = Swift.max(start, other.upperBound)
            }
            if start < range.upperBound { left.append(start..<range.upperBound) }
        }
        return left
    }

    /// At most `count` ranges of at most `size` bytes together: the shortest are given up first, then what stands last.
    func trimmed(to size: Int64, count: Int) -> [Range<Int64>] {
        var kept = self
        if kept.count > count {
            kept = kept.sorted { $0.count > $1.count }.prefix(count).sorted { $0.lowerBound < $1.lowerBound }
        }
        var left = size
        return kept.compactMap { range in
            let length = Swift.min(left, Int64(range.count))
            left -= length
            return length > 0 ? range.lowerBound..<range.lowerBound + length : nil
        }
    }
}
