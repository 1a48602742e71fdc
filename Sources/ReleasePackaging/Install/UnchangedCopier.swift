import Effects
import ReleaseDefinition
import Synchronization

/// Takes files from an earlier release's tree where they have the same path and the same bytes. The earlier tree is not
/// believed: what lands in the new one was hashed on the way.
final class UnchangedCopier: Sendable {
    private let entries: [PayloadEntry]
    private let base: Directory
    private let staging: Directory
    private let accounts: HostAccounts
    private let how: UnchangedFiles

    init(
        _ entries: [PayloadEntry], from base: Directory, into staging: Directory, accounts: HostAccounts,
        how: UnchangedFiles
    ) {
        self.entries = entries
        self.base = base
        self.staging = staging
        self.accounts = accounts
        self.how = how
    }

    /// The places of the entries that are now in staging.
    func run(jobs: Int) throws -> [Int] {
        let turn = Turn(entries.count)
        let taken = Mutex<[Int]>([])
        try Workers.run(jobs) { [self] in
            let maker = FileMaker(root: staging, accounts: accounts)
            let old = FileMaker(root: base, accounts: accounts)
            var mine: [Int] = []
            try turn.each { place in
                if let blob = entries[place].file, try take(entries[place], blob, old, maker) { mine.append(place) }
            }
            taken.withLock { $0 += mine }
        }
        return taken.withLock { $0 }
    }

    private func take(
        _ entry: PayloadEntry, _ blob: BlobReference, _ old: FileMaker, _ maker: FileMaker
    ) throws -> Bool {
        let source: OpenFile
        let status: FileStatus
        do {
            source = try old.folder(of: entry.path).openFile(String(entry.path.name))
            status = try source.status()
        } catch is EffectsError {
            // Absent, or something else by now: it comes from the payload.
            return false
        }
        guard status.size == blob.length else { return false }
        if how == .link, isLinkable(status, as: entry) { return try link(source, status, entry, blob, old, maker) }
        return try copy(source, entry, blob, maker)
    }

    private func isLinkable(_ status: FileStatus, as entry: PayloadEntry) -> Bool {
        status.mode == entry.mode && status.modifiedAt == entry.changedAt && accounts.isOwner(of: entry, status)
            // File systems have a limit of links; ext4's is 65 000.
            && status.links < 60_000
    }

    private func link(
        _ source: OpenFile, _ status: FileStatus, _ entry: PayloadEntry, _ blob: BlobReference, _ old: FileMaker,
        _ maker: FileMaker
    ) throws -> Bool {
        guard try source.digest() == blob.sha256 else { return false }
        let (folder, name) = (try maker.folder(of: entry.path), String(entry.path.name))
        try folder.hardLink(name, from: try old.folder(of: entry.path), name)
        // The name could have been given to another file since it was opened.
        let linked = try folder.status(name)
        if linked?.inode == status.inode, linked?.device == status.device { return true }
        try folder.removeFile(name)
        return false
    }

    private func copy(
        _ source: OpenFile, _ entry: PayloadEntry, _ blob: BlobReference, _ maker: FileMaker
    ) throws -> Bool {
        let file = try maker.create(entry.path)
        var hasher = SHA256Hasher()
        let size = max(1, min(Int(clamping: blob.length.value), 1 << 18))
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 16)
        defer { buffer.deallocate() }
        var offset: Int64 = 0
        // To the signed length and no further: the file may be growing.
        while offset < blob.length.value {
            let wanted = Int(clamping: min(Int64(size), blob.length.value - offset))
            let count = try source.read(at: offset, into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted]))
            guard count > 0 else { break }
            let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
            hasher.update(bytes)
            try file.write(bytes)
            offset += Int64(count)
        }
        guard hasher.finish() == blob.sha256 else {
            try maker.folder(of: entry.path).removeFile(String(entry.path.name))
            return false
        }
        try maker.finish(file, as: entry)
        return true
    }
}
