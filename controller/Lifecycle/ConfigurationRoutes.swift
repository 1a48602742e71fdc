import ControllerAPI
import Hummingbird
import ReleaseDefinition
import ReleaseLifecycle
import ReleasePackaging
import ReleaseReporting

extension ControllerRoutes {
    /// Configuration items: hosts, units, services, contracts.
    static func configuration(_ controller: Controller) -> [Route] {
        [
            Route(.get, "/v1/notifications", access: .person(.administer)) { _ in
                Responses.json(try await controller.notificationsView())
            },
            Route(.post, "/v1/notifications/replay", access: .person(.administer)) { request in
                let body = try await request.json(NotificationReplayRequest.self)
                return Responses.json(try await controller.replayNotifications(body))
            },
            Route(.get, "/v1/cmdb/items", access: .person(.view)) { request in
                try ListPages.respond(await controller.configurationItems(), to: request, key: \.id)
            },
            Route(.get, "/v1/cmdb/items.csv", access: .person(.view)) { _ in
                let items = await controller.configurationItems()
                return Responses.bytes(Array(ConfigurationCatalogue.csv(items).utf8), type: "text/csv; charset=utf-8")
            },
            // `?material=openssl`
            Route(.get, "/v1/cmdb/places", access: .person(.view)) { request in
                Responses.json(ListView(items: try await controller.places(of: request.query("material") ?? "")))
            },
            Route(
                .post, "/v1/releases/{product}/{version}/baselines", access: .person(.deploy), scope: .product
            ) { request in
                guard case .person(let person) = request.caller else { throw ControllerError.notFound("person") }
                return Responses.json(
                    try await controller.baseline(try name(request), by: person.name), status: .created)
            },
        ]
    }
}

extension Controller {
    /// What a person wants to be put down now.
    func baseline(_ name: ReleaseName, by actor: String) throws -> BaselineView {
        _ = try known(name)
        let before = state.lifecycles.values.flatMap(\.record.baselines).last
        let last = try before.map { try items(of: $0) }
        let baseline = try takeBaseline(.before, nil, of: name.product)
        try tell(name, .baselineTaken(baseline), by: actor)
        return BaselineView(
            digest: baseline.digest, items: baseline.items,
            difference: last.map { ConfigurationDifference(from: $0, to: configurationItems()) })
    }

    private func items(of baseline: ConfigurationBaseline) throws -> [ConfigurationItem] {
        let bytes = try evidenceStore().directory.read(baseline.digest.hex, sizeMax: ConfigurationBaseline.bytesMax)
        return try JSONCoding.decode([ConfigurationItem].self, from: bytes)
    }

    /// By the bills of materials that were stated about the releases.
    func places(of material: String) throws -> [MaterialPlaceView] {
        guard !material.isEmpty else {
            throw ControllerError.badRequest("material", "No material is named.", remedy: "Name one, as openssl.")
        }
        let store = try evidenceStore()
        return try state.lifecycles.values.sorted { $0.release.description < $1.release.description }.flatMap {
            lifecycle in
            guard let bill = lifecycle.record.ownEvidence.last(where: { $0.kind == .billOfMaterials }),
                let place = bill.document
            else { return [MaterialPlaceView]() }
            let bytes = try store.read(BlobReference(sha256: place.sha256, length: place.length))
            let hosts = state.hostsInOrder.filter {
                $0.running[lifecycle.release.product]?.manifest == lifecycle.record.package
            }.map(\.id)
            return Set(try MaterialsReport.packages(bytes).filter { $0.name == material }).map {
                MaterialPlaceView(material: $0.name, version: $0.version, release: lifecycle.release, hosts: hosts)
            }
        }
    }
}
