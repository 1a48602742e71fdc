import AgentProtocol
import Hummingbird
import NIOCore
import ReleaseDefinition

/// `GET /v1/agent/stream`: the host's orders as they come, a heartbeat between them. Opening it means contact, its end
/// means none.
enum AgentStream {
    static let path = "/v1/agent/stream"

    private static let heartbeat = ByteBuffer(string: EventText.heartbeat)

    /// There are thousands of these at once, so each is one task that waits for one thing; that the connection was closed
    /// is said by the connection. Who does not read is cut off by the hub.
    static func respond(_ request: RouteRequest, _ controller: Controller) async throws -> Response {
        guard case .host(let host) = request.caller else { throw ControllerError.notFound("host") }
        guard !controller.hub.isClosed else {
            throw ControllerError(
                .serviceUnavailable, code: "stopping", summary: "This controller ends.",
                remedy: "Ask again in a moment: it starts anew, or another one answers.")
        }
        let closed = request.closed
        return Response(
            status: .ok, headers: [.contentType: Responses.eventStream, .cacheControl: "no-store"],
            body: ResponseBody { writer in
                guard let session = controller.hub.open(host) else { return try await writer.finish(nil) }
                closed.whenComplete { _ in controller.hub.finish(session) }
                do {
                    try await writer.write(heartbeat)
                    await offLoop { await controller.contactBegan(host) }
                    for await item in session.items {
                        switch item {
                        case .heartbeat: try await writer.write(heartbeat)
                        case .order(let order, let sequence):
                            let text = EventText.event(order.eventName, id: sequence, data: order.data)
                            try await writer.write(ByteBuffer(string: text))
                        }
                    }
                } catch {
                    controller.logger.debug("stream ended", metadata: ["host": "\(host)", "error": "\(error)"])
                }
                // The task may be cancelled here: what follows must not depend on it.
                if controller.hub.close(session) { await offLoop { await controller.contactEnded(host) } }
                try await writer.finish(nil)
            })
    }
}
