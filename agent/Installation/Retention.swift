import ReleaseDefinition

/// Which releases of a product may be deleted from this host. Pure, so that a hundred thousand histories can be tried.
public enum Retention {
    /// - Parameters:
    ///   - onDisk: newest first.
    ///   - protected: the running one, the last good one, and both sides of anything in progress: never deleted,
    ///     whatever `keep` says.
    ///   - keep: how many to keep in all; the protected ones count.
    /// - Returns: what to delete, oldest first.
    public static func removable(onDisk: [HostRelease], protected: Set<HostRelease>, keep: Int) -> [HostRelease] {
        var kept = onDisk.count(where: protected.contains)
        var removable: [HostRelease] = []
        for release in onDisk where !protected.contains(release) {
            if kept < max(1, keep) { kept += 1 } else { removable.append(release) }
        }
        return removable.reversed()
    }
}
