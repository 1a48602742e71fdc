import Hummingbird
import ReleaseDefinition
import Synchronization

/// `Idempotency-Key` on POST: whoever did not hear the answer asks again with the same key and gets that answer; nothing is done
/// twice. Kept for a day in this process; what was refused or failed is not kept, so that it can be tried again.
final class IdempotencyKeys: Sendable {
    static let header = "Idempotency-Key"
    static let lifetime = TimeSpan.days(1)
    private static let keysMax = 10_000
    private static let keyLengthMax = 255
    /// Their answers hold what is shown once: it is not kept here either.
    private static let secretRoutes: Set<String> = ["/v1/tokens", "/v1/hosts/invitations"]

    struct Key: Hashable, Sendable {
        var actor: String
        var word: String
    }

    private struct Entry {
        /// Of method, path, query and body.
        var request: SHA256Digest
        var at: UTCInstant
        /// nil: it is still being answered.
        var response: Response?
    }

    private let entries = Mutex<[Key: Entry]>([:])

    /// - Throws: `controller.request.idempotencyKey` (400, 422), `controller.conflict.idempotencyKey` (409).
    func answer(
        _ request: RouteRequest, at now: UTCInstant, _ respond: () async throws -> Response
    ) async throws -> Response {
        guard request.request.method == .post, case .person = request.caller, let word = request.header(Self.header),
            request.bodySizeMax <= Route.bodySizeMaxByDefault, !Self.secretRoutes.contains(request.request.uri.path)
        else { return try await respond() }
        guard (1...Self.keyLengthMax).contains(word.utf8.count) else {
            throw ControllerError.badRequest(
                "idempotencyKey", "The key has \(word.utf8.count) bytes, 1 to \(Self.keyLengthMax) are taken.",
                remedy: "Send a UUID.")
        }
        let key = Key(actor: request.actor, word: word)
        let head = Array("\(request.request.method) \(request.request.uri.string)\n".utf8)
        let digest = SHA256Digest(of: head + (try await request.body()))
        if let known = try begin(key, digest, at: now) { return known }
        do {
            let response = try await respond()
            entries.withLock { $0[key]?.response = response }
            return response
        } catch {
            entries.withLock { $0[key] = nil }
            throw error
        }
    }

    /// - Returns: the answer that was given before.
    private func begin(_ key: Key, _ digest: SHA256Digest, at now: UTCInstant) throws -> Response? {
        try entries.withLock { entries in
            if let entry = entries[key], entry.at + Self.lifetime > now {
                guard entry.request == digest else {
                    throw ControllerError(
                        .unprocessableContent, code: "request.idempotencyKey",
                        summary: "The key \(key.word.debugDescription) was used for another request.",
                        remedy: "A key belongs to one request: make another.")
                }
                guard let response = entry.response else {
                    throw ControllerError.conflict(
                        "idempotencyKey",
                        "The first request with the key \(key.word.debugDescription) is still running.",
                        remedy: "Ask again in a moment.")
                }
                return response
            }
            if entries.count >= Self.keysMax {
                entries = entries.filter { $0.value.at + Self.lifetime > now }
                // Still too many: the oldest half goes.
                if entries.count >= Self.keysMax {
                    let middle = entries.values.map(\.at).sorted()[entries.count / 2]
                    entries = entries.filter { $0.value.at > middle || $0.value.response == nil }
                }
            }
            entries[key] = Entry(request: digest, at: now)
            return nil
        }
    }
}
