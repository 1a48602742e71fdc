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
                let after = try request.number("after", in: 0...Int64.max) ?? 0
                let before = try request.number("before", in: 1...Int64.max)
                let limit = Int(try request.number("limit", in: 1...Int64(ListPages.limitMax)) ?? 100)
                // One more than is shown tells whether there is more.
                let entries = try await controller.auditEntries(after: after, before: before, limit: limit + 1)
                let page = Array(entries.prefix(limit))
                return Responses.json(
                    ListView(items: page, next: entries.count > limit ? page.last.map { "\($0.sequence)" } : nil))
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
