import ControllerAPI
import Hummingbird
import ReleaseDefinition

extension ControllerRoutes {
    /// The record of each release.
    static func lifecycle(_ controller: Controller) -> [Route] {
        let base = "/v1/releases/{product}/{version}"
        return [
            Route(.get, "/v1/lifecycles", access: .person(.view), scope: .shown) { request in
                let views = await controller.lifecycleViews()
                return try ListPages.respond(
                    views.filter { request.covers(.view, ScopedObject(product: $0.release.product)) }, to: request,
                    key: \.release.description)
            },
            // `?from=`, `?until=`: moments in UTC; the last 90 days unless given.
            Route(.get, "/v1/reports/measures", access: .person(.view)) { request in
                let from = try moment(request, "from")
                let until = try moment(request, "until")
                return Responses.json(ListView(items: try await controller.measures(from: from, until: until)))
            },
            Route(.get, "\(base)/lifecycle", access: .person(.view), scope: .product) { request in
                Responses.json(try await controller.lifecycleView(try name(request)))
            },
            Route(.post, "\(base)/plan", access: .person(.submitReleases), scope: .product) { request in
                let body = try await request.json(ReleasePlanRequest.self)
                return Responses.json(
                    try await controller.planRelease(
                        try name(request), body, by: try person(request)))
            },
            Route(
                .post, "\(base)/evidence", access: .person(.submitReleases), scope: .product,
                bodySizeMax: ByteCount(EvidenceRequest.documentMax.value / 2 * 3)
            ) { request in
                let (name, body) = (try name(request), try await request.json(EvidenceRequest.self))
                let material = try await EvidenceMaterial.read(body, about: name, at: controller)
                return Responses.json(
                    try await controller.addEvidence(name, material, by: try person(request)),
                    status: .created)
            },
            Route(.get, "\(base)/evidence/{id}", access: .person(.view), scope: .product) { request in
                let bytes = try await controller.evidenceBytes(
                    try name(request), request.parameters["id"] ?? "", document: request.query("part") == "document")
                return Responses.bytes(bytes, type: "application/octet-stream")
            },
            Route(.post, "\(base)/authorisations", access: .person(.approveReleases), scope: .product) { request in
                let body = try await request.json(ReleaseConsentRequest.self)
                return Responses.json(
                    try await controller.authoriseRelease(try name(request), body, by: try person(request)))
            },
            Route(.post, "\(base)/declines", access: .person(.approveReleases), scope: .product) { request in
                let body = try await request.json(ReleaseDeclineRequest.self)
                return Responses.json(
                    try await controller.decline(try name(request), body, by: try person(request)))
            },
        ] + after(controller, base)
    }

    /// From the rollout to the closed file.
    private static func after(_ controller: Controller, _ base: String) -> [Route] {
        [
            Route(.post, "\(base)/deviations", access: .person(.deploy), scope: .product) { request in
                let body = try await request.json(DeviationRequest.self)
                return Responses.json(
                    try await controller.addDeviation(try name(request), body, by: try person(request)),
                    status: .created)
            },
            Route(.post, "\(base)/deviations/{id}/resolve", access: .person(.deploy), scope: .product) { request in
                let body = try await request.json(DeviationResolveRequest.self)
                return Responses.json(
                    try await controller.resolveDeviation(
                        try name(request), request.parameters["id"] ?? "", body, by: try person(request)))
            },
            Route(.post, "\(base)/known-errors", access: .person(.deploy), scope: .product) { request in
                let body = try await request.json(KnownErrorRequest.self)
                return Responses.json(
                    try await controller.addKnownError(try name(request), body, by: try person(request)),
                    status: .created)
            },
            Route(.post, "\(base)/feedback", access: .person(.view), scope: .product) { request in
                let body = try await request.json(FeedbackRequest.self)
                return Responses.json(
                    try await controller.giveFeedback(try name(request), body, by: try person(request).name),
                    status: .created)
            },
            Route(.post, "\(base)/feedback-links", access: .person(.deploy), scope: .product) { request in
                let body = try await request.json(FeedbackLinkRequest.self)
                return Responses.json(
                    try await controller.makeFeedbackLink(try name(request), body), status: .created)
            },
            Route(.get, "\(base)/review", access: .person(.view), scope: .product) { request in
                Responses.json(try await controller.reviewView(try name(request)))
            },
            Route(.post, "\(base)/review", access: .person(.deploy), scope: .product) { request in
                let body = try await request.json(ReleaseReviewRequest.self)
                return Responses.json(
                    try await controller.reviewRelease(try name(request), body, by: try person(request)))
            },
            Route(.post, "\(base)/close", access: .person(.deploy), scope: .product) { request in
                let release = try name(request)
                // Whether files are as they were signed is asked now, not believed from before.
                let askedAt = controller.time.now()
                try await controller.lookForDrift(release)
                return Responses.json(
                    try await controller.closeRelease(release, by: try person(request), askedAt: askedAt))
            },
        ]
    }

    private static func person(_ request: RouteRequest) throws -> PersonRecord {
        guard case .person(let person) = request.caller else { throw ControllerError.notFound("person") }
        return person
    }

    private static func moment(_ request: RouteRequest, _ name: String) throws -> UTCInstant? {
        guard let text = request.query(name) else { return nil }
        do { return try UTCInstant(text) } catch {
            throw ControllerError.badRequest("moment", error.summary, remedy: error.remedy)
        }
    }
}

extension Controller {
    /// Has the hosts of the release compare their files, and waits for them a little.
    nonisolated func lookForDrift(_ name: ReleaseName) async throws {
        let lifecycle = try await known(name)
        guard lifecycle.record.package != nil else { return }
        let definition = RolloutDefinition(release: name, environment: lifecycle.live, strategy: .bigBang)
        _ = try await preflight(definition, wait: .seconds(20))
    }
}
