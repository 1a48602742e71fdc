import AgentProtocol
import Hummingbird
import ReleaseDefinition

/// `GET /v1/agent/stream`: the host's orders as they come, a heartbeat between them. Opening it means contact, its end
/// means none.
enum AgentStream {
    static func respond(_ request: RouteRequest, _ controller: Controller) async throws -> Response {
        guard case .host(let host) = request.caller else { throw ControllerError.notFound("host") }
        return Responses.events(request.request) { write in
            guard let session = controller.hub.open(host) else { return }
            do {
                try await write(EventText.heartbeat)
                await controller.contactBegan(host)
                for await item in session.items {
                    switch item {
                    case .heartbeat: try await write(EventText.heartbeat)
                    case .order(let order, let sequence):
                        try await write(EventText.event(order.eventName, id: sequence, data: order.data))
                    }
                }
            } catch {
                controller.logger.debug("stream ended", metadata: ["host": "\(host)", "error": "\(error)"])
            }
            // The task may be cancelled here: what follows must not depend on it.
            if controller.hub.close(session) { await controller.contactEnded(host) }
        }
    }
}
