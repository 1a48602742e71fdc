import ControllerAPI
import Hummingbird
import ReleaseDefinition

extension ControllerRoutes {
    static func freezes(_ controller: Controller) -> [Route] {
        [
            Route(.get, "/v1/freezes", access: .person(.view), scope: .shown) { request in
                try ListPages.respond(await controller.freezeViews(), to: request, key: \.id)
            },
            Route(.post, "/v1/freezes", access: .person(.deploy), scope: freezeScope) { request in
                let body = try await request.json(FreezeRequest.self)
                return Responses.json(
                    try await controller.declareFreeze(body, by: request.actor), status: .created)
            },
            Route(.post, "/v1/freezes/{id}/lift", access: .person(.deploy), scope: liftScope) { request in
                let body = try await request.json(ReasonRequest.self)
                let id = request.parameters["id"] ?? ""
                return Responses.json(try await controller.liftFreeze(id, body, by: request.actor))
            },
        ]
    }

    /// Whoever stops a part of the fleet must have the right over all of that part.
    private static let freezeScope = RouteScope.objects("freeze") { request, controller in
        let body = try await request.json(FreezeRequest.self)
        return await controller.scopedObjects(body.product, body.environment, matching: body.hosts ?? .all)
    }

    private static let liftScope = RouteScope.objects("freeze") { request, controller in
        let id = request.parameters["id"] ?? ""
        guard let it = await controller.state.freezes.first(where: { $0.declared.id == id })?.declared else {
            return []
        }
        return await controller.scopedObjects(it.product, it.environment, matching: it.hosts)
    }
}
