import ReleaseDefinition

/// How a unit's payload differs from an earlier one, by the two indexes alone.
public struct PayloadDelta: Sendable, Equatable {
    /// Files, folders and links.
    public var added: [EntryPath] = []
    /// Another type, other bytes, another target, owner or mode.
    public var changed: [EntryPath] = []
    public var removed: [EntryPath] = []
    public var unchangedCount = 0
    /// What a host that runs the earlier release needs of the payload: members with bytes of files it does not have, less
    /// those whose tar bytes the earlier payload has.
    public var missingMembers: [Int]
    /// Where these lie in the `.tar.gz`, each joined to the next where they touch.
    public var missingRanges: [Range<Int64>]

    public init(from old: PayloadIndex, to new: PayloadIndex) throws {
        let known = Set(old.members.map(\.tar))
        let starts = new.compressedStarts
        missingMembers = try PayloadNeeds(new, base: old).members.filter { !known.contains(new.members[$0].tar) }
        missingRanges = missingMembers.map { starts[$0]..<starts[$0] + new.members[$0].compressed.length.value }
            .merged(joining: 0)
        var before: [EntryPath: PayloadEntry] = [:]
        for entry in old.entries { before[entry.path] = entry }
        for entry in new.entries {
            guard let earlier = before.removeValue(forKey: entry.path) else {
                added.append(entry.path)
                continue
            }
            if earlier.isSame(as: entry) { unchangedCount += 1 } else { changed.append(entry.path) }
        }
        removed = before.keys.sorted()
    }
}

extension PayloadEntry {
    fileprivate func isSame(as other: PayloadEntry) -> Bool {
        content == other.content && mode == other.mode && owner == other.owner && group == other.group
    }
}

extension PayloadIndex {
    /// Where each member lies in the `.tar.gz`.
    public func compressedRanges(of members: [Int]) -> [Range<Int64>] {
        let starts = compressedStarts
        return members.map { starts[$0]..<starts[$0] + self.members[$0].compressed.length.value }
    }
}
