import ControllerAPI
import Hummingbird
import ReleaseDefinition

extension ControllerRoutes {
    /// The controller's own health, and what people owe after an emergency.
    static func care(_ controller: Controller) -> [Route] {
        [
            Route(.get, "/v1/doctor", access: .person(.view)) { _ in
                Responses.json(try await controller.examine())
            },
            Route(.get, "/v1/retention", access: .person(.view)) { _ in
                Responses.json(try await controller.retentionView())
            },
            Route(.get, "/v1/emergencies", access: .person(.view)) { request in
                try ListPages.respond(await controller.emergencyViews(), to: request, key: \.rollout.text)
            },
            Route(.post, "/v1/emergencies/{rollout}/review", access: .person(.deploy)) { request in
                let rollout = try request.parameter("rollout", as: RolloutID.self)
                let body = try await request.json(EmergencyReviewRequest.self)
                return Responses.json(try await controller.review(rollout, body, by: request.actor))
            },
        ]
    }
}
