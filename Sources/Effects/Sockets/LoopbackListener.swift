import Glibc
import ReleaseDefinition
import Synchronization

/// Hears one browser of this machine come back (RFC 8252 7.3): plain HTTP on 127.0.0.1, one small request at a time.
public final class LoopbackListener: Sendable {
    public static let requestMax = 16 << 10
    public let port: Int
    private let descriptor: Int32

    /// - Parameter port: 0: whichever is free.
    /// - Throws: `effects.socket.listen`.
    public init(port: Int = 0) throws {
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let descriptor = socket(AF_INET, type, 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(clamping: port).bigEndian)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                descriptor >= 0 && bind(descriptor, $0, size) == 0 && listen(descriptor, 8) == 0
                    && getsockname(descriptor, $0, &size) == 0
            }
        }
        guard isListening else {
            let cause = SystemCall.message(errno)
            if descriptor >= 0 { Glibc.close(descriptor) }
            throw EffectsError(
                code: "socket.listen", summary: "The port \(port) of 127.0.0.1 cannot be listened on.",
                remedy: "Choose another, or leave it out.", cause: cause)
        }
        self.descriptor = descriptor
        self.port = Int(UInt16(bigEndian: address.sin_port))
    }

    deinit { Glibc.close(descriptor) }

    /// Answers each request until one is what was waited for. What is sent slowly, is too long or is no GET is dropped.
    /// - Parameter answer: of a request's target (`/path?query`): the status, an HTML page, and the value where that was it.
    public func wait<Value: Sendable>(
        _ answer: @Sendable (String) -> (status: String, page: String, value: Value?)
    ) async throws -> Value {
        while true {
            try await Readiness.wait(for: descriptor, Int16(POLLIN))
            let connection = accept(descriptor, nil, nil)
            guard connection >= 0 else { continue }
            defer { Glibc.close(connection) }
            guard let target = try await BlockingThread.run({ _ in Self.target(of: connection) }) else { continue }
            let (status, page, value) = answer(target)
            let head =
                "HTTP/1.1 \(status)\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: \(page.utf8.count)\r\n"
                + "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\n"
                + "Content-Security-Policy: default-src 'none'\r\nConnection: close\r\n\r\n"
            let bytes = Array((head + page).utf8)
            _ = send(connection, bytes, bytes.count, Int32(MSG_NOSIGNAL))
            if let value { return value }
        }
    }

    /// Of the first line, once the head is whole.
    private static func target(of connection: Int32) -> String? {
        var patience = timeval(tv_sec: 5, tv_usec: 0)
        setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        var head: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 4096)
        while head.count <= requestMax {
            let count = recv(connection, &piece, piece.count, 0)
            guard count > 0 else { return nil }
            head += piece[..<count]
            guard head.firstRange(of: Array("\r\n\r\n".utf8)) != nil else { continue }
            let line = String(decoding: head.prefix { $0 != UInt8(ascii: "\r") }, as: UTF8.self)
            let words = line.split(separator: " ", omittingEmptySubsequences: false)
            guard words.count == 3, words[0] == "GET", words[2].hasPrefix("HTTP/1.") else { return nil }
            return String(words[1])
        }
        return nil
    }
}
