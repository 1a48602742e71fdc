import Effects
import ReleaseDefinition
import Synchronization

/// Takes files from an earlier release's tree where it has the same bytes, under the same path or, if its index is known,
/// under any. The earlier tree is not believed: what is in the new one was hashed.
///
/// A file is shared block by block where the file system can (a reflink), else linked where that is asked for and nobody
/// but root may write to it, else copied.
final class UnchangedCopier: Sendable {
    private let entries: [PayloadEntry]
    private let base: Directory
    private let paths: [EntryPath?]
    private let staging: Directory
    private let accounts: HostAccounts
    private let habits: CreationHabits
    private let how: UnchangedFiles
    /// Cleared by the first file system that says it cannot.
    private let mayClone = Atomic<Bool>(true)

    /// Files that one thread takes at a time: neighbours lie in the same folder.
    private static let batch = 32

    init(
        _ entries: [PayloadEntry], from base: BaseTree, into staging: Directory, accounts: HostAccounts,
        habits: CreationHabits, how: UnchangedFiles
    ) {
        self.entries = entries
        self.base = base.tree
        paths = entries.unchanged(since: base.index, orAtSamePath: base.index == nil)
        self.staging = staging
        self.accounts = accounts
        self.habits = habits
        self.how = how
    }

    /// The places of the entries that are now in staging.
    func run(jobs: Int) throws -> [Int] {
        let turn = Turn((entries.count + Self.batch - 1) / Self.batch)
        let taken = Mutex<[Int]>([])
        try Workers.run(jobs) { [self] in
            let maker = FileMaker(root: staging, accounts: accounts, habits: habits)
            let old = FileMaker(root: base, accounts: accounts)
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: FileBuffer.size, alignment: 16)
            defer { buffer.deallocate() }
            var mine: [Int] = []
            try turn.each { number in
                for place in number * Self.batch..<min(entries.count, (number + 1) * Self.batch) {
                    guard let path = paths[place], let blob = entries[place].file,
                        let (source, status) = try old.existing(path), status.size == blob.length
                    else { continue }
                    if try take(source, status, for: entries[place], blob, maker, buffer) { mine.append(place) }
                }
            }
            taken.withLock { $0 += mine }
        }
        return taken.withLock { $0 }
    }

    private func take(
        _ source: OpenFile, _ status: FileStatus, for entry: PayloadEntry, _ blob: BlobReference, _ maker: FileMaker,
        _ buffer: UnsafeMutableRawBufferPointer
    ) throws -> Bool {
        if how == .link, isLinkable(status, as: entry) {
            guard try source.digest(upTo: blob.length, buffer: buffer) == blob.sha256 else { return false }
            if try link(source, entry, maker) { return true }
        }
        return try copy(source, entry, blob, maker, buffer)
    }

    /// One file under two names has one owner, mode and time; and whoever writes to one name writes to both.
    private func isLinkable(_ status: FileStatus, as entry: PayloadEntry) -> Bool {
        status.mode == entry.mode && status.mode & 0o022 == 0 && entry.owner == nil
            && status.modifiedAt == entry.changedAt && accounts.isOwner(of: entry, status)
    }

    /// The very file that was hashed. False: it has as many names as it can have, or lies elsewhere.
    private func link(_ source: OpenFile, _ entry: PayloadEntry, _ maker: FileMaker) throws -> Bool {
        do {
            try maker.folder(of: entry.path).link(source, as: String(entry.path.name))
            return true
        } catch let error as EffectsError where error.code == "effects.file.links" { return false }
    }

    private func copy(
        _ source: OpenFile, _ entry: PayloadEntry, _ blob: BlobReference, _ maker: FileMaker,
        _ buffer: UnsafeMutableRawBufferPointer
    ) throws -> Bool {
        let file = try maker.create(entry)
        let digest: SHA256Digest
        if try clone(source, into: file, blob) {
            // Of the new file: the old one could be another by now.
            digest = try file.digest(upTo: blob.length, buffer: buffer)
        } else {
            var hasher = SHA256Hasher()
            try source.forEachPiece(upTo: blob.length, buffer: buffer) { piece in
                hasher.update(piece)
                try file.write(piece)
            }
            digest = hasher.finish()
        }
        guard digest == blob.sha256 else {
            try maker.folder(of: entry.path).removeFile(String(entry.path.name))
            return false
        }
        try maker.finish(file, as: entry)
        return true
    }

    private func clone(_ source: OpenFile, into file: OpenFile, _ blob: BlobReference) throws -> Bool {
        guard blob.length.value > 0, mayClone.load(ordering: .relaxed) else { return false }
        guard try file.clone(source) else {
            mayClone.store(false, ordering: .relaxed)
            return false
        }
        return try file.size() == blob.length
    }
}
