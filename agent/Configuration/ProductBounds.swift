import ReleaseDefinition
import ReleasePackaging

/// `bounds: { "payments": { "paths": ["/opt"], "unitTypes": ["tree", "file"], "hookUsers": ["payments"] } }` of agent.json:
/// what the releases of a product may do on this host, whatever they say.
public struct ProductBounds: Sendable, Equatable, Codable {
    /// Absolute folders at or below which units install and back up; nil: anywhere.
    public var paths: [String]?
    /// nil: all.
    public var unitTypes: [UnitType]?
    /// Whether it may have the host restarted; nil: it may.
    public var reboot: Bool?
    /// As whom hooks and scripts may run; nil: as anybody. Who names none runs as the agent does, `root` that is.
    public var hookUsers: [String]?

    public init(
        paths: [String]? = nil, unitTypes: [UnitType]? = nil, reboot: Bool? = nil, hookUsers: [String]? = nil
    ) {
        self.paths = paths
        self.unitTypes = unitTypes
        self.reboot = reboot
        self.hookUsers = hookUsers
    }

    func holds(_ path: String) -> Bool {
        guard let paths else { return true }
        return paths.contains { $0 == "/" || path == $0 || path.hasPrefix($0.hasSuffix("/") ? $0 : $0 + "/") }
    }
}

extension ManifestUnit {
    /// Hooks, or a type whose programs run as hooks do.
    var runsHooks: Bool { !hooks.isEmpty || definition.type.runsPrograms }
}

extension AgentConfiguration {
    /// - Throws: `agent.bounds`: this host's administrator does not allow it.
    func allows(_ unit: ManifestUnit, of product: ProductName) throws(AgentError) {
        guard let bounds else { return }
        guard let own = bounds[product.text] else {
            throw Self.outOfBounds("the product \(product) is not among the `bounds`")
        }
        if let types = own.unitTypes, !types.contains(unit.definition.type) {
            throw Self.outOfBounds("\(product) may not bring units of type \(unit.definition.type.rawValue)")
        }
        if own.reboot == false, unit.definition.reboot ?? .never != .never {
            throw Self.outOfBounds("\(product) may not restart the host")
        }
        let user = unit.definition.hooks.user ?? "root"
        if let users = own.hookUsers, unit.runsHooks, !users.contains(user) {
            throw Self.outOfBounds("\(product) may not run hooks as \(user)")
        }
        let place = unit.definition.type.hasPlace ? [unit.definition.installTo] : []
        let links = (unit.definition.parallel?.link).map { [$0] } ?? []
        for path in place + (unit.definition.backup ?? []) + links where !own.holds(path) {
            throw Self.outOfBounds("\(product) may not use \(path)")
        }
    }

    private static func outOfBounds(_ what: String) -> AgentError {
        AgentError(
            code: "bounds", summary: "agent.json of this host forbids it: \(what).",
            remedy:
                "Whoever administers the host adds it to `bounds` and starts the agent again, or leaves the host out.")
    }
}
