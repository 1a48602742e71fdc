import Effects
import ReleaseDefinition

/// Makes one file after another beneath the staging folder; remembers the last folder, as neighbours share it. One for
/// each thread.
final class FileMaker {
    private let root: Directory
    private let accounts: HostAccounts
    private var last: (path: EntryPath, directory: Directory)?

    init(root: Directory, accounts: HostAccounts) {
        self.root = root
        self.accounts = accounts
    }

    /// The folder that holds the path.
    func folder(of path: EntryPath) throws -> Directory {
        guard let parent = path.parent else { return root }
        if let last, last.path == parent { return last.directory }
        let directory = try root.directory(parent.text)
        last = (parent, directory)
        return directory
    }

    /// A regular file of that size; nil where there is none, or something else by now.
    func existing(_ path: EntryPath, size: ByteCount) -> OpenFile? {
        guard let file = try? folder(of: path).openFile(String(path.name)), (try? file.size()) == size else {
            return nil
        }
        return file
    }

    /// Nobody else may read it before it has its owner and mode.
    func create(_ path: EntryPath) throws -> OpenFile {
        try folder(of: path).createFile(String(path.name), mode: 0o600)
    }

    /// Owner first: changing it takes bits of the mode away.
    func finish(_ file: OpenFile, as entry: PayloadEntry) throws {
        if let (owner, group) = accounts.owner(of: entry) { try file.setOwner(owner, group: group) }
        try file.setMode(entry.mode)
        try file.setModified(at: entry.changedAt)
    }
}
