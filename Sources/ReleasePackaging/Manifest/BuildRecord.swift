import ReleaseDefinition

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
    /// Where the files came from, in the order of the units; the release folder itself first, where it was an archive.
    public var inputs: [BuildInput]

    public init(
        definition: SHA256Digest, compressor: String, compressionLevel: Int, cut: String, sourceDate: UTCInstant,
        inputs: [BuildInput] = []
    ) {
        self.definition = definition
        self.compressor = compressor
        self.compressionLevel = compressionLevel
        self.cut = cut
        self.sourceDate = sourceDate
        self.inputs = inputs
    }
}

/// One source of files.
public struct BuildInput: Codable, Equatable, Sendable {
    /// nil for the release folder itself.
    public var unit: UnitName?
    public var variant: VariantName?
    /// As the definition has it.
    public var path: String
    /// `folder`, `tar`, `tar.gz`, `tar.zst`, `deb`.
    public var kind: String
    /// The archive's own bytes, whose order and dates a build does not keep; nil for a folder.
    public var archive: BlobReference?

    public init(unit: UnitName?, variant: VariantName? = nil, path: String, kind: String, archive: BlobReference?) {
        self.unit = unit
        self.variant = variant
        self.path = path
        self.kind = kind
        self.archive = archive
    }
}
