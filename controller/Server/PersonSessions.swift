import Effects
import ReleaseDefinition
import Synchronization

/// How a console session began: its rights are looked up anew at each request.
enum SessionCredential: Sendable, Equatable {
    /// The id of the token that was typed.
    case token(String)
    /// What an issuer said.
    case identity(TokenClaims)
}

/// Console sessions: somebody signs in once, the browser then holds a cookie that means it. In memory only: a restart
/// asks again.
final class PersonSessions: Sendable {
    static let cookieName = "__Host-slipway"
    static let lifetime = TimeSpan.hours(12)
    static let sessionsMax = 1024

    private struct Session {
        var credential: SessionCredential
        var expiresAt: UTCInstant
        /// What its last form did: the next page says it.
        var told: String?
        /// Forms that were sent, the last ones.
        var sent: [(form: SHA256Digest, task: Task<Void, any Error>)] = []
    }

    private static let sentMax = 64

    private let time: any TimeDoor
    private let random: any RandomDoor
    private let sessions = Mutex<[SHA256Digest: Session]>([:])

    init(time: any TimeDoor, random: any RandomDoor) {
        self.time = time
        self.random = random
    }

    /// The `Set-Cookie` value of a new session.
    func open(_ credential: SessionCredential) -> String {
        let secret = Hexadecimal.encode(random.bytes(32))
        let now = time.now()
        sessions.withLock { sessions in
            sessions = sessions.filter { $0.value.expiresAt > now }
            if sessions.count >= Self.sessionsMax,
                let oldest = sessions.min(by: { $0.value.expiresAt < $1.value.expiresAt })
            {
                sessions[oldest.key] = nil
            }
            sessions[Self.hash(secret)] = Session(credential: credential, expiresAt: now + Self.lifetime)
        }
        let age = Self.lifetime.milliseconds / 1000
        return "\(Self.cookieName)=\(secret); Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=\(age)"
    }

    /// How the session that the `Cookie` header names began.
    func credential(cookieHeader: String) -> SessionCredential? {
        guard let secret = Self.value(of: Self.cookieName, in: cookieHeader) else { return nil }
        let now = time.now()
        return sessions.withLock { sessions in
            guard let session = sessions[Self.hash(secret)], session.expiresAt > now else { return nil }
            return session.credential
        }
    }

    /// For the forms of the session's pages: who does not see the cookie cannot make it, nor the cookie from it. nil: the
    /// header names no session.
    func proof(cookieHeader: String) -> String? {
        guard credential(cookieHeader: cookieHeader) != nil,
            let secret = Self.value(of: Self.cookieName, in: cookieHeader)
        else { return nil }
        return SHA256Digest(authenticating: Array("slipway: a form of the console".utf8), key: Array(secret.utf8)).hex
    }

    func tell(_ text: String, cookieHeader: String) {
        guard let secret = Self.value(of: Self.cookieName, in: cookieHeader) else { return }
        sessions.withLock { $0[Self.hash(secret)]?.told = text }
    }

    /// Once.
    func takeTold(cookieHeader: String) -> String? {
        guard let secret = Self.value(of: Self.cookieName, in: cookieHeader) else { return nil }
        return sessions.withLock { sessions in
            defer { sessions[Self.hash(secret)]?.told = nil }
            return sessions[Self.hash(secret)]?.told
        }
    }

    /// Does what a form asks for, once: whoever sends it while that is under way learns what comes of it, be it a refusal.
    /// What was refused may be sent again.
    /// - Returns: false: the session had sent this already, and it was done.
    /// - Throws: what `act` throws.
    func once(
        _ form: SHA256Digest, cookieHeader: String, _ act: @escaping @Sendable () async throws -> Void
    ) async throws -> Bool {
        guard let secret = Self.value(of: Self.cookieName, in: cookieHeader) else {
            try await act()
            return true
        }
        let key = Self.hash(secret)
        // Not the request's own task: who clicks twice leaves the first request, and it still counts.
        let (task, isFirst) = sessions.withLock { sessions -> (Task<Void, any Error>, Bool) in
            if let sent = sessions[key]?.sent.first(where: { $0.form == form }) { return (sent.task, false) }
            let task = Task { try await act() }
            sessions[key]?.sent.append((form, task))
            if let count = sessions[key]?.sent.count, count > Self.sentMax { sessions[key]?.sent.removeFirst() }
            return (task, true)
        }
        do { try await task.value } catch {
            if isFirst { sessions.withLock { $0[key]?.sent.removeAll { $0.form == form } } }
            throw error
        }
        return isFirst
    }

    func close(cookieHeader: String) {
        guard let secret = Self.value(of: Self.cookieName, in: cookieHeader) else { return }
        sessions.withLock { $0[Self.hash(secret)] = nil }
    }

    static let expiredCookie = "\(cookieName)=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0"

    static func value(of name: String, in header: String) -> String? {
        for part in header.split(separator: ";") {
            let pair = part.drop { $0 == " " }.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if pair.count == 2, pair[0] == name { return String(pair[1]) }
        }
        return nil
    }

    private static func hash(_ secret: String) -> SHA256Digest { SHA256Digest(of: Array(secret.utf8)) }
}
