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
        guard let host = object.host else { return false }
        return hosts.matches(id: host.id, labels: host.labels)
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
    public struct Host: Sendable {
        public var id: HostID
        public var labels: [String: String]
    }

    public var product: ProductName?
    public var environment: EnvironmentName?
    public var host: Host?

    init(product: ProductName? = nil, environment: EnvironmentName? = nil, host: Host? = nil) {
        self.product = product
        self.environment = environment
        self.host = host
    }

    init(_ host: HostRecord, product: ProductName? = nil) {
        self.init(
            product: product, environment: host.environment, host: Host(id: host.id, labels: host.labels))
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
