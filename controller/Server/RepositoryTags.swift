import Effects
import Glibc
import Synchronization

/// The tags of the few files that change, so that a host which has them already is told so without reading anything.
final class RepositoryTags: Sendable {
    /// Another one after every replacement: files are renamed into their place.
    struct Identity: Hashable, Sendable {
        private let device: UInt64
        private let inode: UInt64
        private let size: Int64
        private let changedAt: Int64

        init(_ status: stat) {
            device = UInt64(status.st_dev)
            inode = UInt64(status.st_ino)
            size = Int64(status.st_size)
            changedAt = Int64(status.st_ctim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_ctim.tv_nsec)
        }

        /// The clock of file systems is coarse: what was changed just now may be changed again under the same time.
        var isSettled: Bool {
            var now = timespec()
            clock_gettime(CLOCK_REALTIME, &now)
            return Int64(now.tv_sec) &* 1_000_000_000 &+ Int64(now.tv_nsec) &- changedAt > 100_000_000
        }
    }

    private static let tagsMax = 4096
    private let tags = Mutex<[String: (identity: Identity, tag: String)]>([:])

    /// - Parameter path: of the file, from the root of the file system.
    /// - Returns: nil where it must be read.
    func tag(of path: String) -> String? {
        guard let known = tags.withLock({ $0[path] }) else { return nil }
        var status = stat()
        guard lstat(path, &status) == 0, Identity(status) == known.identity else { return nil }
        return known.tag
    }

    /// - Parameter file: open, and what the tag was taken of.
    func keep(_ tag: String, of path: String, _ file: OpenFile) {
        var status = stat()
        guard fstat(file.descriptor, &status) == 0, Identity(status).isSettled else { return }
        let identity = Identity(status)
        tags.withLock { tags in
            if tags.count >= Self.tagsMax { tags = [:] }
            tags[path] = (identity, tag)
        }
    }
}
