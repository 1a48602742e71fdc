import ControllerAPI
import Hummingbird
import ReleaseDefinition

extension ControllerRoutes {
    static func policy(_ controller: Controller) -> [Route] {
        [
            Route(.get, "/v1/policy", access: .person(.view), scope: .shown) { _ in
                Responses.json(try await controller.policyView())
            },
            Route(.get, "/v1/policy/versions", access: .person(.view), scope: .shown) { request in
                try ListPages.respond(await controller.policyViews(), to: request) { "\($0.version)" }
            },
            Route(.get, "/v1/policy/versions/{version}", access: .person(.view), scope: .shown) { request in
                let text = request.parameters["version"] ?? ""
                guard let version = Int(text), version > 0 else {
                    throw ControllerError.notFound("version \(text) of the policy")
                }
                return Responses.json(try await controller.policyView(version))
            },
            Route(.post, "/v1/policy", access: .person(.administer)) { request in
                let body = try await request.json(PolicyRequest.self)
                return Responses.json(try await controller.applyPolicy(body, by: request.actor), status: .created)
            },
            Route(.post, "/v1/policy/checks", access: .person(.view), scope: .shown) { request in
                let body = try await request.json(PolicyRequest.self)
                _ = try await controller.checkedPolicy(body.text)
                return Responses.json(PolicyCheckView(environments: controller.configuration.environments))
            },
            Route(.post, "/v1/rollouts/preflight", access: .person(.view), scope: preflightScope) { request in
                let body = try await request.json(PreflightRequest.self)
                return Responses.json(try await controller.preflight(body.rollout, wait: body.wait))
            },
            // The policy itself says who may; this right only keeps strangers away.
            Route(.post, "/v1/policy/overrides", access: .person(.view), scope: .shown) { request in
                guard case .person(let person) = request.caller else { throw ControllerError.notFound("person") }
                let body = try await request.json(PolicyOverrideRequest.self)
                return Responses.json(try await controller.overridePolicy(body, by: person), status: .created)
            },
            Route(.get, "/v1/policy/overrides", access: .person(.view), scope: .shown) { _ in
                Responses.json(ListView(items: await controller.policyOverrideViews()))
            },
        ]
    }

    private static let preflightScope = RouteScope.objects("rollout") { request, controller in
        let definition = try await request.json(PreflightRequest.self).rollout
        return await controller.scopedObjects(
            definition.release.product, definition.environment, matching: definition.hosts)
    }
}
