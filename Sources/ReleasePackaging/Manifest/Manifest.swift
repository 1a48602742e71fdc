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
    /// In deployment order; at least one.
    public var units: [ManifestUnit]
    public var backOut: BackOutSettings
    public var documents: [ManifestFile]
    public var build: BuildRecord

    public init(
        definition: ReleaseDefinition, units: [ManifestUnit], documents: [ManifestFile], build: BuildRecord
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
        self.build = build
    }

    public var name: ReleaseName { ReleaseName(product: product, version: version) }

    /// Everything a host must have before it can install: indexes, payloads, hooks; each once, in the manifest's order.
    public var blobs: [BlobReference] {
        var seen: Set<BlobReference> = []
        return units.flatMap(\.blobs).filter { seen.insert($0).inserted }
    }

    /// `blobs` and the documents: everything a package or a repository must have.
    public var allBlobs: [BlobReference] {
        var seen: Set<BlobReference> = []
        return (units.flatMap(\.blobs) + documents.map(\.blob)).filter { seen.insert($0).inserted }
    }

    public subscript(unit name: UnitName) -> ManifestUnit? { units.first { $0.name == name } }
}

/// A unit as it was built: its definition, its payload and its hooks.
public struct ManifestUnit: Codable, Equatable, Sendable {
    public var definition: UnitDefinition
    public var payload: PayloadRecord
    /// In the order of `HookMoment`; one for each program that the definition names.
    public var hooks: [ManifestHook]

    public init(definition: UnitDefinition, payload: PayloadRecord, hooks: [ManifestHook]) {
        self.definition = definition
        self.payload = payload
        self.hooks = hooks
    }

    public var name: UnitName { definition.name }
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

/// A document: its path in the release folder and its bytes.
public struct ManifestFile: Codable, Equatable, Sendable {
    public var path: String
    public var blob: BlobReference

    public init(path: String, blob: BlobReference) {
        self.path = path
        self.blob = blob
    }
}

/// How the package was made: enough to make the same bytes again.
public struct BuildRecord: Codable, Equatable, Sendable {
    /// The digest of the definition's canonical JSON.
    public var definition: SHA256Digest
    /// `libdeflate 1.14`: the same tar stream gives the same compressed bytes only for the same compressor.
    public var compressor: String
    public var compressionLevel: Int
    /// The rule by which the tar stream was cut.
    public var cut: String
    public var sourceDate: UTCInstant

    public init(
        definition: SHA256Digest, compressor: String, compressionLevel: Int, cut: String, sourceDate: UTCInstant
    ) {
        self.definition = definition
        self.compressor = compressor
        self.compressionLevel = compressionLevel
        self.cut = cut
        self.sourceDate = sourceDate
    }
}
