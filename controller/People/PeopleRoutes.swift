import ControllerAPI
import Hummingbird
import ReleaseDefinition

extension ControllerRoutes {
    static func people(_ controller: Controller) -> [Route] {
        [
            Route(.get, "/v1/sign-in", access: .anyone(because: "whoever has no token yet asks where there are some")) {
                _ in
                Responses.json(try await controller.signInView())
            },
            Route(.post, "/v1/tokens", access: .person(.administer)) { request in
                let body = try await request.json(TokenRequest.self)
                return Responses.json(try await controller.createToken(body, by: request.actor), status: .created)
            },
            Route(.get, "/v1/tokens", access: .person(.administer)) { request in
                try ListPages.respond(await controller.tokenViews(), to: request, key: \.id)
            },
            Route(.post, "/v1/tokens/{id}/revoke", access: .person(.administer)) { request in
                let reason = try await request.json(HostReasonRequest.self)
                let id = request.parameters["id"] ?? ""
                return Responses.json(try await controller.revokeToken(id, reason, by: request.actor))
            },
            Route(.post, "/v1/grants", access: .person(.administer)) { request in
                let body = try await request.json(GrantRequest.self)
                return Responses.json(try await controller.grant(body, by: request.actor), status: .created)
            },
            Route(.get, "/v1/grants", access: .person(.administer)) { request in
                try ListPages.respond(await controller.grantViews(), to: request, key: \.id)
            },
            Route(.post, "/v1/grants/{id}/remove", access: .person(.administer)) { request in
                let reason = try await request.json(HostReasonRequest.self)
                let id = request.parameters["id"] ?? ""
                return Responses.json(try await controller.removeGrant(id, reason, by: request.actor))
            },
            Route(.get, "/v1/audit", access: .person(.view)) { request in
                let pages = try AuditPages(request)
                let entries = try await controller.auditEntries(
                    after: pages.after, before: pages.before, limit: pages.limit + 1)
                return pages.respond(entries, to: request)
            },
            Route(.get, "/v1/audit/export", access: .person(.view)) { request in
                let after = try request.number("after", in: 0...Int64.max) ?? 0
                return Responses.bytes(try await controller.auditLines(after: after), type: "application/x-ndjson")
            },
            Route(.get, "/v1/audit/head", access: .person(.view)) { _ in
                Responses.json(try await controller.auditHead())
            },
        ]
    }
}
