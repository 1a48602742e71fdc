import ReleaseDefinition

/// What approvers sign: one release, bound by digest to every byte that a host will have of it. No environment in it;
/// staging and production approve the same bytes.
///
/// Canonical JSON, at most `bytesMax`. A manifest that was read is kept as the exact bytes it came in; there is only one
/// form of a manifest, so `bytes` of an equal value are equal. Source: package-format.md.
public struct Manifest: Codable, Equatable, Sendable {
    public static let currentFormat = 1
    public static let bytesMax = ByteCount(4 << 20)

    /// The version of this format; another one is refused, never guessed at.
    public var format: Int
    public var product: ProductName
    public var version: ReleaseVersion
    public var category: ReleaseCategory
    public var summary: String
    public var owner: String
    public var changes: [ReleaseChange]
    public var requires: [ProductRequirement]
    /// In deployment order; at least one. A unit that has variants stands once for each, one after the other, with the same
    /// definition and hooks: see `chosen(for:in:)`.
    public var units: [ManifestUnit]
    public var backOut: BackOutSettings
    public var documents: [ManifestFile]
    /// Signed values by environment; a host fetches its own only.
    public var values: [ManifestValues]
    public var build: BuildRecord

    public init(
        definition: ReleaseDefinition, units: [ManifestUnit], documents: [ManifestFile],
        values: [ManifestValues] = [], build: BuildRecord
    ) {
        format = Self.currentFormat
        product = definition.product
        version = definition.version
        category = definition.category
        summary = definition.summary
        owner = definition.owner
        changes = definition.changes
        requires = definition.requires
        self.units = units
        backOut = definition.backOut
        self.documents = documents
        self.values = values
        self.build = build
    }

    public var name: ReleaseName { ReleaseName(product: product, version: version) }

    /// Everything that installing all of it needs: indexes, payloads, hooks, values; each once, in the manifest's order. A
    /// host asks this of what it has chosen.
    public var blobs: [BlobReference] {
        var seen: Set<BlobReference> = []
        return (units.flatMap(\.blobs) + values.map(\.blob)).filter { seen.insert($0).inserted }
    }

    /// `blobs` and the documents: everything a package or a repository must have.
    public var allBlobs: [BlobReference] {
        var seen: Set<BlobReference> = []
        return (blobs + documents.map(\.blob)).filter { seen.insert($0).inserted }
    }

    /// - Parameter variant: nil where the unit has one payload for all hosts.
    public subscript(unit name: UnitName, variant variant: VariantName?) -> ManifestUnit? {
        units.first { $0.name == name && $0.variant == variant }
    }

    /// The unit of a manifest that was chosen for a host, or that has no variants.
    public subscript(unit name: UnitName) -> ManifestUnit? { units.first { $0.name == name } }
}

/// A unit as it was built: its definition, its payload and its hooks.
public struct ManifestUnit: Codable, Equatable, Sendable {
    public var definition: UnitDefinition
    /// The hosts that the payload is for; nil where it is for all.
    public var variant: VariantName?
    public var payload: PayloadRecord
    /// In the order of `HookMoment`; one for each program that the definition names.
    public var hooks: [ManifestHook]

    public init(
        definition: UnitDefinition, variant: VariantName? = nil, payload: PayloadRecord, hooks: [ManifestHook]
    ) {
        self.definition = definition
        self.variant = variant
        self.payload = payload
        self.hooks = hooks
    }

    public var name: UnitName { definition.name }
    /// `api`, `api.arm64`: what its files in a package are called.
    public var fileName: String { variant.map { "\(name).\($0)" } ?? name.text }
    public var blobs: [BlobReference] { [payload.index, payload.compressed] + hooks.map(\.blob) }
    public func hook(_ moment: HookMoment) -> ManifestHook? { hooks.first { $0.moment == moment } }
}

/// The files of a unit: a `.tar.gz` and the index that says what is in it.
public struct PayloadRecord: Codable, Equatable, Sendable {
    /// The `.tar.gz`.
    public var compressed: BlobReference
    /// The tar stream inside.
    public var tar: BlobReference
    /// Files, directories and links.
    public var fileCount: Int
    /// The index as it is published: gzip.
    public var index: BlobReference
    /// The index's text inside. A host may have it without the published form: from a patch.
    public var indexText: BlobReference

    public init(
        compressed: BlobReference, tar: BlobReference, fileCount: Int, index: BlobReference, indexText: BlobReference
    ) {
        self.compressed = compressed
        self.tar = tar
        self.fileCount = fileCount
        self.index = index
        self.indexText = indexText
    }
}

/// A hook's program; on a host it lies beside the tree, never inside it.
public struct ManifestHook: Codable, Equatable, Sendable {
    public var moment: HookMoment
    public var blob: BlobReference

    public init(moment: HookMoment, blob: BlobReference) {
        self.moment = moment
        self.blob = blob
    }
}
