/// What `release.yaml` says: a release before it is built. `DefinitionFiles` reads it from YAML and checks every rule;
/// `ReleasePackaging` turns it and a tree into a package.
public struct ReleaseDefinition: Sendable, Equatable, Codable {
    public var product: ProductName
    public var version: ReleaseVersion
    public var category: ReleaseCategory
    public var summary: String
    public var owner: String
    public var changes: [ReleaseChange]
    public var requires: [ProductRequirement]
    /// In deployment order; at least one.
    public var units: [UnitDefinition]
    public var backOut: BackOutSettings
    /// Paths relative to the release folder.
    public var documents: [String]
    /// Files of values, by environment; nil where the release brings none.
    public var values: [ValuesFile]?

    public init(
        product: ProductName, version: ReleaseVersion, category: ReleaseCategory, summary: String, owner: String,
        changes: [ReleaseChange] = [], requires: [ProductRequirement] = [], units: [UnitDefinition],
        backOut: BackOutSettings = .init(), documents: [String] = [], values: [ValuesFile]? = nil
    ) {
        self.product = product
        self.version = version
        self.category = category
        self.summary = summary
        self.owner = owner
        self.changes = changes
        self.requires = requires
        self.units = units
        self.backOut = backOut
        self.documents = documents
        self.values = values
    }

    public var name: ReleaseName { ReleaseName(product: product, version: version) }
}

/// `values: { staging: values/staging.yaml }`
public struct ValuesFile: Sendable, Equatable, Codable {
    public var environment: EnvironmentName
    /// Relative to the release folder.
    public var path: String

    public init(environment: EnvironmentName, path: String) {
        self.environment = environment
        self.path = path
    }
}

public enum ReleaseCategory: String, Sendable, Codable, CaseIterable { case major, minor, emergency }
public enum ChangeRisk: String, Sendable, Codable, CaseIterable { case low, medium, high }

/// An authorised change that the release carries.
public struct ReleaseChange: Sendable, Equatable, Codable {
    public var id: String
    public var summary: String
    public var risk: ChangeRisk
    public var affects: [String]
    public var committedAt: UTCInstant?

    public init(id: String, summary: String, risk: ChangeRisk, affects: [String] = [], committedAt: UTCInstant? = nil) {
        self.id = id
        self.summary = summary
        self.risk = risk
        self.affects = affects
        self.committedAt = committedAt
    }
}

/// `{ product: ledger, version: ">=2.1 <3" }`: what a host must already run.
public struct ProductRequirement: Sendable, Equatable, Codable {
    public var product: ProductName
    public var version: VersionRange

    public init(product: ProductName, version: VersionRange) {
        self.product = product
        self.version = version
    }
}

/// How far back a failure reaches when nobody decides otherwise, and how many releases a host keeps (3 by default).
public struct BackOutSettings: Sendable, Equatable, Codable {
    /// Two at least: the running release and the one to go back to.
    public static let keepBounds = 2...100

    public var scope: BackOutScope
    public var keep: Int

    public init(scope: BackOutScope = .phase, keep: Int = 3) {
        self.scope = scope
        self.keep = keep
    }
}

public enum BackOutScope: String, Sendable, Codable, CaseIterable { case host, phase, rollout }
