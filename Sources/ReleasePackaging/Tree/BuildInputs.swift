import Effects
import ReleaseDefinition

/// What a build takes besides the files of the release folder: prepared by whoever may read other people's formats.
public struct BuildInputs: Sendable {
    /// A unit's archive, unpacked.
    public struct Archive: Sendable {
        /// `tar.gz`, `deb`, …: as the build record names it.
        public var kind: String
        /// Of the archive itself.
        public var blob: BlobReference
        /// Its tree.
        public var folder: Directory

        public init(kind: String, blob: BlobReference, folder: Directory) {
            self.kind = kind
            self.blob = blob
            self.folder = folder
        }
    }

    /// The archive that the release folder itself was taken from, if it was one: kind and bytes.
    public var tree: (kind: String, blob: BlobReference)?
    /// By the `source` path of the definition.
    public var archives: [String: Archive] = [:]
    /// Of each environment that the definition names, in its order.
    public var values: [(environment: EnvironmentName, values: SignedValues)] = []
    /// Documents that were made, beside those that the definition names: bills of materials.
    public var documents: [(path: String, bytes: [UInt8])] = []

    public init() {}
}

extension BuildInputs {
    /// Where the files come from.
    func record(of definition: ReleaseDefinition) -> [BuildInput] {
        let whole = tree.map { BuildInput(unit: nil, path: ".", kind: $0.kind, archive: $0.blob) }
        let units = definition.units.flatMap { unit in
            unit.sources.map { source in
                let archive = archives[source.path]
                return BuildInput(
                    unit: unit.name, variant: source.variant, path: source.path, kind: archive?.kind ?? "folder",
                    archive: archive?.blob)
            }
        }
        return (whole.map { [$0] } ?? []) + units
    }
}
