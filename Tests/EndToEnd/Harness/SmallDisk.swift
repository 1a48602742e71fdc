import Glibc

/// A file system of a few megabytes that only one agent and its services see: a tmpfs in a mount namespace of theirs.
enum SmallDisk {
    /// Whether this machine lets us: root, or user namespaces.
    static let isPossible: Bool = {
        let words = command(folder: "/mnt", size: "1m", then: "exec true")
        guard
            let child = try? ChildProcess(
                words[0], Array(words.dropFirst()), folder: "/", output: "/dev/null", errors: "/dev/null")
        else { return false }
        let end = ContinuousClock.now + .seconds(60)
        while child.endedWith == nil, ContinuousClock.now < end { usleep(5000) }
        return child.endedWith == 0
    }()

    /// - Parameter script: run by sh once the file system is there.
    static func command(folder: String, size: String, then script: String) -> [String] {
        let options = geteuid() == 0 ? "-m" : "-rm"
        return [
            "/usr/bin/unshare", options, "/bin/sh", "-c",
            "set -e; mount -t tmpfs -o size=\(size) tmpfs '\(folder)'; \(script)",
        ]
    }

    /// Ends every process that shares the mount namespace of this one: their folders cannot be seen from outside.
    static func killAll(like process: pid_t) {
        guard let own = Files.target(ofLink: "/proc/self/ns/mnt"),
            let theirs = Files.target(ofLink: "/proc/\(process)/ns/mnt"), theirs != own
        else { return }
        Files.killProcesses { Files.target(ofLink: "/proc/\($0)/ns/mnt") == theirs }
    }
}
