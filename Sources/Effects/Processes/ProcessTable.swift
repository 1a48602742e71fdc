import CSystemShims
import Glibc
import ReleaseDefinition

/// One line of the kernel's table of processes (/proc/PID/stat).
struct ProcessEntry: Sendable, Hashable {
    var processID: Int32
    var parentID: Int32
    var groupID: Int32
    var sessionID: Int32
    var startTicks: Int64
    /// Dead, but its parent has not asked for its end yet.
    var isZombie: Bool
}

enum ProcessTable {
    static func entry(_ processID: Int32) -> ProcessEntry? {
        read("/proc/\(processID)/stat", sizeMax: 4096).flatMap { parse($0) }
    }

    static func all() -> [ProcessEntry] {
        guard let proc = try? Directory.open("/proc"), let names = try? proc.rawEntries() else { return [] }
        return names.compactMap { $0.text.flatMap { Int32($0) } }.compactMap { entry($0) }
    }

    /// `PID (NAME) STATE PARENT GROUP SESSION … STARTTIME`, where NAME may hold anything: count from the last `)`.
    static func parse(_ line: [UInt8]) -> ProcessEntry? {
        guard let open = line.firstIndex(of: UInt8(ascii: "(")), let close = line.lastIndex(of: UInt8(ascii: ")")),
            open < close, let processID = Int32(String(decoding: line[..<open].dropLast(), as: UTF8.self))
        else { return nil }
        let fields = line[(close + 1)...].split(separator: UInt8(ascii: " ")).map {
            String(decoding: $0, as: UTF8.self)
        }
        // Field 3 of the manual page is the first here.
        guard fields.count > 19, let parentID = Int32(fields[1]), let groupID = Int32(fields[2]),
            let sessionID = Int32(fields[3]), let startTicks = Int64(fields[19])
        else { return nil }
        return ProcessEntry(
            processID: processID, parentID: parentID, groupID: groupID, sessionID: sessionID, startTicks: startTicks,
            isZombie: fields[0] == "Z" || fields[0] == "X")
    }

    /// Whether the process was started with `NAME=VALUE` in its environment, by whatever way.
    static func environment(of processID: Int32, has assignment: String) -> Bool {
        guard let bytes = read("/proc/\(processID)/environ", sizeMax: 1 << 20) else { return false }
        return bytes.split(separator: 0).contains { $0.elementsEqual(assignment.utf8) }
    }

    /// Every living process that came from `rootID`: its session and group, their descendants, and whoever carries the
    /// mark in its environment although it left session and parent. A process that cleans its environment and makes a
    /// session of its own after its parent's end is not found: only a control group or a keeper holds it.
    static func family(of rootID: Int32, startTicks: Int64, mark: String?) -> [ProcessEntry] {
        let entries = all().filter { $0.startTicks >= startTicks && $0.processID != getpid() }
        var found = Set<Int32>([rootID])
        for entry in entries where entry.sessionID == rootID || entry.groupID == rootID {
            found.insert(entry.processID)
        }
        if let mark {
            for entry in entries
            where !found.contains(entry.processID) && environment(of: entry.processID, has: mark) {
                found.insert(entry.processID)
            }
        }
        var isGrowing = true
        while isGrowing {
            isGrowing = false
            for entry in entries where found.contains(entry.parentID) && found.insert(entry.processID).inserted {
                isGrowing = true
            }
        }
        return entries.filter { found.contains($0.processID) && !$0.isZombie }
    }

    /// Signals that very process: one that took over its number is never hit.
    static func signal(_ entry: ProcessEntry, _ number: Int32) {
        let descriptor = slipway_pidfd_open(entry.processID)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        // The descriptor is fixed to whoever has the number now: look who that is.
        guard self.entry(entry.processID)?.startTicks == entry.startTicks else { return }
        slipway_pidfd_send_signal(descriptor, number)
    }

    /// nil when it is gone; longer than `sizeMax` is cut.
    private static func read(_ path: String, sizeMax: Int) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while bytes.count < sizeMax {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { return nil }
            if count == 0 { break }
            bytes.append(contentsOf: buffer[..<count])
        }
        return bytes
    }
}
