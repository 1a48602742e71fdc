import Hummingbird
import Logging
import NIOCore
import ReleaseDefinition
import Synchronization

/// `Idempotency-Key` on POST: whoever did not hear the answer asks again with the same key and gets that answer; nothing is done
/// twice, at this controller or another of its cluster, and whether it ran on or was killed in between. Kept for a day; what was
/// refused before it changed anything is not kept, so that it can be tried again.
final class IdempotencyKeys: Sendable {
    static let header = "Idempotency-Key"
    private static let keyLengthMax = 255
    /// Longer answers are not kept; what they were about is.
    static let answerMax = 8 << 20
    /// Their answers hold what is shown once: that they were asked is kept, the answer is not.
    private static let secretRoutes: Set<String> = [
        "/v1/tokens", "/v1/hosts/invitations", "/v1/releases/{product}/{version}/feedback-links",
    ]
    /// Its answer is a file, which is the same however often it is made.
    private static let fileRoute = "/v1/releases/{product}/{version}/export"

    /// Where a key counts. Whoever may look alone changes nothing, and pushes nobody's key out; a body that is a file is not
    /// read twice.
    private static func count(for route: Route) -> Bool {
        guard route.method == .post, case .person(let permission) = route.access else { return false }
        return permission != .view && route.bodySizeMax <= Route.bodySizeMaxByDefault && route.path != fileRoute
    }

    /// Being answered here, with the digest of what was asked.
    private let running = Mutex<[SHA256Digest: SHA256Digest]>([:])

    /// - Parameter respond: answers the request; with what must be kept together with its first change.
    /// - Throws: `controller.request.idempotencyKey` (400, 422), `controller.conflict.idempotencyKey` (409).
    func answer(
        _ request: RouteRequest, _ route: Route, at controller: Controller,
        _ respond: (KeptRequest?) async throws -> Response
    ) async throws -> Response {
        guard Self.count(for: route), case .person = request.caller, let word = request.header(Self.header)
        else { return try await respond(nil) }
        let isSecret = Self.secretRoutes.contains(route.path)
        let isVisible = word.utf8.allSatisfy { (UInt8(ascii: "!")...UInt8(ascii: "~")).contains($0) }
        guard (1...Self.keyLengthMax).contains(word.utf8.count), isVisible else {
            throw ControllerError.badRequest(
                "idempotencyKey",
                "The key has \(word.utf8.count) bytes; 1 to \(Self.keyLengthMax) visible characters of ASCII are taken.",
                remedy: "Send a UUID.")
        }
        let (store, now) = (controller.store, controller.time.now())
        let head = Array("\(request.request.method) \(request.request.uri.string)\n".utf8)
        var kept = KeptRequest(
            key: SHA256Digest(of: Array("\(request.actor)\n\(word)".utf8)), person: request.actor,
            digest: SHA256Digest(of: head + (try await request.body())), at: now)
        try begin(kept, word)
        defer { running.withLock { $0[kept.key] = nil } }
        if let known = try store.request(kept.key) {
            if !known.isOver(at: now) { return try answer(again: known, kept, word, isSecret: isSecret) }
            try store.forgetRequests(of: request.actor, at: now)
        }
        let response = try await respond(kept)
        if !isSecret { kept.answer = try await Self.bytes(of: response) }
        // It was done, and is said to be, also where that cannot be kept.
        if isSecret || kept.answer != nil {
            do {
                try store.keep(kept)
                try store.forgetRequests(of: request.actor, at: now)
            } catch {
                controller.logger.warning(
                    "the answer to a request with a key is not kept", metadata: ["error": "\(ReportedError(error))"])
            }
        }
        return response
    }

    private func begin(_ kept: KeptRequest, _ word: String) throws {
        let first = running.withLock { running in
            let first = running[kept.key]
            if first == nil { running[kept.key] = kept.digest }
            return first
        }
        guard let first else { return }
        guard first == kept.digest else { throw Self.another(word) }
        throw ControllerError.requestIsKept()
    }

    private func answer(
        again known: KeptRequest, _ kept: KeptRequest, _ word: String, isSecret: Bool
    ) throws -> Response {
        guard known.digest == kept.digest else { throw Self.another(word) }
        guard !isSecret else { throw ControllerError.answerIsSecret() }
        guard let bytes = known.answer else { throw ControllerError.requestIsKept() }
        return try Self.response(bytes)
    }

    private static func another(_ word: String) -> ControllerError {
        ControllerError(
            .unprocessableContent, code: "request.idempotencyKey",
            summary: "The key \(word.debugDescription) was used for another request.",
            remedy: "A key belongs to one request: make another.")
    }
}

/// An answer as it is kept: a line with its head, then its body.
extension IdempotencyKeys {
    private struct Head: Codable {
        var status: Int
        var headers: [[String]]
    }

    /// nil: it is too long to be kept.
    private static func bytes(of response: Response) async throws -> [UInt8]? {
        guard let length = response.body.contentLength, length <= answerMax else { return nil }
        let fields = response.headers.map { [$0.name.rawName, $0.value] }
        let head = try JSONCoding.value(of: Head(status: response.status.code, headers: fields)).wireBytes
        let body = CollectedBody()
        try await response.body.write(body)
        return head + [UInt8(ascii: "\n")] + body.bytes.withLock { $0 }
    }

    private static func response(_ bytes: [UInt8]) throws -> Response {
        let line = bytes.prefix { $0 != UInt8(ascii: "\n") }
        let head = try JSONCoding.decode(Head.self, from: line)
        var response = Response(
            status: .init(code: head.status),
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes.dropFirst(line.count + 1))))
        for field in head.headers where field.count == 2 {
            if let name = HTTPFields.Element.Name(field[0]) { response.headers[name] = field[1] }
        }
        return response
    }
}

private final class CollectedBody: ResponseBodyWriter {
    let bytes = Mutex<[UInt8]>([])

    func write(_ buffer: ByteBuffer) async throws { bytes.withLock { $0 += buffer.readableBytesView } }
    func finish(_ trailingHeaders: HTTPFields?) async throws {}
}
