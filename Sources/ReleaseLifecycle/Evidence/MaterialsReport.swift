import ReleaseDefinition

/// A package inside a package.
public struct MaterialVersion: Sendable, Hashable, Codable {
    public var name: String
    public var version: String

    public init(name: String, version: String) {
        self.name = name
        self.version = version
    }
}

/// What is in a package, from SPDX 2 JSON, and how it was built, from a SLSA provenance.
public enum MaterialsReport {
    public static let packagesMax = 100_000

    /// - Throws: `lifecycle.evidence.spdx`.
    public static func packages(_ bytes: [UInt8]) throws(LifecycleError) -> [MaterialVersion] {
        try packages(ForeignJSON.parse(bytes, what: "SPDX JSON"))
    }

    static func packages(_ document: JSONValue) throws(LifecycleError) -> [MaterialVersion] {
        guard document["spdxVersion"]?.stringValue?.hasPrefix("SPDX-2") == true,
            let packages = document["packages"]?.arrayValue, packages.count <= packagesMax
        else {
            throw LifecycleError(
                code: "evidence.spdx", summary: "The file has no packages of SPDX-2: it is no SPDX JSON.",
                remedy: "Have the tool write SPDX 2.3 as JSON.")
        }
        return packages.compactMap { package in
            package["name"]?.stringValue.map {
                MaterialVersion(name: $0, version: package["versionInfo"]?.stringValue ?? "")
            }
        }
    }

    static func summary(_ document: JSONValue) throws(LifecycleError) -> EvidenceSummary {
        let packages = try packages(document)
        return EvidenceSummary(
            counts: ["packages": packages.count], notes: packages.map { "\($0.name) \($0.version)" })
    }

    /// - Parameter predicate: of `https://slsa.dev/provenance/v1`, or `v0.2`.
    static func provenance(_ predicate: JSONValue) throws(LifecycleError) -> EvidenceSummary {
        let builder =
            predicate["runDetails"]?["builder"]?["id"]?.stringValue ?? predicate["builder"]?["id"]?.stringValue
        guard let builder else {
            throw LifecycleError(
                code: "evidence.slsa", summary: "The provenance names no builder: it is none of SLSA.",
                remedy: "Have the build write https://slsa.dev/provenance/v1.")
        }
        let type = predicate["buildDefinition"]?["buildType"]?.stringValue ?? predicate["buildType"]?.stringValue
        return EvidenceSummary(notes: [builder] + [type].compactMap { $0 })
    }
}
