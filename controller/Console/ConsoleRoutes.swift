import ControllerAPI
import FoundationEssentials
import Hummingbird
import ReleaseDefinition

/// The console's rows of the route table.
enum ConsoleRoutes {
    static func all(_ controller: Controller, _ templates: ConsoleTemplates) -> [Route] {
        pages(controller, templates) + session(controller, templates) + ConsoleSignIn.routes(controller, templates)
            + assets
            + FeedbackPage.routes(controller, templates) + RecordRoutes.all(controller, templates)
    }

    static let mayAsk = RouteAccess.anyone(because: "shows the sign-in form to who has no session")

    private static func pages(_ controller: Controller, _ templates: ConsoleTemplates) -> [Route] {
        return [
            Route(.get, "/", access: mayAsk) { request in
                guard let person = await viewer(request, controller) else {
                    return ConsoleResponses.html(await controller.signInPage().render(templates))
                }
                return ConsoleResponses.html(
                    try await controller.consolePage(for: person, filter: HostFilter(request.query("hosts"))).render(
                        templates))
            },
            Route(.get, "/console/rollouts/{id}", access: mayAsk) { request in
                guard let person = await viewer(request, controller) else {
                    return ConsoleResponses.html(await controller.signInPage().render(templates))
                }
                let id = try request.parameter("id", as: RolloutID.self)
                return ConsoleResponses.html(
                    try await controller.consolePage(for: person, chosen: id).render(templates))
            },
            Route(.get, "/console/live", access: .person(.view), scope: .shown) { request in
                guard case .person(let person) = request.caller else { throw ControllerError.notFound("page") }
                let chosen = request.query("rollout").flatMap { try? RolloutID($0) }
                return ConsoleResponses.html(
                    try await controller.consolePage(
                        for: person, chosen: chosen, filter: HostFilter(request.query("hosts"))
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
                if ConsoleForm.isFromThisSite(request), let cookie = request.header("Cookie") {
                    controller.sessions.close(cookieHeader: cookie)
                }
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

    /// The person whose session the cookie names and who may look.
    static func viewer(_ request: RouteRequest, _ controller: Controller) async -> PersonRecord? {
        guard let cookie = request.header("Cookie"),
            let credential = controller.sessions.credential(cookieHeader: cookie),
            let person = try? await controller.person(of: credential), person.may(.view)
        else { return nil }
        return person
    }
}

extension Controller {
    func consolePage(
        for person: PersonRecord, chosen: RolloutID? = nil, filter: HostFilter = HostFilter()
    ) throws -> ConsolePage {
        if let chosen {
            _ = try rolloutView(chosen)
            guard sees(person, chosen) else { throw ControllerError.notFound("rollout \(chosen)") }
        }
        var rollouts = rolloutViews().filter { sees(person, $0.id) }
        var changes: [RolloutID: [RolloutChange]] = [:]
        var holds: [RolloutID: RolloutWhyView] = [:]
        for id in ConsolePage.open(rollouts, chosen: chosen) {
            guard let position = rollouts.firstIndex(where: { $0.id == id }) else { continue }
            changes[id] = state.rollouts[id]?.changes
            rollouts[position] = try rolloutView(id)
            if !rollouts[position].state.isFinal { holds[id] = try why(id, host: nil) }
        }
        return ConsolePage(
            person: person.name, rollouts: rollouts, hosts: hostViews(for: person), changes: changes,
            notices: notices(), now: time.now(), chosen: chosen, filter: filter, holds: holds)
    }
}

/// What the sign-in form sends.
enum ConsoleForm {
    /// A form of another site could sign a victim in under the attacker's name; the cookie's SameSite does not help there.
    static func isFromThisSite(_ request: RouteRequest) -> Bool {
        if let site = request.header("Sec-Fetch-Site") { return site == "same-origin" || site == "none" }
        guard let origin = request.header("Origin") else { return true }
        return origin == "https://\(request.request.head.authority ?? "")"
    }

    /// A field that holds no space.
    static func field(_ name: String, of body: [UInt8]) -> String? {
        text(name, of: body).map { $0.split(whereSeparator: \.isWhitespace).joined() }
    }

    /// A field of an `application/x-www-form-urlencoded` body.
    static func text(_ name: String, of body: [UInt8]) -> String? {
        guard let text = String(validating: body, as: UTF8.self) else { return nil }
        for pair in text.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, parts[0] == name else { continue }
            return parts[1].replacing("+", with: " ").removingPercentEncoding
        }
        return nil
    }
}
