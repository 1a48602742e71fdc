import Effects
import ReleaseDefinition

/// Where one unit lives on a host (package-format.md, On a host):
///
///     /opt/payments                          a link to payments.releases/1.4-1a2b3c4d
///     /opt/payments.releases/1.4-1a2b3c4d/   a release's tree
///     /opt/payments.releases/.staging/       a tree in the making, on the same file system
///     /opt/payments.persistent/uploads/      what all releases share
///
/// Links are relative, so a tree made below another root (`--root`) can be moved.
struct UnitLayout: Sendable {
    static let stagingName = ".staging"

    /// The host's, or that of a tree in the making: trusted as it is, whatever links lead to it.
    private let root: String
    /// The parts of the folder that holds the link, below the root: whoever owns one of them may swap it for a link at any
    /// moment, so none is ever followed there.
    private let above: [String]
    /// The last part of `installTo`.
    let name: String

    /// The folder that holds the link: for messages; it is opened part by part.
    var parent: String {
        let base = root == "/" ? "" : root
        return above.isEmpty ? root : base + "/" + above.joined(separator: "/")
    }

    var releasesName: String { name + ".releases" }
    /// Links of an adoption, see `Swaps`.
    var adoptedName: String { ".\(name).adopted" }
    var adoptedWayName: String { adoptedName + ".way" }
    var persistentName: String { name + ".persistent" }
    /// `/opt/payments`, below the root.
    var path: String { parent == "/" ? "/" + name : parent + "/" + name }
    var releasesPath: String { path + ".releases" }
    var persistentPath: String { path + ".persistent" }

    /// - Throws: `agent.layout.path`: not absolute, or with empty, `.` or `..` parts.
    init(installTo: String, root: String) throws(AgentError) {
        let parts = installTo.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        let isPlain =
            installTo.hasPrefix("/") && !parts.isEmpty
            && parts.allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." && !$0.utf8.contains(0) }
        guard isPlain, let last = parts.last else {
            throw AgentError(
                code: "layout.path", summary: "\(installTo.debugDescription) is no folder to install to.",
                remedy: "Write an absolute path without `.`, `..` and double slashes, as /opt/payments.")
        }
        self.root = root
        above = parts.dropLast().map(String.init)
        name = String(last)
    }

    /// What the link says; nil: there is none.
    /// - Throws: `agent.layout.foreign`: something that is not ours is there.
    func current() throws -> String? {
        guard let holder = try openParent() else { return nil }
        return try current(in: holder)
    }

    private func current(in holder: Directory) throws -> String? {
        guard let status = try holder.status(name) else { return nil }
        guard status.kind == .symlink else { throw foreign("a real folder or file") }
        let target = try holder.readLink(name)
        let prefix = releasesName + "/"
        guard target.hasPrefix(prefix), !target.dropFirst(prefix.count).contains("/") else {
            throw foreign("a link to \(target)")
        }
        return String(target.dropFirst(prefix.count))
    }

    /// Makes the link show a release, in one rename. Safe to repeat.
    func switchOver(to folder: String) throws {
        let holder = try makeParent()
        if try current(in: holder) == folder { return try holder.sync() }
        let next = ".\(name).next"
        try holder.removeTree(next)
        try holder.createSymlink(next, to: releasesName + "/" + folder)
        try holder.rename(next, to: name)
    }

    /// There is nothing of the unit any more: of a first install that is backed out, or a unit that was dropped.
    func unlink() throws {
        guard let holder = try openParent(), try current(in: holder) != nil else { return }
        try holder.removeFile(name)
        try holder.sync()
    }

    /// The folder of all releases, made if absent.
    func releases() throws -> Directory { try makeParent().createDirectory(releasesName) }

    /// An installed tree; nil: there is none of that name.
    func tree(_ folder: String) throws -> Directory? {
        guard let holder = try openParent(), try holder.status(releasesName)?.kind == .directory else { return nil }
        let releases = try holder.directory(releasesName)
        guard try releases.status(folder)?.kind == .directory else { return nil }
        return try releases.directory(folder)
    }

    /// An empty folder for a tree in the making; whatever was there is gone.
    func freshStaging() throws -> Directory {
        let releases = try releases()
        try releases.removeTree(Self.stagingName)
        try dropAdoptionLinks(releases)
        return try releases.createDirectory(Self.stagingName)
    }

    /// Whoever followed them while the adoption swapped names has long arrived.
    private func dropAdoptionLinks(_ releases: Directory) throws {
        guard try releases.status(adoptedWayName) != nil, let holder = try openParent() else { return }
        for name in [adoptedName, adoptedWayName] where try holder.status(name)?.kind == .symlink {
            try holder.removeFile(name)
        }
        try releases.removeFile(adoptedWayName)
    }

    func dropStaging() throws {
        guard let holder = try openParent(), try holder.status(releasesName)?.kind == .directory else { return }
        try holder.directory(releasesName).removeTree(Self.stagingName)
    }

    /// Gives the staged tree its name; what a killed attempt left under that name is removed first.
    /// - Precondition: the link does not show that name.
    func adoptStaging(as folder: String) throws {
        let releases = try releases()
        if try releases.status(folder) != nil { try releases.removeTree(folder) }
        try releases.rename(Self.stagingName, to: folder)
    }

    /// Deletes a part of a release's tree: out of the way first, by one rename, so that a half-deleted one is never taken
    /// for whole. To be called again until it is gone, in this process or a later one.
    /// - Returns: whether nothing of it is left.
    func deleteSome(_ folder: String, atMost count: Int) throws -> Bool {
        guard let holder = try openParent(), try current(in: holder) != folder,
            try holder.status(releasesName)?.kind == .directory
        else { return true }
        let releases = try holder.directory(releasesName)
        let doomed = ".deleting-" + folder
        guard try releases.removeSome(doomed, atMost: count) else { return false }
        guard try releases.status(folder) != nil else { return true }
        try releases.rename(folder, to: doomed)
        return try releases.removeSome(doomed, atMost: count)
    }

    /// The folder that holds the link; nil: there is none.
    /// - Throws: `effects.file.escape`: a link is in the way.
    func openParent() throws -> Directory? {
        do {
            let base = try Directory.open(root)
            return above.isEmpty ? base : try base.directory(above.joined(separator: "/"))
        } catch let error as EffectsError where error.code == "effects.file.absent" { return nil }
    }

    /// The same, made durably if it is absent.
    func makeParent() throws -> Directory {
        if let there = try openParent() { return there }
        var holder = try Directory.create(root)
        for part in above {
            let next = try holder.createDirectory(part)
            try holder.sync()
            holder = next
        }
        return holder
    }

    private func foreign(_ what: String) -> AgentError {
        AgentError(
            code: "layout.foreign", summary: "\(path) is \(what), not a link that Slipway made.",
            remedy: "Move it away, then order the release again. (A later version will keep it as the release that a "
                + "back-out returns to: `slipway-agent adopt \(path) --product PRODUCT`.)")
    }
}
