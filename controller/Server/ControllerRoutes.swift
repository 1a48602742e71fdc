import AgentProtocol
import ControllerAPI
import Hummingbird
import NIOCore
import ReleaseDefinition

/// The route table of `/v1`, with what each row asks of its caller. Console rows are in `Console/`.
enum ControllerRoutes {
    static func all(_ controller: Controller) -> [Route] {
        let described = rows(controller)
        func contract(_ text: [UInt8]) -> Route {
            // One in memory, however many do not read it.
            let text = ByteBuffer(bytes: text)
            return Route(.get, "/openapi.yaml", access: .anyone(because: "it stands in the handbook too")) { _ in
                Responses.bytes(text, type: APIOperation.Answer.yaml.mediaType)
            }
        }
        return described + [contract(OpenAPIDocument(described + [contract([])]).json.prettyBytes)]
    }

    private static func rows(_ controller: Controller) -> [Route] {
        health(controller) + agents(controller) + hosts(controller) + rollouts(controller) + releases(controller)
            + repository(controller) + keys(controller) + people(controller) + policy(controller)
            + freezes(controller) + care(controller) + lifecycle(controller) + configuration(controller)
            + documents(controller)
    }

    private static func health(_ controller: Controller) -> [Route] {
        [
            Route(.get, "/livez", access: .anyone(because: "says only that the process answers")) { _ in
                Responses.text("ok\n")
            },
            Route(.get, "/readyz", access: .anyone(because: "says only what works, not for whom")) { request in
                let checks = await controller.readiness()
                let isReady = checks.allSatisfy { $0.standing != .bad }
                let isVerbose = request.request.uri.query?.contains("verbose") == true
                let lines = checks.map(\.line).joined()
                let isWhole = checks.allSatisfy { $0.standing == .good }
                let word = isWhole ? "ok\n" : isReady ? "degraded\n" : "not ready\n"
                return Responses.text(isVerbose ? lines + word : word, status: isReady ? .ok : .serviceUnavailable)
            },
            Route(.get, "/metrics", access: .person(.view)) { request in
                let form = MetricsText.Form(accepting: request.header("Accept"))
                var response = Responses.bytes(
                    Array(await controller.metricsText(form).utf8), type: form.mediaType)
                response.headers[.vary] = "Accept"
                return response
            },
            Route(.get, Problem.path + "{code}", access: .anyone(because: "it stands in the handbook too")) {
                request in try ProblemPage.respond(to: request)
            },
        ]
    }

    private static func agents(_ controller: Controller) -> [Route] {
        [
            Route(.get, "/v1/authority", access: .anyone(because: "a public certificate, pinned by its digest")) { _ in
                let bundle = try await controller.authorities.bundle
                return Responses.bytes(Array(bundle.utf8), type: "application/pem-certificate-chain")
            },
            Route(
                .post, "/v1/agent/join", access: .anyone(because: "the join token in the body is the credential"),
                bodySizeMax: ByteCount(64 << 10)
            ) { request in
                Responses.json(try await controller.join(request.json(JoinRequest.self)))
            },
            Route(.post, "/v1/agent/certificate", access: .host, bodySizeMax: ByteCount(64 << 10)) { request in
                guard case .host(let host) = request.caller else { throw ControllerError.notFound("host") }
                return Responses.json(try await controller.renew(request.json(CertificateRequest.self), of: host))
            },
            Route(
                .post, "/v1/agent/renewal-nonces",
                access: .anyone(because: "nothing is kept, and nothing allowed by it")
            ) { _ in Responses.json(await controller.renewalNonce()) },
            Route(
                .post, "/v1/agent/renew",
                access: .anyone(because: "the proof in the body is of the key of a host's certificate"),
                bodySizeMax: ByteCount(64 << 10)
            ) { request in Responses.json(try await controller.renew(request.json(RenewalProof.self))) },
            Route(.get, AgentStream.path, access: .host) { request in
                try await AgentStream.respond(request, controller)
            },
            Route(.post, "/v1/agent/reports", access: .host, bodySizeMax: HostReportBatch.sizeMax) { request in
                guard case .host(let host) = request.caller else { throw ControllerError.notFound("host") }
                let bytes = try await request.body().count
                if let wait = controller.limits.take(.reports(host), at: controller.time.now(), bytes: bytes) {
                    throw ControllerError.tooMany(wait)
                }
                return Responses.json(try await controller.receive(request.json(HostReportBatch.self), from: host))
            },
        ]
    }

    private static func hosts(_ controller: Controller) -> [Route] {
        [
            Route(.post, "/v1/hosts/invitations", access: .person(.manageHosts), scope: .invitation) { request in
                let invitation = try await request.json(InvitationRequest.self)
                return Responses.json(
                    try await controller.invite(invitation, by: request.actor), status: .created)
            },
            Route(.get, "/v1/hosts/invitations", access: .person(.manageHosts)) { request in
                try ListPages.respond(await controller.invitationViews(), to: request, key: \.id)
            },
            Route(.post, "/v1/hosts/invitations/{id}/revoke", access: .person(.manageHosts)) { request in
                let reason = try await request.json(HostReasonRequest.self)
                let id = request.parameters["id"] ?? ""
                return Responses.json(try await controller.revokeInvitation(id, reason, by: request.actor))
            },
            Route(.get, "/v1/hosts/authority", access: .person(.view)) { _ in
                Responses.json(try await controller.authorityView())
            },
            Route(.post, "/v1/hosts/authority/rotate", access: .person(.administer)) { request in
                Responses.json(try await controller.rotateAuthority(by: request.actor))
            },
            Route(.post, "/v1/hosts/authority/finish", access: .person(.administer)) { request in
                let finish = try await request.json(AuthorityFinishRequest.self)
                return Responses.json(try await controller.finishAuthority(finish, by: request.actor))
            },
            Route(
                .post, "/v1/hosts/receipts", access: .person(.manageHosts), bodySizeMax: ByteCount(16 << 20)
            ) { request in
                Responses.json(try await controller.importReceipt(request.json(HostReceiptFile.self)))
            },
            // Rights, windows and freezes go by labels: a grant over some hosts is not enough.
            Route(.post, "/v1/hosts/labels", access: .person(.manageHosts)) { request in
                let labels = try await request.json(HostLabelsRequest.self)
                return Responses.json(try await controller.label(labels, by: request.actor))
            },
            // `?hosts=` is a host query, in the grammar of the command line.
            Route(.get, "/v1/hosts", access: .person(.view), scope: .shown) { request in
                guard case .person(let person) = request.caller else { throw ControllerError.notFound("person") }
                let query = try request.query("hosts").map { try HostQuery($0) } ?? .all
                let hosts = await controller.hostViews(for: person)
                return try ListPages.respond(
                    hosts.filter { query.matches(id: $0.id, labels: $0.labels) }, to: request, key: \.id.text)
            },
            Route(.get, "/v1/hosts/{id}", access: .person(.view), scope: .host) { request in
                Responses.json(try await controller.hostView(request.parameter("id", as: HostID.self)))
            },
            Route(.post, "/v1/hosts/{id}/mark", access: .person(.manageHosts), scope: .host) { request in
                let id = try request.parameter("id", as: HostID.self)
                let mark = try await request.json(HostMarkRequest.self)
                return Responses.json(try await controller.mark(id, mark, by: request.actor))
            },
            Route(.post, "/v1/hosts/{id}/unmark", access: .person(.manageHosts), scope: .host) { request in
                let id = try request.parameter("id", as: HostID.self)
                let mark = try await request.json(HostMarkRequest.self)
                return Responses.json(try await controller.unmark(id, mark, by: request.actor))
            },
        ]
            + HostStandingVerb.allCases.map { verb in
                Route(.post, "/v1/hosts/{id}/\(verb.rawValue)", access: .person(.manageHosts), scope: .host) {
                    request in
                    let id = try request.parameter("id", as: HostID.self)
                    let reason = try await request.json(HostReasonRequest.self)
                    let view =
                        switch verb {
                        case .revoke: try await controller.revokeHost(id, reason, by: request.actor)
                        case .retire: try await controller.retireHost(id, reason, by: request.actor)
                        case .unlock: try await controller.unlockHost(id, reason, by: request.actor)
                        }
                    return Responses.json(view)
                }
            }
    }
}
