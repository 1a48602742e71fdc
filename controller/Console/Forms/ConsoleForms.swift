import ControllerAPI
import Hummingbird
import ReleaseDefinition

/// The forms of the console. Each stands for one row of the API; its address is that row's with `/console` for `/v1`.
enum ConsoleForms {
    /// One kind of form.
    struct Kind: Sendable {
        /// Of the API's row.
        var act: String
        var fields: [RouteForm.Field]
        /// What the next page says.
        var done: String
        /// Where that page is, by the parameters of the path.
        var next: @Sendable ([String: String]) -> String
        /// The page with why it was not done.
        var page: Page
    }

    typealias Page =
        @Sendable (_ parameters: [String: String], ConsoleVisit, Controller, ConsoleTemplates) async throws
        -> [UInt8]

    static let kinds: [Kind] = RolloutVerb.allCases.map(rollout) + hosts + releases + freezes

    static func address(of act: String) -> String { "/console" + act.dropFirst("/v1".count) }

    static func routes(_ controller: Controller, _ templates: ConsoleTemplates, api: [Route]) -> [Route] {
        kinds.compactMap { kind in
            guard let act = api.first(where: { $0.method == .post && $0.path == kind.act }) else { return nil }
            var route = Route(
                .post, address(of: kind.act), access: act.access, scope: act.scope, bodySizeMax: RouteForm.bodySizeMax
            ) { request in
                let cookie = request.header("Cookie") ?? ""
                let next = ConsoleResponses.next(kind.next(request.parameters))
                if let form = request.once {
                    let isFirst = try await controller.sessions.once(form, cookieHeader: cookie) {
                        _ = try await act.respond(request)
                    }
                    guard isFirst else {
                        controller.sessions.tell(
                            "\(kind.done) This came twice from one page, and the first alone counts.",
                            cookieHeader: cookie)
                        return next
                    }
                } else {
                    _ = try await act.respond(request)
                }
                controller.sessions.tell(kind.done, cookieHeader: cookie)
                return next
            }
            route.form = RouteForm(act: kind.act, fields: kind.fields) { request, problem in
                await refuse(request, problem, kind, controller, templates)
            }
            return route
        }
    }

    /// Whoever may see the page reads there why; others read it alone.
    private static func refuse(
        _ request: RouteRequest, _ problem: Problem, _ kind: Kind, _ controller: Controller,
        _ templates: ConsoleTemplates
    ) async -> Response {
        let status = HTTPResponse.Status(code: problem.status)
        let cookie = request.header("Cookie") ?? ""
        guard let credential = controller.sessions.credential(cookieHeader: cookie),
            let person = try? await controller.person(of: credential), person.may(.view)
        else {
            let page = await controller.signInPage(refusal: "\(problem.detail) \(problem.remedy)")
            return ConsoleResponses.html(page.render(templates), status: status)
        }
        let visit = ConsoleVisit(
            person: person, proof: controller.sessions.proof(cookieHeader: cookie), page: controller.newPage(),
            address: kind.next(request.parameters),
            told: ConsoleTold(text: problem.detail, remedy: problem.remedy, code: problem.code))
        if let page = try? await kind.page(request.parameters, visit, controller, templates) {
            return ConsoleResponses.html(page, status: status)
        }
        var page = RecordPage(
            person: person.name, now: controller.time.now(), title: "Not done",
            content: ListPanel(title: "Not done", note: "", flag: "isRefusal", tables: []))
        page.visit(visit)
        return ConsoleResponses.html(page.render(templates), status: status)
    }

    // MARK: what there is

    private static let reason = RouteForm.Field(name: "reason")
    private static let environment = RouteForm.Field(name: "environment")

    private static func rollout(_ verb: RolloutVerb) -> Kind {
        Kind(
            act: "/v1/rollouts/{id}/\(verb.rawValue)",
            fields: [reason, RouteForm.Field(name: "scope"), RouteForm.Field(name: "hosts", kind: .words)],
            done: RolloutActs.done(verb), next: { "/console/rollouts/\(($0["id"] ?? "").percentEncoded)" },
            page: { parameters, visit, controller, templates in
                let id = try RolloutID(parameters["id"] ?? "")
                return try await controller.consolePage(of: visit, chosen: id).render(templates)
            })
    }

    private static let hosts = [
        ("mark", "The host is left out of rollouts from now on."),
        ("unmark", "Rollouts take the host along again."),
        ("unlock", "The host is believed again."),
    ].map { word, done in
        Kind(
            act: "/v1/hosts/{id}/\(word)",
            fields: word == "unlock" ? [reason] : [reason, RouteForm.Field(name: "mark")], done: done,
            next: { "/console/hosts/\(($0["id"] ?? "").percentEncoded)" },
            page: { parameters, visit, controller, templates in
                var page = try await controller.hostPage(try HostID(parameters["id"] ?? ""), for: visit.person)
                page.visit(visit)
                return page.render(templates)
            })
    }

    private static let releases = [
        ("revoke", "Revoked: no host of the environment installs it any more."),
        ("withdraw", "The withdrawal is on its way: signed, or waiting for its approvers."),
    ].map { word, done in
        Kind(
            act: "/v1/releases/{product}/{version}/\(word)", fields: [reason, environment], done: done,
            next: {
                "/console/releases/\(($0["product"] ?? "").percentEncoded)/\(($0["version"] ?? "").percentEncoded)"
            },
            page: { parameters, visit, controller, templates in
                let name = ReleaseName(
                    product: try ProductName(parameters["product"] ?? ""),
                    version: try ReleaseVersion(parameters["version"] ?? ""))
                var page = try await controller.releasePage(name, for: visit.person)
                page.visit(visit)
                return page.render(templates)
            })
    }

    private static let freezes = [
        (
            "/v1/freezes",
            [reason, environment, RouteForm.Field(name: "product"), RouteForm.Field(name: "hosts")],
            "Frozen: what was under way there has halted, and nothing starts."
        ),
        ("/v1/freezes/{id}/lift", [reason], "Lifted. What it halted stays halted until somebody resumes it."),
    ].map { act, fields, done in
        Kind(
            act: act, fields: fields, done: done, next: { _ in CalendarPage.address },
            page: { _, visit, controller, templates in
                var page = try await controller.calendarPage(for: visit.person)
                page.visit(visit)
                return page.render(templates)
            })
    }
}
