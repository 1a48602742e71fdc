import ReleaseDefinition

/// A document: its path in the release folder and its bytes.
public struct ManifestFile: Codable, Equatable, Sendable {
    public var path: String
    public var blob: BlobReference

    public init(path: String, blob: BlobReference) {
        self.path = path
        self.blob = blob
    }

    /// A software bill of materials, by its name: SPDX in JSON.
    public var isBillOfMaterials: Bool { path.hasSuffix(".spdx.json") }
}

/// The signed values of one environment: `SignedValues`.
public struct ManifestValues: Codable, Equatable, Sendable {
    public var environment: EnvironmentName
    public var blob: BlobReference

    public init(environment: EnvironmentName, blob: BlobReference) {
        self.environment = environment
        self.blob = blob
    }
}
