import ReleaseDefinition

/// The client workflow of TUF 5 as a machine without I/O: it says which file it needs, is given its bytes, and says
/// what to store.
///
///     var refresh = try MetadataRefresh(stored: files, at: now, targets: [path])
///     while let request = refresh.nextRequest {
///         switch fetch(request) {
///         case bytes: for change in try refresh.receive(bytes) { store.apply(change) }
///         case notFound where request.mayBeAbsent: try refresh.receiveAbsent()
///         }
///     }
///     let trusted = refresh.trusted
public struct MetadataRefresh: Sendable {
    public private(set) var trusted: TrustedMetadata

    public init(stored: [String: [UInt8]], at now: UTCInstant, targets: [String] = []) throws(TrustError) {
        throw TrustError(code: "unfinished", summary: "", remedy: "")
    }

    public var nextRequest: MetadataRequest? { nil }
    public mutating func receive(_ bytes: [UInt8]) throws(TrustError) -> [StoreChange] { [] }
    public mutating func receiveAbsent() throws(TrustError) {}
    /// Looks up one more target: `nextRequest` may ask for the roles on its way.
    public mutating func want(target path: String) {}
}
