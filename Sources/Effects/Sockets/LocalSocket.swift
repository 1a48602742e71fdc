import CSystemShims
import Glibc
import ReleaseDefinition
import Synchronization

/// One connection between two processes of this machine: messages that arrive whole or not at all, each with at most one
/// descriptor. Sending never waits: a peer that does not read what it is sent is treated as one that is gone.
public final class LocalSocket: Sendable {
    public struct Message: Sendable {
        public var bytes: [UInt8]
        public var file: OpenFile?
    }

    /// Who is at the other end, by the kernel's word at the time of the connection.
    public struct Peer: Sendable, Equatable {
        public var process: Int32
        public var user: UInt32
    }

    /// A message may not be longer.
    public static let messageSizeMax = 64 << 10

    public let peer: Peer
    private let descriptor: Int32
    private let path: String

    /// Takes the descriptor over.
    init(descriptor: Int32, path: String) throws {
        self.descriptor = descriptor
        self.path = path
        var (process, user) = (pid_t(0), uid_t(0))
        let result = slipway_socket_peer(descriptor, &process, &user)
        peer = Peer(process: process, user: user)
        guard result == 0 else { throw Self.failure(errno, "getsockopt", path) }
    }

    deinit { Glibc.close(descriptor) }

    public static func connect(_ path: String) throws -> LocalSocket {
        let descriptor = try open(path)
        do {
            try SocketAddress.use(path) { address, size in
                guard Glibc.connect(descriptor, address, size) == 0 else { throw failure(errno, "connect", path) }
            }
        } catch {
            Glibc.close(descriptor)
            throw error
        }
        return try LocalSocket(descriptor: descriptor, path: path)
    }

    static func open(_ path: String) throws -> Int32 {
        let type = Int32(SOCK_SEQPACKET.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let descriptor = Glibc.socket(AF_UNIX, type, 0)
        guard descriptor >= 0 else { throw failure(errno, "socket", path) }
        return descriptor
    }

    /// The file's descriptor is the peer's as well from now on.
    /// - Throws: `effects.socket.closed`, also where the peer does not read.
    public func send(_ bytes: [UInt8], _ file: OpenFile? = nil) throws {
        precondition(!bytes.isEmpty && bytes.count <= Self.messageSizeMax)
        while true {
            let sent = withExtendedLifetime(file) {
                slipway_send_message(descriptor, bytes, bytes.count, file?.descriptor ?? -1)
            }
            if sent == bytes.count { return }
            let number = errno
            if number != EINTR { throw Self.failure(number, "sendmsg", path) }
        }
    }

    /// The next message; nil when the peer has closed.
    /// - Throws: `effects.socket.form` for a message that is too long or brings more than one descriptor.
    public func receive() async throws -> Message? {
        while true {
            var buffer = [UInt8](repeating: 0, count: Self.messageSizeMax)
            var (received, wasCut) = (Int32(-1), Int32(0))
            let count = slipway_receive_message(descriptor, &buffer, buffer.count, &received, &wasCut)
            let number = errno
            if count < 0 {
                guard number == EAGAIN || number == EINTR else { throw Self.failure(number, "recvmsg", path) }
                try await Readiness.wait(for: descriptor, Int16(POLLIN))
                continue
            }
            let file = received >= 0 ? OpenFile(descriptor: received, path: "what came over \(path)") : nil
            guard wasCut == 0 else {
                throw EffectsError(
                    code: "socket.form",
                    summary: "A message over \(path) is longer than \(buffer.count) bytes or "
                        + "brings more than one file.", remedy: "Both ends must be of one version: restart both.")
            }
            if count == 0 { return nil }
            return Message(bytes: Array(buffer[..<count]), file: file)
        }
    }

    /// Both ends learn of it at once; who waits for a message gets nil.
    public func close() { Glibc.shutdown(descriptor, Int32(SHUT_RDWR)) }

    static func failure(_ number: Int32, _ call: String, _ path: String) -> EffectsError {
        let isGone = [EPIPE, ECONNRESET, ENOTCONN, EAGAIN, ECONNREFUSED, ENOENT].contains(number)
        return EffectsError(
            code: isGone ? "socket.closed" : "socket.failed",
            summary: isGone ? "Nobody is at the other end of \(path)." : "The socket \(path) cannot be used.",
            remedy: "Check that both halves run: systemctl status slipway-agent slipway-agent-network.",
            cause: "\(call): \(SystemCall.message(number))")
    }
}

/// Where others of this machine connect.
public final class LocalListener: Sendable {
    private let descriptor: Int32
    private let path: String

    /// What lies at the path is replaced: only the owner of the folder can have put it there.
    /// - Parameter user: who alone may connect, besides root; whoever does is still looked at (`LocalSocket.peer`).
    public init(_ path: String, user: UInt32 = SystemUser.current) throws {
        unlink(path)
        let descriptor = try LocalSocket.open(path)
        do {
            try SocketAddress.use(path) { address, size in
                guard bind(descriptor, address, size) == 0 else {
                    throw LocalSocket.failure(errno, "bind", path)
                }
            }
            // A stranger's connections would each have to be taken, looked at and closed: the kernel refuses them.
            guard chmod(path, 0o600) == 0, chown(path, user, gid_t.max) == 0, listen(descriptor, 4) == 0 else {
                throw LocalSocket.failure(errno, "listen", path)
            }
        } catch {
            Glibc.close(descriptor)
            throw error
        }
        self.descriptor = descriptor
        self.path = path
    }

    deinit { Glibc.close(descriptor) }

    public func accept() async throws -> LocalSocket {
        while true {
            // The type of the flags differs between the two calls.
            let flags = Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
            let accepted = slipway_accept(descriptor, flags)
            let number = errno
            if accepted >= 0 { return try LocalSocket(descriptor: accepted, path: path) }
            guard [EAGAIN, EINTR, ECONNABORTED].contains(number) else {
                throw LocalSocket.failure(number, "accept4", path)
            }
            try await Readiness.wait(for: descriptor, Int16(POLLIN))
        }
    }
}

private enum SocketAddress {
    static func use(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) throws -> Void) throws {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let name = Array(path.utf8)
        guard name.count < MemoryLayout.size(ofValue: address.sun_path), !name.contains(0), !name.isEmpty else {
            throw EffectsError(
                code: "socket.path", summary: "\(path) is too long for the name of a socket (107 bytes).",
                remedy: "Choose a shorter path.")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        let size = socklen_t(MemoryLayout<sa_family_t>.size + name.count + 1)
        try withUnsafePointer(to: &address) { pointer in
            try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { try body($0, size) }
        }
    }
}

/// Waits for a descriptor on a thread of its own.
enum Readiness {
    /// - Throws: `CancellationError`.
    static func wait(for descriptor: Int32, _ events: Int16) async throws {
        try await BlockingThread.run { wake in
            var descriptors = [
                pollfd(fd: descriptor, events: events, revents: 0),
                pollfd(fd: wake.descriptor, events: Int16(POLLIN), revents: 0),
            ]
            while true {
                let count = poll(&descriptors, 2, -1)
                if count < 0, errno == EINTR { continue }
                if descriptors[1].revents != 0 { throw CancellationError() }
                return
            }
        }
    }
}
