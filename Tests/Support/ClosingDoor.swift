import Effects
import Foundation
import Glibc
import Synchronization

/// Takes connections on loopback and ends each as soon as its first bytes have come: a proxy whose servers are all away.
public final class ClosingDoor: Sendable {
    public let port: Int
    private let listener: Int32
    private let taken = Mutex(0)
    private let over = Mutex(false)

    /// - Parameter port: nil: whichever is free.
    public init(port: Int? = nil) throws {
        let port = try port ?? Ports.free()
        self.port = port
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        self.listener = listener
        var yes: Int32 = 1
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port).bigEndian)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let isListening = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0 && listen(listener, 64) == 0
            }
        }
        guard isListening else {
            Glibc.close(listener)
            throw EffectsError(code: "test.port", summary: "Port \(port) is taken.", remedy: "None.")
        }
        Thread.detachNewThread { [self] in accept() }
    }

    /// How many came.
    public var count: Int { taken.withLock { $0 } }

    /// Takes no more, and soon nobody listens there any more.
    public func close() { shutdown(listener, Int32(SHUT_RDWR)) }
    public var isClosed: Bool { over.withLock { $0 } }

    private func accept() {
        while true {
            let connection = Glibc.accept(listener, nil, nil)
            guard connection >= 0 else { break }
            taken.withLock { $0 += 1 }
            Thread.detachNewThread {
                var wait = timeval(tv_sec: 10, tv_usec: 0)
                setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &wait, socklen_t(MemoryLayout<timeval>.size))
                var bytes = [UInt8](repeating: 0, count: 1 << 16)
                // What was not read would turn the end into a reset.
                _ = recv(connection, &bytes, bytes.count, 0)
                Glibc.close(connection)
            }
        }
        Glibc.close(listener)
        over.withLock { $0 = true }
    }
}
