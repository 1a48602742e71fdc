import ControllerAPI
import FoundationEssentials
import Hummingbird
import ReleaseDefinition

/// The console's rows of the route table.
enum ConsoleRoutes {
    /// - Parameter api: what the forms do.
    static func all(_ controller: Controller, _ templates: ConsoleTemplates, api: [Route]) -> [Route] {
        pages(controller, templates) + session(controller, templates) + ConsoleSignIn.routes(controller, templates)
            + assets
            + FeedbackPage.routes(controller, templates) + RecordRoutes.all(controller, templates)
            + ConsoleForms.routes(controller, templates, api: api)
    }

    static let mayAsk = RouteAccess.anyone(because: "shows the sign-in form to who has no session")

    private static func pages(_ controller: Controller, _ templates: ConsoleTemplates) -> [Route] {
        return [
            Route(.get, "/", access: mayAsk) { request in
                guard let visit = await visit(request, controller) else {
                    return ConsoleResponses.html(await controller.signInPage().render(templates))
                }
                return ConsoleResponses.html(
                    try await controller.consolePage(of: visit, filter: HostFilter(request.query("hosts"))).render(
                        templates))
            },
            Route(.get, "/console/rollouts/{id}", access: mayAsk) { request in
                guard let visit = await visit(request, controller) else {
                    return ConsoleResponses.html(await controller.signInPage().render(templates))
                }
                let id = try request.parameter("id", as: RolloutID.self)
                return ConsoleResponses.html(
                    try await controller.consolePage(of: visit, chosen: id).render(templates))
            },
            Route(.get, "/console/live", access: .person(.view), scope: .shown) { request in
                guard case .person(let person) = request.caller else { throw ControllerError.notFound("page") }
                let chosen = request.query("rollout").flatMap { try? RolloutID($0) }
                // Without a session there is nothing to prove, and no form.
                let proof = request.header("Cookie").flatMap(controller.sessions.proof)
                return ConsoleResponses.html(
                    try await controller.consolePage(
                        of: ConsoleVisit(person: person, proof: proof, page: controller.newPage()), chosen: chosen,
                        filter: HostFilter(request.query("hosts"))
                    ).renderLive(templates))
            },
        ]
    }

    private static func session(_ controller: Controller, _ templates: ConsoleTemplates) -> [Route] {
        let refuse = { @Sendable (reason: String) in
            let page = await controller.signInPage(refusal: reason)
            return ConsoleResponses.html(page.render(templates), status: .unauthorized)
        }
        return [
            Route(
                .post, "/console/sign-in", access: .anyone(because: "the token in the form is the credential"),
                bodySizeMax: ByteCount(8 << 10)
            ) { request in
                guard ConsoleForm.isFromThisSite(request) else {
                    return await refuse("The form came from another site.")
                }
                let token = ConsoleForm.field("token", of: try await request.body()) ?? ""
                guard let found = await controller.token(token),
                    await controller.person(token: token)?.may(.view) == true
                else {
                    return await refuse("This token is not one of this controller's, or it has expired.")
                }
                return ConsoleResponses.home(setting: controller.sessions.open(.token(found.id)))
            },
            Route(
                .post, "/console/sign-out", access: .anyone(because: "ends only the session that its cookie names"),
                bodySizeMax: ByteCount(1 << 10)
            ) { request in
                guard let cookie = request.header("Cookie"), controller.sessions.credential(cookieHeader: cookie) != nil
                else { return ConsoleResponses.home(setting: PersonSessions.expiredCookie) }
                // The session is a credential, and this ends it: as every form, it shows that a page of the session sent it.
                do {
                    try ConsoleForm.requireOwnPage(request.request)
                    try ConsoleForm.requireProof(try await request.body(), cookie, controller.sessions)
                } catch let error as ControllerError {
                    return ConsoleResponses.html(
                        await controller.signInPage(refusal: "\(error.summary) \(error.remedy)").render(templates),
                        status: error.status)
                }
                controller.sessions.close(cookieHeader: cookie)
                return ConsoleResponses.home(setting: PersonSessions.expiredCookie)
            },
        ]
    }

    private static var assets: [Route] {
        let isPublic = RouteAccess.anyone(because: "style and script say nothing of the fleet")
        return [
            Route(.get, ConsoleAssets.stylePath, access: isPublic) { _ in
                ConsoleResponses.asset(ConsoleAssets.style, type: "text/css; charset=utf-8")
            },
            Route(.get, ConsoleAssets.scriptPath, access: isPublic) { _ in
                ConsoleResponses.asset(ConsoleAssets.script, type: "text/javascript; charset=utf-8")
            },
        ]
    }

    /// Who looks: the person whose session the cookie names and who may look. What the last form did is told once.
    static func visit(_ request: RouteRequest, _ controller: Controller) async -> ConsoleVisit? {
        guard let cookie = request.header("Cookie"),
            let credential = controller.sessions.credential(cookieHeader: cookie),
            let person = try? await controller.person(of: credential), person.may(.view)
        else { return nil }
        return ConsoleVisit(
            person: person, proof: controller.sessions.proof(cookieHeader: cookie), page: controller.newPage(),
            told: controller.sessions.takeTold(cookieHeader: cookie).map { ConsoleTold(text: $0) })
    }
}

extension Controller {
    /// The name of a page that is shown now.
    nonisolated func newPage() -> String { Hexadecimal.encode(random.bytes(8)) }

    func consolePage(
        of visit: ConsoleVisit, chosen: RolloutID? = nil, filter: HostFilter = HostFilter()
    ) async throws -> ConsolePage {
        let person = visit.person
        if let chosen, state.rollouts[chosen]?.startedAt == nil || !sees(person, chosen) {
            throw ControllerError.notFound("rollout \(chosen)")
        }
        var rollouts = rolloutViews(for: person)
        let now = time.now()
        var shown = ConsolePage.open(rollouts, chosen: chosen, at: now)
        while let id = shown.first(where: { storyAtHand(of: $0) == nil }) {
            try await readStory(of: id)
            // Others may stand open by the time that the log was read.
            rollouts = rolloutViews(for: person)
            shown = ConsolePage.open(rollouts, chosen: chosen, at: now)
        }
        var holds: [RolloutID: RolloutWhyView] = [:]
        var acts: [RolloutID: [ConsoleAct]] = [:]
        for id in shown {
            guard let position = rollouts.firstIndex(where: { $0.id == id }) else { continue }
            rollouts[position] = try rolloutView(id)
            if !rollouts[position].state.isFinal { holds[id] = try why(id, host: nil) }
            if visit.proof != nil { acts[id] = rolloutActs(id, for: person) }
        }
        var page = ConsolePage(
            person: person.name, rollouts: rollouts, hosts: chosen == nil ? hostViews(for: person) : [],
            notices: notices(), now: now, chosen: chosen, filter: filter, holds: holds)
        (page.proof, page.page, page.told, page.acts) = (visit.proof, visit.page, visit.told, acts)
        for id in shown { (page.approvals[id], page.stories[id]) = (approvalWords(id), storyAtHand(of: id)) }
        return page
    }
}
