import Effects
import ReleaseDefinition

/// Makes or reads one entry after another beneath a tree's root; remembers the last folder, as neighbours share it. One for
/// each thread.
final class FileMaker {
    let root: Directory
    private let accounts: HostAccounts
    private let habits: CreationHabits
    private var last: (path: EntryPath, directory: Directory)?

    init(root: Directory, accounts: HostAccounts, habits: CreationHabits = .unknown) {
        self.root = root
        self.accounts = accounts
        self.habits = habits
    }

    /// The folder that holds the path.
    func folder(of path: EntryPath) throws -> Directory {
        guard let folder = path.parent else { return root }
        if let last, last.path == folder { return last.directory }
        let directory = try root.directory(folder.text)
        last = (folder, directory)
        return directory
    }

    /// A regular file that is there now; nil where there is none, or something else.
    func existing(_ path: EntryPath) throws -> (file: OpenFile, status: FileStatus)? {
        let folder: Directory
        do { folder = try self.folder(of: path) } catch let error as EffectsError
            where ["effects.file.absent", "effects.file.escape", "effects.file.notDirectory", "effects.file.denied"]
            .contains(error.code)
        { return nil }
        return try folder.existingFile(String(path.name))
    }

    /// An empty file. Nobody may do more with it than in the end.
    func create(_ entry: PayloadEntry) throws -> OpenFile {
        let file = try folder(of: entry.path).makeFile(
            String(entry.path.name), mode: isMadeRight(entry) ? entry.mode : 0o600)
        return file
    }

    /// Owner first: changing it takes bits of the mode away.
    func finish(_ file: OpenFile, as entry: PayloadEntry) throws {
        if let owner = wantedOwner(entry) { try file.setOwner(owner.user, group: owner.group) }
        if !isMadeRight(entry) { try file.setMode(entry.mode) }
        try file.setModified(at: entry.changedAt)
    }

    func createLink(_ entry: PayloadEntry, to target: LinkTarget) throws {
        let (folder, name) = (try folder(of: entry.path), String(entry.path.name))
        try folder.createSymlink(name, to: target.text)
        if let owner = wantedOwner(entry) { try folder.setLinkOwner(name, owner.user, group: owner.group) }
        try folder.setLinkModified(name, at: entry.changedAt)
    }

    /// Whole and writable for us as long as it is filled.
    func createFolder(_ entry: PayloadEntry) throws {
        try folder(of: entry.path).makeDirectory(String(entry.path.name), mode: entry.mode | 0o700)
    }

    /// What does not hinder anybody else who is still at work in the tree; the mode comes last.
    func finishFolder(_ entry: PayloadEntry) throws {
        let directory = try root.directory(entry.path.text)
        if let owner = wantedOwner(entry) { try directory.setOwner(owner.user, group: owner.group) }
        try directory.setModified(at: entry.changedAt)
    }

    func needsMode(folder entry: PayloadEntry) -> Bool {
        habits.isUnsure || entry.mode & 0o700 != 0o700 || habits.withheld & entry.mode != 0
            || wantedOwner(entry) != nil
    }

    /// A file that others may write to, or whose owner comes later, is closed to all until then.
    private func isMadeRight(_ entry: PayloadEntry) -> Bool {
        !habits.isUnsure && habits.withheld & entry.mode == 0 && entry.mode & 0o022 == 0 && wantedOwner(entry) == nil
    }

    private func wantedOwner(_ entry: PayloadEntry) -> (user: UInt32, group: UInt32)? {
        guard let owner = accounts.owner(of: entry) else { return nil }
        if !habits.isUnsure, (habits.user, habits.group) == owner { return nil }
        return owner
    }
}

/// What the system does to a file that is made in a folder: whose it is and which bits of the mode umask, default rights
/// and mount options take away. Found by making one, so that ten thousand need not be asked.
struct CreationHabits: Sendable {
    var user: UInt32
    var group: UInt32
    var withheld: UInt16
    /// Nothing is known: owner and mode are set always.
    var isUnsure: Bool

    static let unknown = CreationHabits(user: 0, group: 0, withheld: 0o777, isUnsure: true)

    init(user: UInt32, group: UInt32, withheld: UInt16, isUnsure: Bool) {
        self.user = user
        self.group = group
        self.withheld = withheld
        self.isUnsure = isUnsure
    }

    /// - Parameter directory: empty, and nobody else's.
    init(of directory: Directory) throws {
        let name = ".made-to-see"
        let status = try directory.makeFile(name, mode: 0o777).status()
        try directory.removeFile(name)
        // A set-group-ID bit goes on to folders made below.
        let isPlain = try directory.status().mode & 0o7000 == 0
        self.init(
            user: status.ownerID, group: status.groupID, withheld: 0o777 & ~status.mode, isUnsure: !isPlain)
    }
}
