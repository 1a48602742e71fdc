import Glibc
import ReleaseDefinition

/// A control group of the kernel (cgroups(7)): whatever a member starts is a member, whatever it does.
public struct ControlGroup: Sendable, Equatable {
    /// The file that lists its members.
    let members: String

    /// The one that this process is in, if systemd made it for that unit; nil where it did not, or the container shows none.
    public static func ofThisProcess(unit: String) -> ControlGroup? {
        guard let text = readText("/proc/self/cgroup") else { return nil }
        return ControlGroup(text, unit: unit)
    }

    /// `0::/system.slice/x.service`; before version 2 systemd's own hierarchy is `1:name=systemd:/…`.
    init?(_ text: String, unit: String) {
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3, parts[2].hasSuffix("/" + unit) else { continue }
            let roots: [String]
            switch parts[1] {
            case "": roots = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]
            case "name=systemd": roots = ["/sys/fs/cgroup/systemd"]
            default: continue
            }
            for root in roots {
                let file = root + parts[2] + "/cgroup.procs"
                guard access(file, R_OK) == 0 else { continue }
                members = file
                return
            }
        }
        return nil
    }

    /// Its living members but for this process; nil where it cannot be read any more.
    func others() -> [ProcessEntry]? {
        guard let text = Self.readText(members) else { return nil }
        let own = getpid()
        return text.split(separator: "\n").compactMap { Int32($0) }.filter { $0 != own }
            .compactMap { ProcessTable.entry($0) }.filter { !$0.isZombie }
    }

    /// Nothing but this process is left in it when this returns, unless the kernel holds somebody.
    public func killOthers() {
        // Whoever forks between the look and the signal is seen at the next look.
        for _ in 0..<500 {
            guard let left = others(), !left.isEmpty else { return }
            for entry in left { ProcessTable.signal(entry, SIGKILL) }
            usleep(10_000)
        }
    }

    private static func readText(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        let file = OpenFile(descriptor: descriptor, path: path)
        var bytes: [UInt8] = []
        while bytes.count < 1 << 20, let piece = try? file.read(upTo: 1 << 16), !piece.isEmpty { bytes += piece }
        return String(decoding: bytes, as: UTF8.self)
    }
}
