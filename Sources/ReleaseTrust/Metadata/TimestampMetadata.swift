import ReleaseDefinition

/// timestamp: which snapshot is the newest. TUF 4.6.
struct TimestampMetadata: Sendable {
    static let name = "timestamp"

    let file: SignedMetadata
    let snapshot: FileReference

    init(parsing bytes: [UInt8]) throws(TrustError) {
        file = try SignedMetadata(
            parsing: bytes, role: Self.name, type: Self.name, sizeMax: TrustLimits.timestampSizeMax)
        let signed = MetadataReader(value: file.signed, role: Self.name, path: "signed")
        snapshot = try FileReference(reading: try signed.member("meta").member("snapshot.json"))
    }
}
