import AgentProtocol
import ReleaseDefinition

/// Finds two agents that live with one identity (R30).
///
/// An agent that starts has a new session, and the one before it is dead: it never speaks again. So a session that was
/// followed by another and comes back means two lives. What a dead one sent may arrive late, once on each of its two
/// connections (stream and reports), hence `returnsMax`: the third return is none of those. Reconnecting, restarting the
/// agent or the machine, and several connections of one agent make no return at all.
///
/// In memory: a restart of the controller begins to count anew.
struct DuplicateWatch: Sendable {
    static let returnsMax = 3
    /// More sessions of one host than two copies make: restarts. The oldest is forgotten.
    private static let sessionsMax = 8

    private struct Life: Sendable {
        var session: AgentSession
        /// How often it came back after another.
        var returns = 0
    }

    private struct Lives: Sendable {
        var current: Life
        /// Those that were followed by another, in the order of their last word.
        var earlier: [Life] = []
    }

    private var hosts: [HostID: Lives] = [:]

    /// - Returns: the two sessions, where they are now known to be two.
    mutating func heard(_ session: AgentSession, of host: HostID) -> [AgentSession]? {
        guard var lives = hosts[host] else {
            hosts[host] = Lives(current: Life(session: session))
            return nil
        }
        guard lives.current.session != session else { return nil }
        var life = Life(session: session)
        if let position = lives.earlier.firstIndex(where: { $0.session == session }) {
            life = lives.earlier.remove(at: position)
            life.returns += 1
        } else {
            // A new agent: whoever spoke before is dead now, or must show anew that it is not.
            lives.current.returns = 0
            for position in lives.earlier.indices { lives.earlier[position].returns = 0 }
        }
        let before = lives.current
        lives.earlier.append(before)
        if lives.earlier.count > Self.sessionsMax { lives.earlier.removeFirst() }
        lives.current = life
        hosts[host] = lives
        return life.returns >= Self.returnsMax ? [before.session, session] : nil
    }

    /// After a person has looked.
    mutating func forget(_ host: HostID) { hosts[host] = nil }
}
