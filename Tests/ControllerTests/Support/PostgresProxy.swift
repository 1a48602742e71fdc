import Foundation
import Synchronization
import Testing

/// Stands between a store and PostgreSQL on a socket of its own, and cuts the connection once, at one message of the store.
final class PostgresProxy: Sendable {
    enum Cut: CaseIterable, Sendable {
        /// The message never arrives.
        case before
        /// It arrives and is carried out; its answer does not come.
        case after
    }

    private let folder: TemporaryFolder
    private let target: String
    private let listener: Int32
    private let cut: Cut
    private let at: Int
    private let counted = Mutex(0)

    /// - Parameter target: the folder of the server's socket.
    init(target: String, cut: Cut, at number: Int) throws {
        (self.target, self.cut, at) = (target + "/.s.PGSQL.5432", cut, number)
        folder = try TemporaryFolder()
        listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        let listener = listener
        try #require(
            Self.with(folder.path + "/.s.PGSQL.5432") { bind(listener, $0, $1) } == 0 && listen(listener, 8) == 0)
        Thread.detachNewThread { [self] in accept() }
    }

    var host: String { folder.path }
    /// Messages of the store so far.
    var count: Int { counted.withLock { $0 } }

    func end() {
        shutdown(listener, Int32(SHUT_RDWR))
    }

    private func accept() {
        while true {
            let client = Glibc.accept(listener, nil, nil)
            guard client >= 0 else { break }
            Thread.detachNewThread { [self] in serve(client) }
        }
        close(listener)
    }

    private func serve(_ client: Int32) {
        let server = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer {
            close(client)
            close(server)
        }
        guard Self.with(target, { connect(server, $0, $1) }) == 0 else { return }
        var ends = [
            pollfd(fd: client, events: Int16(POLLIN), revents: 0),
            pollfd(fd: server, events: Int16(POLLIN), revents: 0),
        ]
        var isLast = false
        while poll(&ends, 2, 60_000) > 0 {
            if ends[0].revents != 0 {
                let number = counted.withLock { count in
                    count += 1
                    return count
                }
                if number == at, cut == .before { return }
                isLast = number == at
                guard pass(client, server) else { return }
            }
            if ends[1].revents != 0 {
                if isLast { return }
                guard pass(server, client) else { return }
            }
        }
    }

    private func pass(_ from: Int32, _ to: Int32) -> Bool {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        let count = read(from, &buffer, buffer.count)
        guard count > 0 else { return false }
        return buffer.withUnsafeBytes { send(to, $0.baseAddress, count, Int32(MSG_NOSIGNAL)) } == count
    }

    private static func with(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8.prefix(107))) }
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
    }
}
