import ReleaseDefinition
import ReleasePackaging

/// The whole environment of hooks, services and command checks; nothing of the agent's own is inherited.
///
/// | name | what |
/// |---|---|
/// | `SLIPWAY_PRODUCT`, `SLIPWAY_VERSION`, `SLIPWAY_UNIT` | the release whose program this is |
/// | `SLIPWAY_VERSION_FROM`, `SLIPWAY_VERSION_TO` | hooks only: what runs before and after; empty for nothing |
/// | `SLIPWAY_FOLDER` | the unit's `installTo`, the link |
/// | `SLIPWAY_RELEASE_FOLDER` | the tree itself |
/// | `SLIPWAY_HOST`, `SLIPWAY_ENVIRONMENT` | this host |
/// | `SLIPWAY_LABEL_<KEY>` | its labels, upper case, other bytes as `_` |
/// | `SLIPWAY_SLOT`, `PORT` or `SOCKET` | of a unit with slots: which of them, and where its service listens |
/// | `SLIPWAY_HOOK`, `SLIPWAY_ORDER` | hooks only: the moment, and the order |
/// | `TRACEPARENT` | hooks only: the order's place in the trace of its rollout |
/// | the host's variables | as agent.json has them |
struct StepEnvironment: Sendable {
    var configuration: AgentConfiguration
    var labels: LabelsInForce

    func values(for unit: ManifestUnit, of stored: StoredRelease) throws -> [String: String] {
        var values = [
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8",
        ]
        for (key, value) in labels.current { values["SLIPWAY_LABEL_" + Self.upper(key)] = value }
        values.merge(configuration.variables) { _, variable in variable }
        values["SLIPWAY_PRODUCT"] = stored.release.name.product.text
        values["SLIPWAY_VERSION"] = stored.release.name.version.text
        values["SLIPWAY_UNIT"] = unit.name.text
        values["SLIPWAY_FOLDER"] = try stored.place(unit)
        values["SLIPWAY_RELEASE_FOLDER"] = try stored.treePath(unit)
        values["SLIPWAY_HOST"] = configuration.host.text
        values["SLIPWAY_ENVIRONMENT"] = configuration.environment.text
        return try values.merging(slotValues(unit, stored)) { $1 }
    }

    /// What `${NAME}` stands for in the unit's checks and its service's words.
    func variables(for unit: ManifestUnit, of stored: StoredRelease) throws -> [String: String] {
        try configuration.variables.merging(slotValues(unit, stored)) { $1 }
    }

    /// Where the service of a slot listens; nil: the unit has none.
    func address(_ unit: ManifestUnit, _ stored: StoredRelease) throws -> String? {
        guard let slot = stored.slots[unit.name],
            let address = unit.definition.parallel?.address(of: slot)
        else { return nil }
        return try Variables.expand(address, configuration.variables)
    }

    private func slotValues(_ unit: ManifestUnit, _ stored: StoredRelease) throws -> [String: String] {
        guard let slot = stored.slots[unit.name], let address = try address(unit, stored) else { return [:] }
        return ["SLIPWAY_SLOT": slot.rawValue, address.hasPrefix("/") ? "SOCKET" : "PORT": address]
    }

    private static func upper(_ key: String) -> String {
        let bytes = key.uppercased().utf8.map { byte -> UInt8 in
            (0x41...0x5A).contains(byte) || (0x30...0x39).contains(byte) ? byte : UInt8(ascii: "_")
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// What a hook is told about the order it runs for.
struct HookContext: Sendable {
    var order: OrderID
    var from: HostRelease?
    var to: HostRelease?
    /// The hosts that run the release's migrations, once for the whole rollout; nil: each host that `runOn` names.
    var migrating: [HostID]?

    init(_ task: InstallationTask) {
        self.init(order: task.order, from: task.from, to: task.to)
        migrating = task.migratingHosts
    }

    init(order: OrderID, from: HostRelease?, to: HostRelease?) {
        self.order = order
        self.from = from
        self.to = to
    }

    func values(_ moment: HookMoment) -> [String: String] { values(named: moment.rawValue) }

    func values(named name: String) -> [String: String] {
        [
            "SLIPWAY_HOOK": name, "SLIPWAY_ORDER": order.description,
            "TRACEPARENT": TraceParent(order).description,
            "SLIPWAY_VERSION_FROM": from?.name.version.text ?? "", "SLIPWAY_VERSION_TO": to?.name.version.text ?? "",
        ]
    }
}
