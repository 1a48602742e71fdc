import Glibc

/// Who owns what could not be opened, or the nearest folder above it that can be looked at, and who asked.
struct PathOwner {
    private let path: String
    private let owner: UInt32
    private let mode: UInt32

    /// nil: nothing of the path can be looked at, or who asked is root, whom owners and modes do not hold back.
    init?(of path: String) {
        guard path.hasPrefix("/"), geteuid() != 0 else { return nil }
        var path = path
        var status = stat()
        while lstat(path, &status) != 0 {
            guard path != "/" else { return nil }
            path = Directory.split(path).folder
        }
        (self.path, owner, mode) = (path, status.st_uid, UInt32(status.st_mode) & 0o7777)
    }

    /// `/srv/shop belongs to root (mode 700), this program runs as nobody`
    var words: String {
        "\(path) belongs to \(SystemUser.name(of: owner)) (mode \(String(mode, radix: 8))), this program runs as "
            + SystemUser.name(of: geteuid())
    }

    var remedy: String {
        let own = SystemUser.name(of: geteuid())
        let other = SystemUser.name(of: owner)
        guard owner != geteuid() else { return "Let \(own) in, as root: chmod u+rwX \(path)" }
        return "Give it to \(own), as root: chown -R \(own): \(path), or run this as \(other)."
    }
}
