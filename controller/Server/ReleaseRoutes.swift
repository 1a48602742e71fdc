import ControllerAPI
import Hummingbird
import ReleaseDefinition

extension ControllerRoutes {
    static func releases(_ controller: Controller) -> [Route] {
        [
            Route(
                .post, "/v1/releases", access: .person(.submitReleases), scope: .upload,
                bodySizeMax: ReleaseIntake.uploadSizeMax
            ) { request in
                guard let text = request.query("environment"), let environment = try? EnvironmentName(text) else {
                    throw ControllerError.badRequest(
                        "environment", "The request names no environment.", remedy: "Add ?environment=NAME.")
                }
                let built = try await ReleaseIntake(controller: controller).manifest(from: request)
                let place = ScopedObject(product: built.manifest.product, environment: environment)
                try request.require(.submitReleases, on: place)
                let isNew = await controller.manifest(of: built.manifest.name) == nil
                let mayApprove = request.covers(.approveReleases, place)
                // The upload is read once.
                let view = try await controller.deciding {
                    try await controller.submit(
                        built.manifest, bytes: built.bytes, environment: environment, by: request.actor,
                        mayApprove: mayApprove)
                }
                await controller.beginPatches(to: built.manifest.name)
                return Responses.json(view, status: isNew ? .created : .ok)
            },
            Route(.get, "/v1/releases", access: .person(.view), scope: .shown) { request in
                let views = await controller.releaseViews()
                return try ListPages.respond(
                    views.filter { request.covers(.view, ScopedObject(product: $0.release.product)) }, to: request,
                    key: \.release.description)
            },
            Route(.get, "/v1/releases/{product}/{version}", access: .person(.view), scope: .product) { request in
                Responses.json(try await controller.releaseView(try name(request)))
            },
            Route(
                .post, "/v1/releases/{product}/{version}/promote", access: .person(.approveReleases),
                scope: .productInEnvironment
            ) { request in
                let body = try await request.json(PromotionRequest.self)
                return Responses.json(
                    try await controller.promote(try name(request), to: body.environment, by: request.actor))
            },
            Route(
                .post, "/v1/releases/{product}/{version}/revoke", access: .person(.revokeReleases),
                scope: .productInEnvironment
            ) { request in
                let body = try await request.json(RevocationRequest.self)
                return Responses.json(
                    try await controller.revoke(
                        try name(request), in: body.environment, reason: body.reason, by: request.actor))
            },
            Route(.post, "/v1/releases/{product}/{version}/export", access: .person(.deploy)) { request in
                let body = try await request.json(ExportRequest.self)
                let export = try await controller.export(try name(request), body, by: request.actor)
                return RepositoryFiles.respond(export) { controller.discard(export) }
            },
        ] + approvals(controller)
    }

    /// What approvers see and send: a candidate to look at, a signature.
    private static func approvals(_ controller: Controller) -> [Route] {
        [
            Route(
                .get, "/v1/releases/{product}/{version}/approvals", access: .person(.view), scope: .productQuery
            ) { request in
                let environment = try environment(request)
                return Responses.json(try await controller.changeView(of: try name(request), in: environment))
            },
            Route(
                .post, "/v1/releases/{product}/{version}/approvals", access: .person(.sendSignatures),
                scope: .productQuery
            ) { request in
                let upload = try await request.json(SignatureUpload.self)
                let change = try await controller.changeView(of: try name(request), in: try environment(request))
                return Responses.json(try await controller.signView(change.id, upload, by: request.actor))
            },
            Route(
                .post, "/v1/releases/{product}/{version}/emergency", access: .person(.pushEmergencies), scope: .product
            ) { request in
                let body = try await request.json(EmergencyApprovalRequest.self)
                return Responses.json(
                    try await controller.askForEmergency(
                        try name(request), reason: body.reason, by: request.actor))
            },
            Route(
                .post, "/v1/releases/{product}/{version}/withdraw", access: .person(.revokeReleases),
                scope: .productInEnvironment
            ) { request in
                let body = try await request.json(WithdrawalRequest.self)
                let name = try name(request)
                let place = try controller.place(body.environment)
                if place == .emergency { try request.require(.pushEmergencies, on: object(name, body.environment)) }
                return Responses.json(
                    try await controller.withdraw(
                        name, in: place, reason: body.reason, by: request.actor,
                        mayApprove: place == .emergency
                            || request.covers(.approveReleases, object(name, body.environment))))
            },
            Route(
                .post, "/v1/releases/{product}/{version}/floor", access: .person(.approveReleases),
                scope: .productInEnvironment
            ) { request in
                let body = try await request.json(FloorRequest.self)
                let name = try name(request)
                let place = try controller.place(body.environment)
                if place == .emergency { try request.require(.pushEmergencies, on: object(name, body.environment)) }
                return Responses.json(
                    try await controller.setFloor(name, in: place, reason: body.reason, by: request.actor))
            },
        ]
    }

    static func environment(_ request: RouteRequest) throws -> EnvironmentName {
        guard let text = request.query("environment"), let environment = try? EnvironmentName(text) else {
            throw ControllerError.badRequest(
                "environment", "The request names no environment.", remedy: "Add ?environment=NAME.")
        }
        return environment
    }

    private static func object(_ release: ReleaseName, _ environment: EnvironmentName) -> ScopedObject {
        ScopedObject(product: release.product, environment: environment)
    }

    static func repository(_ controller: Controller) -> [Route] {
        [
            Route(.get, "/repository/**", access: .anyone(because: "every file is signed or bound by digest")) {
                request in try await RepositoryFiles.respond(request, controller.folder, controller.repositoryTags)
            }
        ]
    }

    static func name(_ request: RouteRequest) throws -> ReleaseName {
        let product = try request.parameter("product", as: ProductName.self)
        let text = request.parameters["version"] ?? ""
        guard let version = try? ReleaseVersion(text) else {
            throw ControllerError.notFound("release \(product)@\(text)")
        }
        return ReleaseName(product: product, version: version)
    }
}
