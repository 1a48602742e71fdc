import Hummingbird
import NIOCore
import ReleaseDefinition

/// How fast a request's body must come: who drips one holds a connection, and what reads it, for a bounded time.
struct BodyPace: Sendable {
    /// No body is judged before.
    var grace = TimeAmount.seconds(30)
    /// From then on, of all that came since the head: a gigabyte comes over the slowest line that is worth waiting for,
    /// and the largest document of a person or a host has less than five minutes.
    var bytesPerSecond: Int64 = 4 << 10

    /// - Throws: `controller.request.tooSlow` (408). What the peer sends after that is not waited for (`ConnectionPatience`).
    func check(_ received: Int64, since start: NIODeadline, at now: NIODeadline = .now()) throws {
        let elapsed = now - start
        guard elapsed > grace else { return }
        let due = Double((elapsed - grace).nanoseconds) / 1e9 * Double(bytesPerSecond)
        guard Double(received) < due else { return }
        throw ControllerError(
            .requestTimeout, code: "request.tooSlow",
            summary:
                "Of the body \(ByteCount(received)) came in \(elapsed.nanoseconds / 1_000_000_000) s; it must come "
                + "with \(ByteCount(bytesPerSecond)) a second.",
            remedy: "Send it again over a faster line.")
    }
}

extension RouteRequest {
    /// The body as it comes, bounded in length and in time.
    /// - Throws: `controller.request.bodyTooLarge`, `controller.request.tooSlow`, `controller.request.bodyBroken`.
    func readBody(_ receive: (ByteBuffer) throws -> Void) async throws {
        let start = NIODeadline.now()
        var size: Int64 = 0
        var parts = request.body.makeAsyncIterator()
        while true {
            let part: ByteBuffer?
            do { part = try await parts.next() } catch {
                throw ControllerError(
                    .badRequest, code: "request.bodyBroken", summary: "The body broke off.", remedy: "Send it again.",
                    cause: "\(error)")
            }
            guard let part else { return }
            size += Int64(part.readableBytes)
            guard size <= bodySizeMax.value else {
                throw ControllerError(
                    .contentTooLarge, code: "request.bodyTooLarge",
                    summary: "The body is longer than \(bodySizeMax).",
                    remedy: "Send a smaller one; of a release, leave out what hosts do not need.")
            }
            try pace.check(size, since: start)
            try receive(part)
        }
    }
}
