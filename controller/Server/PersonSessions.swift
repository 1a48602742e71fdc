import Effects
import ReleaseDefinition
import Synchronization

/// Console sessions: a token is typed once, the browser then holds a cookie that means it. In memory only: a restart
/// asks for the token again.
final class PersonSessions: Sendable {
    static let cookieName = "__Host-slipway"
    static let lifetime = TimeSpan.hours(12)
    static let sessionsMax = 1024

    private struct Session {
        /// The id of the token that was typed.
        var token: String
        var expiresAt: UTCInstant
    }

    private let time: any TimeDoor
    private let random: any RandomDoor
    private let sessions = Mutex<[SHA256Digest: Session]>([:])

    init(time: any TimeDoor, random: any RandomDoor) {
        self.time = time
        self.random = random
    }

    /// The `Set-Cookie` value of a new session.
    func open(with token: PeopleRecord.Token) -> String {
        let secret = Hexadecimal.encode(random.bytes(32))
        let now = time.now()
        sessions.withLock { sessions in
            sessions = sessions.filter { $0.value.expiresAt > now }
            if sessions.count >= Self.sessionsMax,
                let oldest = sessions.min(by: { $0.value.expiresAt < $1.value.expiresAt })
            {
                sessions[oldest.key] = nil
            }
            sessions[Self.hash(secret)] = Session(token: token.id, expiresAt: now + Self.lifetime)
        }
        let age = Self.lifetime.milliseconds / 1000
        return "\(Self.cookieName)=\(secret); Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=\(age)"
    }

    /// With which token the session that the `Cookie` header names began.
    func token(cookieHeader: String) -> String? {
        guard let secret = Self.secret(cookieHeader) else { return nil }
        let now = time.now()
        return sessions.withLock { sessions in
            guard let session = sessions[Self.hash(secret)], session.expiresAt > now else { return nil }
            return session.token
        }
    }

    func close(cookieHeader: String) {
        guard let secret = Self.secret(cookieHeader) else { return }
        sessions.withLock { $0[Self.hash(secret)] = nil }
    }

    static let expiredCookie = "\(cookieName)=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0"

    private static func secret(_ header: String) -> String? {
        for part in header.split(separator: ";") {
            let pair = part.drop { $0 == " " }.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if pair.count == 2, pair[0] == cookieName { return String(pair[1]) }
        }
        return nil
    }

    private static func hash(_ secret: String) -> SHA256Digest { SHA256Digest(of: Array(secret.utf8)) }
}
