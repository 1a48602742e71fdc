import CSystemShims
import Glibc
import ReleaseDefinition

extension Directory {
    /// Removes a file, link or whole folder; absent is fine. Links are removed, never followed; any depth and any name.
    public func removeTree(_ path: String) throws {
        guard try status(path) != nil else { return }
        let place = try place(of: path)
        try Self.removeTree(place.name, in: place.descriptor, full: try fullPath(path))
    }

    /// Removes at most `count` files, links and folders of a tree, so that a large one can go little by little.
    /// - Returns: whether nothing is left; absent is fine.
    public func removeSome(_ path: String, atMost count: Int) throws -> Bool {
        var left = count
        return try removeSome(path, left: &left)
    }

    /// The same, where several share what may go.
    func removeSome(_ path: String, left: inout Int) throws -> Bool {
        guard try status(path) != nil else { return true }
        let place = try place(of: path)
        return try Self.removeSome(
            Array(place.name.utf8CString), in: place.descriptor, depth: 0, left: &left,
            above: Self.split(try fullPath(path)).folder)
    }

    private static func removeSome(
        _ name: [CChar], in holder: Int32, depth: Int, left: inout Int, above: String
    ) throws -> Bool {
        guard left > 0 else { return false }
        left -= 1
        if unlinkat(holder, name, 0) == 0 || errno == ENOENT { return true }
        let (number, full) = (errno, "\(above)/\(String(cString: name))")
        guard number == EISDIR || number == EPERM else { throw SystemCall.error(number, "unlinkat", full) }
        // Deeper than any tree of ours: at once.
        guard depth < depthMax else {
            try removeTree(String(cString: name), in: holder, full: full)
            return true
        }
        let opened = openat(holder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        if opened < 0 {
            if errno == ENOENT { return true }
            throw SystemCall.error(errno, "openat", full)
        }
        let folder = Directory(descriptor: opened, path: full)
        // A folder without write permission for its owner: ours to open, as we remove it anyway.
        if geteuid() != 0 { _ = fchmod(opened, 0o700) }
        for entry in try folder.rawEntries() {
            guard try removeSome(entry.name, in: opened, depth: depth + 1, left: &left, above: full) else {
                return false
            }
        }
        if unlinkat(holder, name, AT_REMOVEDIR) != 0, errno != ENOENT { throw SystemCall.error(errno, "rmdir", full) }
        return true
    }

    static func removeTree(_ name: String, in holder: Int32, full: String) throws {
        // A folder opened before this one is emptied: it takes what lies deeper than we like to recurse.
        var lifted = 0
        try remove(
            Array(name.utf8CString), in: holder, depth: 0, top: nil, lifted: &lifted, above: split(full).folder)
    }

    private static let depthMax = 64

    private static func remove(
        _ name: [CChar], in holder: Int32, depth: Int, top: Int32?, lifted: inout Int, above: String
    ) throws {
        if unlinkat(holder, name, 0) == 0 || errno == ENOENT { return }
        let (number, full) = (errno, "\(above)/\(String(cString: name))")
        // EISDIR by Linux, EPERM by POSIX: it may be a folder.
        guard number == EISDIR || number == EPERM else { throw SystemCall.error(number, "unlinkat", full) }
        let opened = openat(holder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        if opened < 0 {
            if errno == ENOENT { return }
            throw SystemCall.error(errno, "openat", full)
        }
        let folder = Directory(descriptor: opened, path: full)
        if let top, depth >= depthMax {
            lifted += 1
            let aside = ".removed-\(lifted)"
            if renameat(holder, name, top, aside) == 0 { return }
            guard errno == EEXIST || errno == ENOTEMPTY else { throw SystemCall.error(errno, "renameat", full) }
            // The name is taken: go on in place, one deeper.
        }
        // What was lifted out of the depth appears at the top while it is emptied: look until nothing is left.
        repeat {
            for entry in try folder.rawEntries() {
                do {
                    try remove(
                        entry.name, in: opened, depth: depth + 1, top: top ?? opened, lifted: &lifted, above: full)
                } catch let error as EffectsError where error.code == "effects.file.denied" && depth <= depthMax {
                    // A folder without write permission for its owner: ours to open, as we remove it anyway.
                    try SystemCall.check("fchmod", full) { fchmod(opened, 0o700) }
                    try remove(
                        entry.name, in: opened, depth: depth + 1, top: top ?? opened, lifted: &lifted, above: full)
                }
            }
        } while try top == nil && !folder.rawEntries().isEmpty
        if unlinkat(holder, name, AT_REMOVEDIR) != 0, errno != ENOENT {
            throw SystemCall.error(errno, "rmdir", full)
        }
    }
}
