import Glibc
import ReleaseDefinition

/// Who listens on which TCP port of this machine, as the kernel's tables say at this moment (/proc/PID/net/tcp and tcp6, joined
/// with the sockets of /proc/PID/fd). For messages: of processes that this one may not look into nothing is known.
public enum ListeningSockets {
    struct Entry: Equatable {
        /// `127.0.0.1:8080`, `[::]:8080`.
        var place: String
        var port: UInt16
        var inode: String
    }

    /// Places where a service's processes listen, sorted: `127.0.0.1:8080`.
    public static func places(of service: ServiceProcess) -> [String] {
        let own = LiveProcesses.family(of: service).reduce(into: Set<String>()) {
            $0.formUnion(sockets(of: $1.processID))
        }
        return Set(entries(seenBy: "\(service.processID)").filter { own.contains($0.inode) }.map(\.place)).sorted()
    }

    /// Which other program than this one listens on a port.
    public static func holder(of port: UInt16) -> (processID: Int32, name: String)? {
        // A process may be kept from the network that it looks at for others.
        let tables = entries(seenBy: "1") + entries(seenBy: "self")
        let wanted = Set(tables.filter { $0.port == port }.map(\.inode))
        guard !wanted.isEmpty else { return nil }
        let found = ProcessTable.all().first {
            $0.processID != getpid() && !sockets(of: $0.processID).isDisjoint(with: wanted)
        }
        guard let found, let name = name(of: found.processID) else { return nil }
        return (found.processID, name)
    }

    /// The kernel keeps 15 bytes of a name: of a longer one the first word of its command line says more.
    private static func name(of process: Int32) -> String? {
        guard let folder = try? Directory.open("/proc/\(process)"),
            let kept = try? folder.openFile("comm").read(upTo: 64)
        else { return nil }
        let name = String(decoding: kept.filter { $0 > 0x20 }, as: UTF8.self)
        guard name.utf8.count == 15, let line = try? folder.openFile("cmdline").read(upTo: 4096),
            let word = line.split(separator: 0).first
        else { return name }
        let whole = Directory.split(String(decoding: word, as: UTF8.self)).name
        return whole.hasPrefix(name) ? whole : name
    }

    private static func entries(seenBy process: String) -> [Entry] {
        guard let proc = try? Directory.open("/proc/\(process)/net") else { return [] }
        return ["tcp", "tcp6"].flatMap { name -> [Entry] in
            guard let file = try? proc.openFile(name) else { return [] }
            var bytes: [UInt8] = []
            while let piece = try? file.read(upTo: 1 << 16), !piece.isEmpty, bytes.count < 8 << 20 { bytes += piece }
            return String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap(entry)
        }
    }

    /// `0: 0100007F:1F90 00000000:0000 0A … INODE …`; nil: it does not listen.
    static func entry(_ line: Substring) -> Entry? {
        let fields = line.split(separator: " ")
        guard fields.count > 9, fields[3] == "0A" else { return nil }
        let parts = fields[1].split(separator: ":")
        guard parts.count == 2, let port = UInt16(parts[1], radix: 16) else { return nil }
        return Entry(place: "\(address(parts[0])):\(port)", port: port, inode: String(fields[9]))
    }

    /// Words of the machine's own byte order, in hexadecimal.
    private static func address(_ text: Substring) -> String {
        let digits = Array(text)
        let words = stride(from: 0, to: digits.count - 7, by: 8).compactMap {
            UInt32(String(digits[$0..<($0 + 8)]), radix: 16)
        }
        if words.count == 1 { return withUnsafeBytes(of: words[0]) { $0.map(String.init).joined(separator: ".") } }
        guard words.count == 4 else { return String(text) }
        var bytes = words.flatMap { word in withUnsafeBytes(of: word) { Array($0) } }
        var buffer = [CChar](repeating: 0, count: 64)
        guard inet_ntop(AF_INET6, &bytes, &buffer, socklen_t(buffer.count - 1)) != nil else { return String(text) }
        return "[\(String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))]"
    }

    /// Inodes of a process's sockets.
    private static func sockets(of process: Int32) -> Set<String> {
        guard let folder = try? Directory.open("/proc/\(process)/fd"), let names = try? folder.rawEntries() else {
            return []
        }
        var found: Set<String> = []
        for name in names.compactMap(\.text) {
            guard let target = try? folder.readLink(name), target.hasPrefix("socket:[") else { continue }
            found.insert(String(target.dropFirst("socket:[".count).dropLast()))
        }
        return found
    }
}
