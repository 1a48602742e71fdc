import Effects
import ReleaseDefinition
import Synchronization

extension PayloadInstaller {
    /// Checks an installed tree against its index: every entry is there, of the right kind, with the right mode, owner and
    /// bytes. What lies at or below a persistent path is the service's own and is not looked at.
    ///
    /// - Parameters:
    ///   - index: the exact bytes that the manifest binds.
    ///   - extra: what to do about entries that the release does not have.
    /// - Returns: the extra entries, by path.
    /// - Throws: `packaging.tree.changed` that names up to ten entries, `packaging.index.…`.
    @discardableResult
    public static func verifyTree(
        _ unit: ManifestUnit, index: [UInt8], tree: Directory, extra: ExtraEntries = .refused,
        jobs: Int = Workers.coreCount
    ) throws -> [String] {
        let index = try PayloadIndex(parsing: index, for: unit.payload)
        let persistent = try unit.definition.persistent.map { try EntryPath(plain: $0) }
        let entries = index.entries.filter { entry in !persistent.contains { entry.path.isAtOrBelow($0) } }
        let accounts = try HostAccounts(resolving: entries)
        let known = Set(entries.map(\.path))
        // The first turn looks for what is not in the index, while the others read what is.
        let turn = Turn(entries.count + 1)
        let extras = Mutex<[String]>([])
        let flaws = Mutex<[(path: String, text: String)]>([])
        try Workers.run(max(1, min(jobs, 64))) {
            let maker = FileMaker(root: tree, accounts: accounts)
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: FileBuffer.size, alignment: 16)
            defer { buffer.deallocate() }
            try turn.each { number in
                guard number > 0 else {
                    var found: [String] = []
                    try findExtras(in: tree, at: "", known: known, persistent: persistent, into: &found)
                    return extras.withLock { $0 = found }
                }
                let entry = entries[number - 1]
                guard let flaw = try Self.flaw(of: entry, maker, accounts, buffer) else { return }
                flaws.withLock { $0.append((entry.path.text, flaw)) }
            }
        }
        var problems = flaws.withLock { $0 }
        let found = extras.withLock { $0.sorted() }
        if extra == .refused { problems += found.map { ($0, "is not part of the release") } }
        guard problems.isEmpty else {
            let shown = problems.sorted { $0.path < $1.path }.prefix(10).map { "\($0.path) \($0.text)" }
            throw PackagingError(
                code: "tree.changed",
                summary: "\(tree.path) is not as it was installed: \(shown.joined(separator: ", "))"
                    + (problems.count > 10 ? " and \(problems.count - 10) more." : "."),
                remedy:
                    "Install the release again. Find out who wrote there: a service keeps its data in persistent paths."
            )
        }
        return found
    }

    private static func flaw(
        of entry: PayloadEntry, _ maker: FileMaker, _ accounts: HostAccounts, _ buffer: UnsafeMutableRawBufferPointer
    ) throws -> String? {
        let folder: Directory
        do { folder = try maker.folder(of: entry.path) } catch is EffectsError { return "is missing with its folder" }
        let name = String(entry.path.name)
        guard let status = try folder.status(name) else { return "is missing" }
        guard accounts.isOwner(of: entry, status) else {
            return
                "belongs to \(status.ownerID):\(status.groupID), not to \(entry.owner ?? "root"):\(entry.group ?? "root")"
        }
        switch (entry.content, status.kind) {
        case (.link(let target), .symlink):
            let found = try folder.readLink(name)
            return found.utf8.elementsEqual(target.text.utf8) ? nil : "points to \(PathFlaw.shown(found))"
        case (.directory, .directory), (.file, .file):
            guard status.mode == entry.mode else {
                return "has mode 0\(String(status.mode, radix: 8)) instead of 0\(String(entry.mode, radix: 8))"
            }
            guard let blob = entry.file else { return nil }
            guard status.size == blob.length else {
                return "has \(status.size.value) bytes instead of \(blob.length.value)"
            }
            return try folder.openFile(name).digest(upTo: blob.length, buffer: buffer) == blob.sha256
                ? nil : "has other bytes"
        default: return "is no longer a \(entry.kindName)"
        }
    }

    private static func findExtras(
        in directory: Directory, at prefix: String, known: Set<EntryPath>, persistent: [EntryPath],
        into extras: inout [String]
    ) throws {
        for name in try directory.list() {
            let text = prefix + name.name
            // A name that no package can hold was made by somebody else.
            guard let path = try? EntryPath(text) else {
                extras.append(text.debugDescription)
                continue
            }
            if persistent.contains(where: { path.isAtOrBelow($0) }) { continue }
            // A folder that only leads to a persistent path was made for it.
            let leads = name.kind == .directory && persistent.contains { $0.isAtOrBelow(path) }
            guard known.contains(path) || leads else {
                extras.append(text)
                continue
            }
            guard name.kind == .directory else { continue }
            try findExtras(
                in: try directory.directory(name.name), at: text + "/", known: known, persistent: persistent,
                into: &extras)
        }
    }
}

/// What an installed tree may have that its release does not.
public enum ExtraEntries: String, Sendable, CaseIterable { case refused, reported }

extension PayloadEntry {
    var kindName: String {
        switch content {
        case .directory: "folder"
        case .file: "file"
        case .link: "link"
        }
    }
}
