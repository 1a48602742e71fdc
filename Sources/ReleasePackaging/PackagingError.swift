import ReleaseDefinition

/// What this module throws. Families by who acts: `packaging.source.…` the operator whose tree is packed,
/// `packaging.manifest.…`, `packaging.index.…`, `packaging.payload.…` and `packaging.archive.…` the publisher,
/// `packaging.blob.…` transport and storage, `packaging.tree.…` the host.
public struct PackagingError: ReportableError, Equatable {
    public var code: String
    public var summary: String
    public var remedy: String
    public var cause: String?

    public init(code: String, summary: String, remedy: String, cause: String? = nil) {
        self.code = "packaging." + code
        self.summary = summary
        self.remedy = remedy
        self.cause = cause
    }
}
