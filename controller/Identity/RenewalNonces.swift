import AgentProtocol
import Effects
import ReleaseDefinition

/// Nonces for proofs of a key. They are not kept when they are given, so that asking for them fills no memory: each
/// carries its time and a mark that only this process can make. What was used is remembered until it would be too old.
struct RenewalNonces: Sendable {
    static let lifetime = TimeSpan.minutes(5)

    private let secret: [UInt8]
    private var used: [String: UTCInstant] = [:]

    init(random: any RandomDoor) { secret = random.bytes(32) }

    func make(random: any RandomDoor, at now: UTCInstant) -> RenewalNonce {
        let expiresAt = now + Self.lifetime
        let text = "\(expiresAt.millisecondsSince1970)-\(Hexadecimal.encode(random.bytes(16)))"
        return RenewalNonce(nonce: "\(text)-\(mark(text))", expiresAt: expiresAt)
    }

    /// True once for each nonce that this process made and that is not too old.
    mutating func use(_ nonce: String, at now: UTCInstant) -> Bool {
        used = used.filter { $0.value > now }
        let parts = nonce.split(separator: "-", omittingEmptySubsequences: false)
        guard nonce.utf8.count <= 256, parts.count == 3, let milliseconds = Int64(parts[0]),
            parts[2].utf8.elementsEqual(mark("\(parts[0])-\(parts[1])").utf8)
        else { return false }
        let expiresAt = UTCInstant(millisecondsSince1970: milliseconds)
        guard expiresAt > now, used[nonce] == nil else { return false }
        used[nonce] = expiresAt
        return true
    }

    /// A digest of secret, text and secret: nothing can be appended to it, and the secret has twice the bits needed.
    private func mark(_ text: String) -> String {
        SHA256Digest(of: Array(SHA256Digest(of: secret + Array(text.utf8)).hex.utf8) + secret).hex
    }
}
