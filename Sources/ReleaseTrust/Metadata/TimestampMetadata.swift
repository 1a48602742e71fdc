import ReleaseDefinition

/// timestamp: which snapshot is the newest. TUF 4.6.
struct TimestampMetadata: Sendable {
    static let name = "timestamp"

    let file: SignedMetadata
    let snapshot: FileReference
    /// The controller's log, as far as it went when this was signed. One that cannot be read is none: it never blocks.
    let checkpoint: LogCheckpoint?

    init(parsing bytes: [UInt8]) throws(TrustError) {
        file = try SignedMetadata(
            parsing: bytes, role: Self.name, type: Self.name, sizeMax: TrustLimits.timestampSizeMax)
        let signed = MetadataReader(value: file.signed, role: Self.name, path: "signed")
        snapshot = try FileReference(reading: try signed.member("meta").member("snapshot.json"))
        checkpoint = LogCheckpoint(json: file.signed["x-slipway"]?["checkpoint"])
    }
}
