import Glibc
import ReleaseDefinition

/// Whether a connection to an address is taken. Nothing is sent.
public enum TCPReach {
    public enum Answer: Sendable, Equatable {
        case taken
        /// Nobody listens, but the host answered.
        case refused
        /// Neither a yes nor a no within the time, or no such name.
        case unreachable(String)
    }

    /// - Parameter address: `host:port`, `[::1]:port`.
    public static func ask(_ address: String, timeout: TimeSpan) async throws -> Answer {
        guard let colon = address.lastIndex(of: ":") else { return .unreachable("\(address) has no port.") }
        let name = String(address[..<colon])
        let isBracketed = name.hasPrefix("[") && name.hasSuffix("]")
        let host = isBracketed ? String(name.dropFirst().dropLast()) : name
        let port = String(address[address.index(after: colon)...])
        // The resolver heeds neither deadline nor cancellation: its answer is left behind if it comes too late.
        let (answers, out) = AsyncStream.makeStream(of: Answer.self)
        let asking = Task.detached {
            out.yield(
                (try? await BlockingThread.run { connect(host, port, timeout, $0) }) ?? .unreachable("No thread."))
        }
        let waiting = Task.detached {
            try await SystemTime().sleep(for: timeout + .milliseconds(200))
            out.yield(.unreachable("No answer in time."))
        }
        defer {
            asking.cancel()
            waiting.cancel()
        }
        for await answer in answers { return answer }
        throw CancellationError()
    }

    private static func connect(_ host: String, _ port: String, _ timeout: TimeSpan, _ wake: Wake) -> Answer {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_NUMERICSERV
        var found: UnsafeMutablePointer<addrinfo>?
        let result = getaddrinfo(host, port, &hints, &found)
        guard result == 0, let found else { return .unreachable(String(cString: gai_strerror(result))) }
        defer { freeaddrinfo(found) }
        let deadline = SystemTime().monotonic().milliseconds + max(1, timeout.milliseconds)
        var last = Answer.unreachable("The name has no address.")
        var next: UnsafeMutablePointer<addrinfo>? = found
        while let candidate = next {
            last = connect(to: candidate.pointee, deadline, wake)
            if last == .taken { return last }
            next = candidate.pointee.ai_next
        }
        return last
    }

    private static func connect(to address: addrinfo, _ deadline: Int64, _ wake: Wake) -> Answer {
        let descriptor = socket(
            address.ai_family, address.ai_socktype | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue),
            address.ai_protocol)
        guard descriptor >= 0 else { return .unreachable(SystemCall.message(errno)) }
        defer { close(descriptor) }
        if Glibc.connect(descriptor, address.ai_addr, address.ai_addrlen) == 0 { return .taken }
        guard errno == EINPROGRESS else { return answer(errno) }
        while true {
            let left = deadline - SystemTime().monotonic().milliseconds
            guard left > 0 else { return .unreachable("No answer in time.") }
            var descriptors = [
                pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0),
                pollfd(fd: wake.descriptor, events: Int16(POLLIN), revents: 0),
            ]
            let count = poll(&descriptors, 2, Int32(clamping: left))
            if count < 0, errno == EINTR { continue }
            if descriptors[1].revents != 0 { return .unreachable("Cancelled.") }
            guard descriptors[0].revents != 0 else { continue }
            var number: Int32 = 0
            var size = socklen_t(MemoryLayout<Int32>.size)
            getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &number, &size)
            return number == 0 ? .taken : answer(number)
        }
    }

    private static func answer(_ number: Int32) -> Answer {
        number == ECONNREFUSED ? .refused : .unreachable(SystemCall.message(number))
    }
}
