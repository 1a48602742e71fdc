import Glibc
import Hummingbird
import HummingbirdCore
import NIOCore
import ReleaseDefinition
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
    /// How many of one address may wait; nil: as `limits` says, this machine's own apart, and never more than half of all.
    var perAddress: Int?
    /// Requests of one host that are in progress at the same time, its stream among them, each with a body in memory.
    var perHost = 16
    /// Of one person, with whatever watches on the person's behalf.
    var perPerson = 256
}

/// The connections that wait: whoever connects and does not ask is closed, however it drips bytes. One with a request in
/// progress is not touched here; an event stream is one.
///
/// A connection is its address's until one of its requests is a known host's or person's, and again once that has ended: a
/// head costs nothing to send, so it earns no place.
final class WaitingConnections: Sendable {
    private struct Waiting {
        /// That counts: the proxy's until its header named another.
        var address: String
        /// That the proxy's header named.
        var named: String?
        var boundOfAddress: Int
        var hasRequest = false
        /// Whose it is, if it is somebody's.
        var caller: String?
        /// That it showed to TLS, once it was asked for.
        var certificate: SHA256Digest?
        var deadline: NIODeadline
        var isTimed = true
    }

    private struct State {
        var connections: [ObjectIdentifier: Waiting] = [:]
        /// Those without a caller, by address.
        var counts: [String: Int] = [:]
        /// Requests in progress, by caller.
        var requests: [String: Int] = [:]

        mutating func count(_ address: String, _ change: Int) { Self.count(&counts, address, change) }
        mutating func countRequest(_ caller: String, _ change: Int) { Self.count(&requests, caller, change) }

        private static func count(_ counts: inout [String: Int], _ key: String, _ change: Int) {
            let count = (counts[key] ?? 0) + change
            counts[key] = count > 0 ? count : nil
        }
    }

    /// What a connection has after its last answer that is one too many by then: the answer is on its way.
    private static let farewell = TimeAmount.seconds(2)

    let patience: ConnectionPatience
    private let perAddress: Int
    private let ofThisMachine: Int
    private let state = Mutex(State())

    /// - Parameter limit: more of one address than that are closed as they come.
    init(_ patience: ConnectionPatience, limit: Int) {
        self.patience = patience
        ofThisMachine = max(1, (OpenConnections.most(patience.connectionsMax) ?? .max) / 2)
        perAddress = patience.perAddress ?? max(1, min(limit, ofThisMachine))
    }

    private func bound(_ address: String) -> Int {
        let isOwn = patience.perAddress == nil && (address == "::1" || address.hasPrefix("127."))
        return isOwn ? ofThisMachine : perAddress
    }

    /// - Returns: false where too many of its address wait already.
    func accept(_ channel: any Channel, ofProxy: Bool = false) -> Bool {
        let id = ObjectIdentifier(channel)
        let address = channel.remoteAddress?.ipAddress ?? ""
        // All that come through a proxy are its own until its header is there.
        let (key, bound) = (RateLimits.key(address: address), ofProxy ? ofThisMachine : bound(address))
        let isAdmitted = state.withLock { state in
            guard state.counts[key] ?? 0 < bound else { return false }
            state.count(key, 1)
            state.connections[id] = Waiting(
                address: key, boundOfAddress: bound, deadline: .now() + patience.head)
            return true
        }
        guard isAdmitted else { return false }
        channel.closeFuture.whenComplete { _ in self.forget(id) }
        watch(channel, after: patience.head)
        return true
    }

    /// The connection is this address's from now on: a proxy that is believed said so.
    /// - Returns: false where too many of that address wait already.
    func name(_ channel: any Channel, _ address: String) -> Bool {
        let (id, key, bound) = (ObjectIdentifier(channel), RateLimits.key(address: address), bound(address))
        return state.withLock { state in
            guard let one = state.connections[id], state.counts[key] ?? 0 < bound else { return false }
            state.count(one.address, -1)
            state.count(key, 1)
            state.connections[id]?.address = key
            state.connections[id]?.named = address
            state.connections[id]?.boundOfAddress = bound
            return true
        }
    }

    /// What answers requests, with each of them counted.
    func counting(_ responder: @escaping HTTPChannelHandler.Responder) -> HTTPChannelHandler.Responder {
        { request, writer, channel in
            self.began(channel)
            defer { self.ended(channel) }
            try await responder(request, writer, channel)
        }
    }

    /// The request on this channel is this caller's, and its connection no longer its address's.
    /// - Throws: `controller.request.rate`: the caller has enough of them in progress.
    func admit(_ caller: Caller, on channel: any Channel) throws {
        let requestsMax: Int
        switch caller {
        case .anyone: return
        case .host: requestsMax = patience.perHost
        case .person: requestsMax = patience.perPerson
        }
        let (id, actor) = (ObjectIdentifier(channel), caller.actor)
        let isAdmitted = state.withLock { state in
            guard let one = state.connections[id], one.caller == nil else { return true }
            guard state.requests[actor] ?? 0 < requestsMax else { return false }
            state.countRequest(actor, 1)
            state.count(one.address, -1)
            state.connections[id]?.caller = actor
            return true
        }
        guard isAdmitted else { throw ControllerError.tooMany(.seconds(5)) }
    }

    /// The digest of the certificate that the peer proved to have; nil where it showed none. A connection has one for ever, so
    /// TLS is asked once.
    func peerCertificate(of context: ControllerContext) async -> SHA256Digest? {
        let id = ObjectIdentifier(context.channel)
        if let known = state.withLock({ $0.connections[id]?.certificate }) { return known }
        let certificate = await context.peerCertificate()
        state.withLock { $0.connections[id]?.certificate = certificate }
        return certificate
    }

    /// A request of nobody's was answered as it came.
    func answered(on channel: any Channel) {
        let deadline = NIODeadline.now() + patience.idle + patience.head
        state.withLock { $0.connections[ObjectIdentifier(channel)]?.deadline = deadline }
    }

    /// The address that a proxy's header named for this connection; nil where none did.
    func named(_ channel: any Channel) -> String? {
        state.withLock { $0.connections[ObjectIdentifier(channel)]?.named }
    }

    private func began(_ channel: any Channel) {
        state.withLock { $0.connections[ObjectIdentifier(channel)]?.hasRequest = true }
    }

    private func ended(_ channel: any Channel) {
        let id = ObjectIdentifier(channel)
        let (mustWatch, isTooMany, bound) = state.withLock { state -> (Bool, Bool, Int) in
            guard var one = state.connections[id] else { return (false, false, 0) }
            var isTooMany = false
            if let caller = one.caller {
                state.countRequest(caller, -1)
                state.count(one.address, 1)
                isTooMany = state.counts[one.address] ?? 0 > one.boundOfAddress
            }
            // The gentler end comes first: HTTP's close between two requests.
            one.deadline = .now() + patience.idle + patience.head
            let mustWatch = !one.isTimed
            (one.caller, one.hasRequest, one.isTimed) = (nil, false, true)
            state.connections[id] = one
            return (mustWatch, isTooMany, one.boundOfAddress)
        }
        if mustWatch { watch(channel, after: patience.idle + patience.head) }
        if isTooMany { leave(channel, bound) }
    }

    /// Closed if it is one too many still, and no caller's next request came meanwhile.
    private func leave(_ channel: any Channel, _ bound: Int) {
        channel.eventLoop.scheduleTask(in: Self.farewell) {
            let mustClose = self.state.withLock { state in
                let id = ObjectIdentifier(channel)
                guard let one = state.connections[id], one.caller == nil, state.counts[one.address] ?? 0 > bound
                else { return false }
                state.connections[id] = nil
                state.count(one.address, -1)
                return true
            }
            if mustClose { channel.close(promise: nil) }
        }
    }

    private func forget(_ id: ObjectIdentifier) {
        state.withLock { state in
            guard let one = state.connections.removeValue(forKey: id) else { return }
            if let caller = one.caller { state.countRequest(caller, -1) } else { state.count(one.address, -1) }
        }
    }

    /// One timer for a connection at most, and none while it has a request.
    private func watch(_ channel: any Channel, after delay: TimeAmount) {
        channel.eventLoop.scheduleTask(in: delay) {
            let now = NIODeadline.now()
            let remaining = self.state.withLock { state -> TimeAmount? in
                let id = ObjectIdentifier(channel)
                guard let one = state.connections[id] else { return nil }
                guard !one.hasRequest else {
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

    static func most(_ given: Int?) -> Int? {
        if let given { return given }
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return nil }
        let all = Int(clamping: limit.rlim_cur)
        return max(all - reserve, all / 2, 1)
    }
}
