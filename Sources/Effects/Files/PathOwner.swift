import Glibc

/// Who owns what could not be opened, or the nearest folder above it that can be looked at, and who asked.
struct PathOwner {
    private let path: String
    private let owner: UInt32
    private let mode: UInt32
    private let asker: UInt32
    private let shared: Bool

    /// - Parameter naming: a name in the folder was to be made or taken away: what counts is the folder, and not what the name
    ///   means. Where the folder is everybody's (sticky, as /tmp), what is there belongs to its owner all the same.
    /// - Returns: nil: nothing of the path can be looked at, or who asked is root, whom owners and modes do not hold back.
    init?(of path: String, asFolderOf naming: Bool = false, askedBy asker: UInt32 = geteuid()) {
        guard path.hasPrefix("/"), asker != 0 else { return nil }
        self.asker = asker
        var path = path
        var status = stat()
        if naming {
            // Of a move, the name that is left.
            let named = path.firstRange(of: " → ") ?? path.firstRange(of: " ⇄ ")
            let name = named.map { String(path[..<$0.lowerBound]) } ?? path
            path = Directory.split(name).folder
            if lstat(path, &status) == 0, status.st_mode & 0o1000 != 0, lstat(name, &status) == 0 { path = name }
        }
        var absent = false
        while lstat(path, &status) != 0 {
            guard path != "/" else { return nil }
            absent = absent || errno == ENOENT
            path = Directory.split(path).folder
        }
        (self.path, owner, mode) = (path, status.st_uid, UInt32(status.st_mode) & 0o7777)
        shared = naming || absent || path.split(separator: "/").count < 2
    }

    /// `/srv/shop belongs to root (mode 700), this program runs as nobody`
    var words: String {
        "\(path) belongs to \(SystemUser.name(of: owner)) (mode \(String(mode, radix: 8))), this program runs as "
            + SystemUser.name(of: asker)
    }

    /// Never to give away a folder that others live in, as the /var/lib in which somebody wanted one of their own, or /tmp.
    var remedy: String {
        let own = SystemUser.name(of: asker)
        let other = SystemUser.name(of: owner)
        guard owner != asker else { return "Let \(own) in, as root: chmod u+rwX \(path)" }
        guard !shared else { return "Run this as \(other), or name a place where \(own) may write." }
        return "Run this as \(other), or give it to \(own) if it is meant for \(own), as root: chown -R \(own): \(path)"
    }
}
