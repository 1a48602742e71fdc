import ControllerAPI
import Hummingbird
import ReleaseDefinition

extension ControllerRoutes {
    static func releases(_ controller: Controller) -> [Route] {
        [
            Route(
                .post, "/v1/releases", access: .person(.submitReleases), bodySizeMax: ReleaseIntake.uploadSizeMax
            ) { request in
                guard let text = request.query("environment"), let environment = try? EnvironmentName(text) else {
                    throw ControllerError.badRequest(
                        "environment", "The request names no environment.", remedy: "Add ?environment=NAME.")
                }
                let built = try await ReleaseIntake(controller: controller).manifest(from: request)
                let view = try await controller.submit(
                    built.manifest, bytes: built.bytes, environment: environment, by: request.actor)
                return Responses.json(view, status: .created)
            },
            Route(.get, "/v1/releases", access: .person(.view)) { _ in
                Responses.json(ListView(items: await controller.releaseViews()))
            },
            Route(.get, "/v1/releases/{product}/{version}", access: .person(.view)) { request in
                Responses.json(try await controller.releaseView(try name(request)))
            },
            Route(
                .post, "/v1/releases/{product}/{version}/promote", access: .person(.approveReleases)
            ) { request in
                let body = try await request.json(PromotionRequest.self)
                return Responses.json(
                    try await controller.promote(try name(request), to: body.environment, by: request.actor))
            },
            Route(.post, "/v1/releases/{product}/{version}/revoke", access: .person(.revokeReleases)) { request in
                let body = try await request.json(RevocationRequest.self)
                return Responses.json(
                    try await controller.revoke(
                        try name(request), in: body.environment, reason: body.reason, by: request.actor))
            },
        ]
    }

    static func repository(_ controller: Controller) -> [Route] {
        [
            Route(.get, "/repository/**", access: .anyone(because: "every file is signed or bound by digest")) {
                request in try RepositoryFiles.respond(request, controller.folder)
            }
        ]
    }

    private static func name(_ request: RouteRequest) throws -> ReleaseName {
        let product = try request.parameter("product", as: ProductName.self)
        let text = request.parameters["version"] ?? ""
        guard let version = try? ReleaseVersion(text) else {
            throw ControllerError.notFound("release \(product)@\(text)")
        }
        return ReleaseName(product: product, version: version)
    }
}
