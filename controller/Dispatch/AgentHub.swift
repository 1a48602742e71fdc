import AgentProtocol
import ReleaseDefinition
import Synchronization

/// The open streams of agents. Each has a bounded buffer: who reads too slowly is cut off and, having reconnected, is
/// given what is outstanding. One stream a host: a newer one closes the older, which may be a connection that died
/// without a word.
final class AgentHub: Sendable {
    static let bufferMax = 64

    enum Item: Sendable {
        case order(AgentOrder, sequence: Int64)
        case heartbeat
    }

    struct Session: Sendable {
        fileprivate let number: UInt64
        let host: HostID
        let items: AsyncStream<Item>
    }

    private struct State {
        var next: UInt64 = 1
        var sessions: [HostID: (number: UInt64, continuation: AsyncStream<Item>.Continuation)] = [:]
        var isClosed = false
    }

    private let state = Mutex(State())

    /// nil while the controller is stopping.
    func open(_ host: HostID) -> Session? {
        let (items, continuation) = AsyncStream.makeStream(
            of: Item.self, bufferingPolicy: .bufferingOldest(Self.bufferMax))
        return state.withLock { state in
            guard !state.isClosed else { return nil }
            let number = state.next
            state.next += 1
            state.sessions[host]?.continuation.finish()
            state.sessions[host] = (number, continuation)
            return Session(number: number, host: host, items: items)
        }
    }

    /// True where the host has no other stream: it is out of contact now.
    func close(_ session: Session) -> Bool {
        state.withLock { state in
            guard let current = state.sessions[session.host] else { return true }
            guard current.number == session.number else { return false }
            current.continuation.finish()
            state.sessions[session.host] = nil
            return true
        }
    }

    /// Its connection is gone: whoever waits for the next item waits no more.
    func finish(_ session: Session) {
        state.withLock { state in
            guard let current = state.sessions[session.host], current.number == session.number else { return }
            current.continuation.finish()
        }
    }

    /// False where the host has no stream, or was just cut off because its buffer is full.
    @discardableResult
    func send(_ order: AgentOrder, sequence: Int64, to host: HostID) -> Bool {
        state.withLock { state in
            guard let continuation = state.sessions[host]?.continuation else { return false }
            if case .enqueued = continuation.yield(.order(order, sequence: sequence)) { return true }
            continuation.finish()
            state.sessions[host] = nil
            return false
        }
    }

    /// What a host misses it hears otherwise, or later.
    func sendToAll(_ order: AgentOrder, sequence: Int64) {
        state.withLock { state in
            for (_, session) in state.sessions { session.continuation.yield(.order(order, sequence: sequence)) }
        }
    }

    /// Its last word, then the end of its stream. What it is told while it still reads may be lost; what it may do is not
    /// decided here.
    func end(_ host: HostID, saying order: AgentOrder, sequence: Int64) {
        state.withLock { state in
            guard let continuation = state.sessions.removeValue(forKey: host)?.continuation else { return }
            continuation.yield(.order(order, sequence: sequence))
            continuation.finish()
        }
    }

    /// - Parameter part: which of `parts` equal parts of the streams are meant.
    func heartbeat(part: UInt64, of parts: UInt64) {
        state.withLock { state in
            for (host, session) in state.sessions where session.number % parts == part % parts {
                guard case .dropped = session.continuation.yield(.heartbeat) else { continue }
                session.continuation.finish()
                state.sessions[host] = nil
            }
        }
    }

    func isOnline(_ host: HostID) -> Bool { state.withLock { $0.sessions[host] != nil } }
    var count: Int { state.withLock { $0.sessions.count } }
    var online: Set<HostID> { state.withLock { Set($0.sessions.keys) } }

    var isClosed: Bool { state.withLock { $0.isClosed } }

    /// Its last word to everybody, then the end of every stream; it opens no more: part of stopping.
    func closeAll(saying order: (_ streams: Int) -> AgentOrder) {
        state.withLock { state in
            state.isClosed = true
            // About no entry of the log, nor does it wait to know one.
            let last = Item.order(order(state.sessions.count), sequence: 0)
            for (_, session) in state.sessions {
                session.continuation.yield(last)
                session.continuation.finish()
            }
        }
    }
}
