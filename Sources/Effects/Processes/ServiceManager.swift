import Glibc
import ReleaseDefinition

/// Tells the service manager that started this program how it is: the datagrams of sd_notify(3), which systemd reads
/// from a `Type=notify` unit. Nothing depends on it: what cannot be said is left unsaid.
public struct ServiceManager: Sendable {
    /// A path, or a name of the abstract space where it begins with `@`. At most 107 bytes, as in `sockaddr_un`.
    let socket: String
    /// The manager kills a program that says nothing for so long; nil where it does not watch.
    public let watchdog: TimeSpan?

    /// nil where no manager listens: under a shell, in a container, in tests.
    public static func ofThisProcess() -> ServiceManager? {
        ServiceManager(
            socket: variable("NOTIFY_SOCKET"), watchdog: variable("WATCHDOG_USEC"), process: variable("WATCHDOG_PID"),
            own: getpid())
    }

    /// `watchdog` in microseconds; it is meant for `process`, where that is said.
    init?(socket: String?, watchdog: String?, process: String?, own: pid_t) {
        guard let socket, let first = socket.first, first == "/" || first == "@", socket.utf8.count < Self.addressMax
        else { return nil }
        self.socket = socket
        let isMeant = process.map { $0 == String(own) } ?? true
        self.watchdog =
            isMeant ? watchdog.flatMap { Int64($0) }.flatMap { $0 > 0 ? .milliseconds(max(1, $0 / 1000)) : nil } : nil
    }

    /// The program serves: units that wait for it may start.
    public func ready(_ status: String) { tell("READY=1\nSTATUS=\(Self.line(status))") }

    /// The program ends because it was asked to.
    public func stopping() { tell("STOPPING=1") }

    /// Says that the program is alive, three times in each interval, for as long as `work` answers: fed by a task of its
    /// own, a watchdog would stay quiet while everything else hangs. Returns when cancelled, at once where nobody watches.
    public func keepWatchdog(_ time: any TimeDoor, work: @Sendable () async -> Void) async {
        guard let watchdog else { return }
        let pause = TimeSpan.milliseconds(max(1, watchdog.milliseconds / 3))
        while !Task.isCancelled {
            await work()
            tell("WATCHDOG=1")
            guard (try? await time.sleep(for: pause)) != nil else { return }
        }
    }

    private static let addressMax = 108

    private static func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

    /// One line of a message: an end of line would begin another assignment.
    private static func line(_ text: String) -> String {
        String(decoding: text.utf8.map { $0 < 0x20 ? 0x20 : $0 }, as: UTF8.self)
    }

    private func tell(_ message: String) { _ = LocalDatagram.send(Array(message.utf8), to: socket) }
}

/// One datagram to a socket of this machine, without waiting.
enum LocalDatagram {
    /// - Parameter socket: a path, or a name of the abstract space where it begins with `@`; of at most 107 bytes.
    /// - Returns: whether it was taken whole.
    static func send(_ bytes: [UInt8], to socket: String) -> Bool {
        let descriptor = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let name = Array(socket.utf8)
        withUnsafeMutableBytes(of: &address.sun_path) { path in
            path.copyBytes(from: name)
            // The abstract space: its names begin with a zero byte.
            if name.first == UInt8(ascii: "@") { path[0] = 0 }
        }
        let length = MemoryLayout<sa_family_t>.size + name.count
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                sendto(
                    descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT), address,
                    socklen_t(length)) == bytes.count
            }
        }
    }
}
