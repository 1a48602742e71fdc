import ControllerAPI
import FoundationEssentials
import Hummingbird
import ReleaseDefinition

/// The console's rows for releases and measures.
enum RecordRoutes {
    private typealias Make = @Sendable (RouteRequest, PersonRecord, Controller) async throws -> RecordPage

    static func all(_ controller: Controller, _ templates: ConsoleTemplates) -> [Route] {
        func page(_ path: String, _ make: @escaping Make) -> Route {
            Route(.get, path, access: ConsoleRoutes.mayAsk) { request in
                guard let visit = await ConsoleRoutes.visit(request, controller) else {
                    return ConsoleResponses.html(await controller.signInPage().render(templates))
                }
                var page = try await make(request, visit.person, controller)
                page.visit(visit)
                return ConsoleResponses.html(page.render(templates))
            }
        }
        return [
            page("/console/releases") { _, person, controller in await controller.releasesPage(for: person) },
            page("/console/releases/{product}/{version}") { request, person, controller in
                try await controller.releasePage(ControllerRoutes.name(request), for: person)
            },
            page("/console/releases/{product}/{version}/documents/**") { request, person, controller in
                try await controller.documentPage(
                    request.parameters["**"]?.removingPercentEncoding ?? "", ControllerRoutes.name(request), for: person
                )
            },
            page("/console/hosts/{id}") { request, person, controller in
                try await controller.hostPage(request.parameter("id", as: HostID.self), for: person)
            },
            page("/console/calendar") { _, person, controller in try await controller.calendarPage(for: person) },
            page("/console/calendar/{environment}") { request, person, controller in
                try await controller.proposalsPage(
                    request.parameter("environment", as: EnvironmentName.self),
                    takes: request.query("takes").flatMap { try? TimeSpan($0) }, for: person)
            },
            page("/console/approvals") { _, person, controller in await controller.approvalsPage(for: person) },
            page("/console/policy") { _, person, controller in await controller.policyPage(for: person) },
            page("/console/configuration") { request, person, controller in
                try await controller.configurationPage(
                    for: person, kind: request.query("kind").flatMap { ConfigurationItem.Kind(rawValue: $0) })
            },
            page("/console/log") { _, person, controller in try await controller.logPage(for: person) },
            page("/console/measures") { request, person, controller in
                try await controller.measuresPage(
                    for: person, product: request.query("product").flatMap { try? ProductName($0) })
            },
        ]
    }
}

extension Controller {
    private func covers(_ person: PersonRecord, _ product: ProductName) -> Bool {
        person.may(.view, on: ScopedObject(product: product))
    }

    func releasesPage(for person: PersonRecord) -> RecordPage {
        let views = lifecycleViews().filter { covers(person, $0.release.product) }
        let taken = Dictionary(
            releaseViews().map { ($0.release, ReleasePanel.taken($0)) }, uniquingKeysWith: { first, _ in first })
        return RecordPage(
            person: person.name, now: time.now(), title: "Releases",
            content: ReleaseTable(releases: views, taken: taken))
    }

    func releasePage(_ name: ReleaseName, for person: PersonRecord) throws -> RecordPage {
        try require(person, name)
        let documents = try state.releases[name] == nil ? [] : documents(of: name)
        let view = try lifecycleView(name)
        let panel = ReleasePanel(
            view: view, documents: documents, review: try reviewView(name),
            release: state.releases[name] == nil ? nil : try releaseView(name), others: releaseTables(view))
        return RecordPage(
            person: person.name, now: time.now(), title: name.description, content: panel,
            acts: releaseActs(name, for: person))
    }

    func documentPage(_ path: String, _ name: ReleaseName, for person: PersonRecord) throws -> RecordPage {
        try require(person, name)
        let panel = DocumentPanel(release: name, path: path, bytes: try document(path, of: name))
        return RecordPage(person: person.name, now: time.now(), title: path, content: panel)
    }

    private func require(_ person: PersonRecord, _ name: ReleaseName) throws {
        guard covers(person, name.product) else { throw ControllerError.notFound("release \(name)") }
    }

    func policyPage(for person: PersonRecord) -> RecordPage {
        let panel = ListPanel.policy(
            try? policyView(), versions: policyViews(), freezes: freezeViews(),
            rights: person.mayEverywhere(.administer) ? rights() : nil)
        return RecordPage(person: person.name, now: time.now(), title: "Policy", content: panel)
    }

    /// Grants, and what somebody has from the beginning.
    private func rights() -> [ListPanel.Right] {
        let grants = grantViews().map(ListPanel.Right.init)
        let own = state.people.people.values.sorted { $0.name < $1.name }.flatMap { person in
            person.permissionSets.map { ListPanel.Right(person: person.name, set: $0.rawValue) }
        }
        return own.filter { one in
            !grants.contains { $0.person == one.person && $0.set == one.set && $0.place == one.place }
        } + grants
    }

    func configurationPage(for person: PersonRecord, kind: ConfigurationItem.Kind?) throws -> RecordPage {
        try requireEverywhere(person, .view)
        let panel = ListPanel.configuration(configurationItems(), kind: kind)
        return RecordPage(person: person.name, now: time.now(), title: "Configuration", content: panel)
    }

    func logPage(for person: PersonRecord) throws -> RecordPage {
        try requireEverywhere(person, .view)
        let entries = try store.entries(after: max(0, store.sequence - 200), limit: 200)
        let notifications = person.mayEverywhere(.administer) ? try notificationsView() : nil
        return RecordPage(
            person: person.name, now: time.now(), title: "Log",
            content: ListPanel.log(entries, notifications: notifications))
    }

    /// What belongs to no product is for those whose right holds everywhere.
    private func requireEverywhere(_ person: PersonRecord, _ permission: Permission) throws {
        guard person.mayEverywhere(permission) else { throw ControllerError.notFound("page for \(person.name)") }
    }

    func measuresPage(for person: PersonRecord, product: ProductName?) throws -> RecordPage {
        let now = time.now()
        let begin = now - .days(Int64(7 * MeasureCharts.weeks))
        let isWhole = person.mayEverywhere(.view)
        // All together tell of products that a person may not see.
        func seen(_ one: ReleaseMeasures) -> Bool { one.product.map { covers(person, $0) } ?? isWhole }
        let totals = try measures(from: begin, until: now).filter(seen)
        let shown = product.flatMap { asked in totals.first { $0.product == asked }?.product } ?? totals.first?.product
        let weekly = try (0..<MeasureCharts.weeks).map { week in
            let from = begin + .days(Int64(7 * week))
            let until = from + .days(7)
            return try measures(from: from, until: until).first { $0.product == shown }
                ?? ReleaseMeasures(product: shown, from: from, until: until)
        }
        return RecordPage(
            person: person.name, now: now, title: "Measures",
            content: MeasureCharts(totals: totals, weekly: weekly, product: shown))
    }
}
