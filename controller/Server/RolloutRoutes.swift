import ControllerAPI
import Hummingbird
import ReleaseDefinition

extension ControllerRoutes {
    static func rollouts(_ controller: Controller) -> [Route] {
        [
            Route(.post, "/v1/rollouts", access: .person(.deploy), scope: .newRollout) { request in
                let definition = try await request.json(RolloutDefinition.self)
                let plan = try request.query("plan").map { try SHA256Digest(hex: $0) }
                let hostChanges = Int(try request.number("acceptHostChanges", in: 0...Int64.max) ?? 0)
                await controller.waitForPatches(to: definition.release)
                return Responses.json(
                    try await controller.start(
                        definition, plan: plan, acceptHostChanges: hostChanges, by: request.actor),
                    status: .created)
            },
            Route(.post, "/v1/rollouts/plans", access: .person(.deploy), scope: .newRollout) { request in
                let definition = try await request.json(RolloutDefinition.self)
                return Responses.json(try await controller.plan(definition, by: request.actor), status: .created)
            },
            Route(.post, "/v1/rollouts/order", access: .person(.view), scope: .orderedRollouts) { request in
                let body = try await request.json(RolloutOrderRequest.self)
                return Responses.json(ListView(items: try await controller.order(body.rollouts)))
            },
            Route(.get, "/v1/rollouts/plans/{digest}", access: .person(.view), scope: .plan) { request in
                Responses.json(try await controller.planView(planDigest(request)))
            },
            Route(
                .post, "/v1/rollouts/plans/{digest}/authorisations", access: .person(.approveReleases), scope: .plan
            ) { request in
                let body = try await request.json(RolloutAuthorisation.self)
                return Responses.json(
                    try await controller.authorise(planDigest(request), body, by: request.actor))
            },
            Route(.get, "/v1/rollouts", access: .person(.view), scope: .shown) { request in
                guard case .person(let person) = request.caller else { throw ControllerError.notFound("person") }
                return try ListPages.respond(
                    await controller.rolloutViews(for: person), to: request, key: \.id.text)
            },
            Route(.get, "/v1/rollouts/{id}", access: .person(.view), scope: .rollout) { request in
                Responses.json(try await controller.rolloutView(request.parameter("id", as: RolloutID.self)))
            },
            Route(.get, "/v1/rollouts/{id}/why", access: .person(.view), scope: .rollout) { request in
                let id = try request.parameter("id", as: RolloutID.self)
                return Responses.json(try await controller.why(id, host: request.query("host").map { try HostID($0) }))
            },
            Route(.get, "/v1/hosts/{id}/why", access: .person(.view), scope: .host) { request in
                let host = try request.parameter("id", as: HostID.self)
                let release = try ReleaseName(request.query("release") ?? "")
                return Responses.json(try await controller.why(host, release: release))
            },
            Route(.get, "/v1/rollouts/{id}/events", access: .person(.view), scope: .rollout) { request in
                try await changes(request, controller, of: request.parameter("id", as: RolloutID.self))
            },
            Route(.get, "/v1/events", access: .person(.view)) { request in
                try await changes(request, controller, of: nil)
            },
            Route(.post, "/v1/pushes", access: .person(.deploy), scope: .push) { request in
                let push = try await request.json(PushRequest.self)
                await controller.waitForPatches(to: push.release)
                return Responses.json(try await controller.push(push, by: request.actor), status: .created)
            },
            Route(.post, "/v1/rehearsals", access: .person(.deploy), scope: .newRehearsal) { request in
                let body = try await request.json(RehearsalRequest.self)
                await controller.waitForPatches(to: body.release)
                return Responses.json(try await controller.rehearse(body, by: request.actor), status: .created)
            },
            Route(.get, "/v1/rehearsals/{id}", access: .person(.view), scope: .rehearsal) { request in
                Responses.json(try await controller.rehearsalView(request.parameter("id", as: RolloutID.self)))
            },
            Route(.post, "/v1/emergency-pushes", access: .person(.pushEmergencies), scope: .emergencyPush) { request in
                let push = try await request.json(EmergencyPushRequest.self)
                // It waits for nothing.
                await controller.beginPatches(to: push.release)
                return Responses.json(try await controller.emergencyPush(push, by: request.actor), status: .created)
            },
        ]
            + RolloutVerb.allCases.map { verb in
                Route(.post, "/v1/rollouts/{id}/\(verb.rawValue)", access: .person(.deploy), scope: .rolloutInFuture) {
                    request in
                    let id = try request.parameter("id", as: RolloutID.self)
                    let body = try await request.json(RolloutVerbRequest.self)
                    return Responses.json(try await controller.act(verb, on: id, body, by: request.actor))
                }
            }
    }

    static func planDigest(_ request: RouteRequest) throws -> SHA256Digest {
        let text = request.parameters["digest"] ?? ""
        guard let digest = try? SHA256Digest(hex: text) else { throw ControllerError.notFound("plan \(text)") }
        return digest
    }

    /// The history from `Last-Event-ID` on, then every change as it happens.
    private static func changes(
        _ request: RouteRequest, _ controller: Controller, of id: RolloutID?
    ) async throws -> Response {
        // A browser cannot set the header on its first connection, and says it in the address.
        let header = request.header("Last-Event-ID").flatMap { Int64($0) }
        let last = try header ?? request.number("after", in: 0...Int64.max) ?? 0
        let (number, items) = try await controller.changes(of: id, after: last)
        return Responses.events(request.request) { write in
            defer { controller.watchers.remove(number) }
            try await write(EventText.heartbeat)
            for await item in items {
                switch item {
                case .heartbeat: try await write(EventText.heartbeat)
                case .change(let change):
                    let data = try JSONCoding.value(of: change)
                    try await write(EventText.event(RolloutChange.eventName, id: change.sequence, data: data))
                }
            }
        }
    }
}
