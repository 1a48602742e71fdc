import ReleaseDefinition

/// Where a grant holds. What is nil is not asked; with nothing asked it holds everywhere.
public struct PermissionScope: Sendable, Equatable, Codable {
    public var product: ProductName?
    public var environment: EnvironmentName?
    public var hosts: HostQuery?

    public static let everything = PermissionScope()

    public init(product: ProductName? = nil, environment: EnvironmentName? = nil, hosts: HostQuery? = nil) {
        self.product = product
        self.environment = environment
        self.hosts = hosts
    }

    /// An object that does not say what the scope asks is not covered: somebody of one product has no right over what
    /// belongs to none.
    func covers(_ object: ScopedObject) -> Bool {
        if let product, object.product != product { return false }
        if let environment, object.environment != environment { return false }
        guard let hosts else { return true }
        switch object.hosts {
        case .none: return false
        case .one(let id, let labels): return hosts.matches(id: id, labels: labels)
        case .later(let query, let known): return query.isWithin(hosts, beside: known)
        }
    }

    /// Whether nothing can be in both.
    func isApart(from other: PermissionScope) -> Bool {
        func differ<Value: Equatable>(_ one: Value?, _ two: Value?) -> Bool {
            if let one, let two { one != two } else { false }
        }
        return differ(product, other.product) || differ(environment, other.environment)
    }

    /// For messages.
    var words: String {
        let parts = [
            product.map { "product \($0)" }, environment.map { "environment \($0)" }, hosts.map { "hosts \($0)" },
        ].compactMap { $0 }
        return parts.isEmpty ? "everything" : parts.joined(separator: ", ")
    }
}

/// What an act is on, as far as scopes ask.
public struct ScopedObject: Sendable {
    public enum Hosts: Sendable {
        case none
        case one(id: HostID, labels: [String: String])
        /// Those that join later and match; the known ones are objects of their own.
        case later(HostQuery, known: Set<HostID>)
    }

    public var product: ProductName?
    public var environment: EnvironmentName?
    public var hosts: Hosts

    init(product: ProductName? = nil, environment: EnvironmentName? = nil, hosts: Hosts = .none) {
        self.product = product
        self.environment = environment
        self.hosts = hosts
    }

    init(_ host: HostRecord, product: ProductName? = nil) {
        self.init(
            product: product, environment: host.environment, hosts: .one(id: host.id, labels: host.givenLabels))
    }
}

/// A permission set that a person has somewhere.
public struct PermissionGrant: Sendable, Equatable, Codable {
    public var id: String
    public var set: PermissionSet
    public var scope: PermissionScope
}

extension PersonRecord {
    /// Anywhere.
    public func may(_ permission: Permission) -> Bool {
        mayEverywhere(permission) || (grants ?? []).contains { $0.set.permissions.contains(permission) }
    }

    public func mayEverywhere(_ permission: Permission) -> Bool {
        permissionSets.contains { $0.permissions.contains(permission) }
    }

    /// By one grant: two that hold in different places do not add up to a third.
    func may(_ permission: Permission, on object: ScopedObject) -> Bool {
        mayEverywhere(permission)
            || (grants ?? []).contains { $0.set.permissions.contains(permission) && $0.scope.covers(object) }
    }
}
