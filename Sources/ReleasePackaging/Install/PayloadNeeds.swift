import Effects
import ReleaseDefinition
import Synchronization

/// An earlier release's installed tree, from which unchanged files are taken.
public struct BaseTree: Sendable {
    public var tree: Directory
    /// The index of what was installed there. With it, a file is also found under another path.
    public var index: PayloadIndex?

    public init(_ tree: Directory, index: PayloadIndex? = nil) {
        self.tree = tree
        self.index = index
    }
}

/// What an installation of a payload needs: which files an earlier tree has, and which members hold the others.
public struct PayloadNeeds: Sendable {
    /// By the place in `index.entries`: where the earlier tree has a file with the same bytes; nil for what comes from
    /// the payload, and for folders and links.
    public let unchanged: [EntryPath?]
    /// The members with at least one byte of the other files, ascending. The rest of the stream is known from the index.
    public let members: [Int]

    /// From the indexes alone: what is needed if the earlier tree is as it was installed.
    public init(_ index: PayloadIndex, base: PayloadIndex?) throws {
        let unchanged = index.entries.unchanged(since: base)
        try self.init(index, unchanged: unchanged)
    }

    /// From what the earlier tree has now: files of theirs are hashed, a changed one counts as absent.
    public init(_ index: PayloadIndex, base: BaseTree, jobs: Int = Workers.coreCount) throws {
        let candidates = index.entries.unchanged(since: base.index, orAtSamePath: base.index == nil)
        let entries = index.entries
        let accounts = try HostAccounts(resolving: [])
        let places = candidates.indices.filter { candidates[$0] != nil }
        let turn = Turn(places.count)
        let found = Mutex([EntryPath?](repeating: nil, count: entries.count))
        try Workers.run(max(1, min(jobs, 64, places.count / 16))) {
            let maker = FileMaker(root: base.tree, accounts: accounts)
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: FileBuffer.size, alignment: 16)
            defer { buffer.deallocate() }
            try turn.each { number in
                let place = places[number]
                guard let path = candidates[place], let blob = entries[place].file,
                    let (file, status) = try maker.existing(path), status.size == blob.length,
                    try file.digest(upTo: blob.length, buffer: buffer) == blob.sha256
                else { return }
                found.withLock { $0[place] = path }
            }
        }
        try self.init(index, unchanged: found.withLock { $0 })
    }

    init(_ index: PayloadIndex, unchanged: [EntryPath?]) throws {
        self.unchanged = unchanged
        members = Self.members(of: index, try TarLayout(index.entries)) { unchanged[$0] != nil }
    }

    /// The members that hold a byte of a file that is not there, ascending.
    static func members(of index: PayloadIndex, _ layout: TarLayout, isPresent: (Int) -> Bool) -> [Int] {
        var needed: [Int] = []
        var place = 0
        for (number, start) in index.tarStarts.enumerated() {
            let end = start + index.members[number].tar.length.value
            while place < layout.places.count, layout.places[place].next <= start { place += 1 }
            var probe = place
            while probe < layout.places.count, layout.places[probe].start < end {
                // An empty file is made when the last byte of its header is met.
                let at = layout.places[probe]
                let first = at.content == at.end ? at.content - 1 : at.content
                if first < end, max(first + 1, at.end) > start, index.entries[probe].file != nil, !isPresent(probe) {
                    needed.append(number)
                    break
                }
                probe += 1
            }
        }
        return needed
    }
}

extension [PayloadEntry] {
    /// For each file the path at which `base` has the same bytes: its own if it can be, else the first.
    func unchanged(since base: PayloadIndex?, orAtSamePath: Bool = false) -> [EntryPath?] {
        guard let base else { return map { orAtSamePath && $0.file != nil ? $0.path : nil } }
        var byPath: [EntryPath: BlobReference] = [:]
        var byBytes: [BlobReference: EntryPath] = [:]
        for entry in base.entries {
            guard let blob = entry.file else { continue }
            byPath[entry.path] = blob
            if byBytes[blob] == nil { byBytes[blob] = entry.path }
        }
        return map { entry in
            guard let blob = entry.file else { return nil }
            return byPath[entry.path] == blob ? entry.path : byBytes[blob]
        }
    }
}
