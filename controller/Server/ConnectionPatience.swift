import Glibc
import Hummingbird
import HummingbirdCore
import NIOCore
import Synchronization

/// How long a connection may stand there without a request.
struct ConnectionPatience: Sendable {
    /// From its acceptance to the head of its first request, with the TLS handshake between.
    var head = TimeAmount.seconds(30)
    /// Between two requests, and between two parts of a request's body.
    var idle = TimeAmount.seconds(75)
    var body = BodyPace()
    var writing = WritePace()
    /// How many are open at once, of all addresses; nil: as the process has descriptors.
    var connectionsMax: Int?
    /// How many of one address may wait; nil: as `limits` says, and this machine's own are not counted.
    var perAddress: Int?
}

/// The connections that wait: whoever connects and does not ask is closed, however it drips bytes. One with a request in
/// progress is not touched here; an event stream is one.
final class WaitingConnections: Sendable {
    private struct Waiting {
        let address: String
        var requests = 0
        var deadline: NIODeadline
        var isTimed = true
    }

    private struct State {
        var connections: [ObjectIdentifier: Waiting] = [:]
        /// Those without a request, by address.
        var counts: [String: Int] = [:]

        mutating func count(_ address: String, _ change: Int) {
            let count = (counts[address] ?? 0) + change
            counts[address] = count > 0 ? count : nil
        }
    }

    let patience: ConnectionPatience
    private let perAddress: Int
    private let state = Mutex(State())

    /// - Parameter limit: more of one address than that are closed as they come.
    init(_ patience: ConnectionPatience, limit: Int) {
        (self.patience, perAddress) = (patience, max(1, patience.perAddress ?? limit))
    }

    /// - Returns: false where too many of its address wait already.
    func accept(_ channel: any Channel) -> Bool {
        let id = ObjectIdentifier(channel)
        let address = channel.remoteAddress?.ipAddress ?? ""
        let key = RateLimits.key(address: address)
        let isOwn = patience.perAddress == nil && (address == "::1" || address.hasPrefix("127."))
        let isAdmitted = state.withLock { state in
            guard isOwn || state.counts[key] ?? 0 < perAddress else { return false }
            state.count(key, 1)
            state.connections[id] = Waiting(address: key, deadline: .now() + patience.head)
            return true
        }
        guard isAdmitted else { return false }
        channel.closeFuture.whenComplete { _ in self.forget(id) }
        watch(channel, after: patience.head)
        return true
    }

    /// What answers requests, with each of them counted.
    func counting(_ responder: @escaping HTTPChannelHandler.Responder) -> HTTPChannelHandler.Responder {
        { request, writer, channel in
            let connection = self.connection(of: channel)
            self.began(connection)
            defer { self.ended(connection) }
            try await responder(request, writer, channel)
        }
    }

    /// HTTP/1: the channel itself. HTTP/2: the channel is one stream, its parent the connection.
    private func connection(of channel: any Channel) -> any Channel {
        let isKnown = state.withLock { $0.connections[ObjectIdentifier(channel)] != nil }
        return isKnown ? channel : channel.parent ?? channel
    }

    private func began(_ channel: any Channel) {
        state.withLock { state in
            guard var one = state.connections[ObjectIdentifier(channel)] else { return }
            if one.requests == 0 { state.count(one.address, -1) }
            one.requests += 1
            state.connections[ObjectIdentifier(channel)] = one
        }
    }

    private func ended(_ channel: any Channel) {
        let mustWatch = state.withLock { state in
            guard var one = state.connections[ObjectIdentifier(channel)] else { return false }
            one.requests -= 1
            var mustWatch = false
            if one.requests == 0 {
                state.count(one.address, 1)
                // The gentler ends come first: HTTP/2's GOAWAY, HTTP/1's close between two requests.
                one.deadline = .now() + patience.idle + patience.head
                mustWatch = !one.isTimed
                one.isTimed = true
            }
            state.connections[ObjectIdentifier(channel)] = one
            return mustWatch
        }
        if mustWatch { watch(channel, after: patience.idle + patience.head) }
    }

    private func forget(_ id: ObjectIdentifier) {
        state.withLock { state in
            guard let one = state.connections.removeValue(forKey: id), one.requests == 0 else { return }
            state.count(one.address, -1)
        }
    }

    /// One timer for a connection at most, and none while it has a request.
    private func watch(_ channel: any Channel, after delay: TimeAmount) {
        channel.eventLoop.scheduleTask(in: delay) {
            let now = NIODeadline.now()
            let remaining = self.state.withLock { state -> TimeAmount? in
                let id = ObjectIdentifier(channel)
                guard let one = state.connections[id] else { return nil }
                guard one.requests == 0 else {
                    state.connections[id]?.isTimed = false
                    return nil
                }
                return one.deadline - now
            }
            guard let remaining else { return }
            if remaining <= .zero { channel.close(promise: nil) } else { self.watch(channel, after: remaining) }
        }
    }
}

/// Connections beyond the descriptors of the process stay in the kernel's queue until one is closed: an accept that fails
/// for want of a descriptor would be tried again at once, for ever.
enum OpenConnections {
    /// For the log, keys, packages that are being sent.
    private static let reserve = 256

    static func most(_ given: Int?) -> MaximumAvailableConnections? {
        if let given { return MaximumAvailableConnections(given) }
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return nil }
        let all = Int(clamping: limit.rlim_cur)
        return MaximumAvailableConnections(max(all - reserve, all / 2, 1))
    }
}
