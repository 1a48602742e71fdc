import ReleaseDefinition

/// What is known of a host at a moment, as the catalogue takes it.
public struct CatalogueHost: Sendable {
    public var id: HostID
    public var environment: EnvironmentName
    public var labels: [String: String]
    public var agentVersion: String?
    public var system: String?
    public var isActive: Bool
    public var installed: [CatalogueUnit]

    public init(
        id: HostID, environment: EnvironmentName, labels: [String: String], agentVersion: String?, system: String?,
        isActive: Bool, installed: [CatalogueUnit]
    ) {
        self.id = id
        self.environment = environment
        self.labels = labels
        self.agentVersion = agentVersion
        self.system = system
        self.isActive = isActive
        self.installed = installed
    }
}

public struct CatalogueUnit: Sendable {
    public var release: ReleaseName
    public var manifest: SHA256Digest
    public var isHealthy: Bool
    public var isDrifted: Bool

    public init(release: ReleaseName, manifest: SHA256Digest, isHealthy: Bool, isDrifted: Bool) {
        self.release = release
        self.manifest = manifest
        self.isHealthy = isHealthy
        self.isDrifted = isDrifted
    }
}

/// What a plan adds to the catalogue: who owns a service, under which contracts it runs.
public struct CatalogueService: Sendable {
    public var product: ProductName
    public var owner: String
    public var summary: String
    public var contracts: [PlannedContract]

    public init(product: ProductName, owner: String, summary: String, contracts: [PlannedContract]) {
        self.product = product
        self.owner = owner
        self.summary = summary
        self.contracts = contracts
    }
}

/// The configuration items of a fleet, from what hosts report and plans say.
public enum ConfigurationCatalogue {
    /// Sorted by id, so that the same fleet gives the same bytes.
    public static func items(_ hosts: [CatalogueHost], _ services: [CatalogueService]) -> [ConfigurationItem] {
        var items = hosts.flatMap(items)
        items += services.map { service in
            ConfigurationItem(.service, service.product.text, ["owner": service.owner, "summary": service.summary])
        }
        items += contracts(services)
        var seen: Set<String> = []
        return items.sorted { $0.id < $1.id }.filter { seen.insert($0.id).inserted }
    }

    /// One contract may cover several services, each of whose plans says what becomes of it: it covers all of them, and what most
    /// needs somebody's eye counts.
    private static func contracts(_ services: [CatalogueService]) -> [ConfigurationItem] {
        let concern: [PlannedContract.Change] = [.unchanged, .unknown, .changed]
        let stated = services.flatMap { service in service.contracts.map { (contract: $0, service: service.product) } }
        return Dictionary(grouping: stated) { $0.contract.name }.map { name, stated in
            let changes = Set(stated.map(\.contract.change))
            let covered = Set(stated.map { ConfigurationItem.id(.service, $0.service.text) }).sorted()
            return ConfigurationItem(
                .contract, name, ["change": (concern.last { changes.contains($0) } ?? .unknown).rawValue],
                links: covered.map { .init(.covers, $0) })
        }
    }

    private static func items(_ host: CatalogueHost) -> [ConfigurationItem] {
        var attributes = Dictionary(
            host.labels.map { ("label.\($0.key)", $0.value) }, uniquingKeysWith: { first, _ in first })
        attributes["environment"] = host.environment.text
        attributes["agent"] = host.agentVersion
        attributes["system"] = host.system
        attributes["state"] = host.isActive ? "active" : "inactive"
        let own = ConfigurationItem(.host, host.id.text, attributes)
        return [own]
            + host.installed.map { unit in
                ConfigurationItem(
                    .unit, "\(host.id)/\(unit.release.product)",
                    [
                        "product": unit.release.product.text, "version": unit.release.version.text,
                        "manifest": unit.manifest.hex, "health": unit.isHealthy ? "healthy" : "unhealthy",
                        "drift": unit.isDrifted ? "drifted" : "none", "environment": host.environment.text,
                    ],
                    links: [
                        .init(.runsOn, own.id),
                        .init(.partOf, ConfigurationItem.id(.service, unit.release.product.text)),
                    ])
            }
    }

    /// RFC 4180: a line for each item, an attribute in each column, links as `relation item` with `; ` between.
    public static func csv(_ items: [ConfigurationItem]) -> String {
        let names = Set(items.flatMap(\.attributes.keys)).sorted()
        let rows = items.map { item in
            [item.id, item.kind.rawValue] + names.map { item.attributes[$0] ?? "" }
                + [item.links.map { "\($0.relation.rawValue) \($0.item)" }.joined(separator: "; ")]
        }
        return ([["id", "kind"] + names + ["links"]] + rows)
            .map { $0.map(quoted).joined(separator: ",") + "\r\n" }.joined()
    }

    /// What a spreadsheet would take for a formula is told apart by a quote in front. By scalars: to Swift a line feed after a
    /// carriage return, or a quote with an accent, is another character.
    private static func quoted(_ text: String) -> String {
        let plain = text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : $0 }
        let isFormula = plain.first { $0 != " " }.map { "=+-@".unicodeScalars.contains($0) } == true
        var cell = String.UnicodeScalarView(isFormula ? "'".unicodeScalars : "".unicodeScalars)
        for scalar in plain {
            if scalar == "\"" { cell.append("\"") }
            cell.append(scalar)
        }
        return plain.contains { ",\"".unicodeScalars.contains($0) } ? "\"\(String(cell))\"" : String(cell)
    }
}
