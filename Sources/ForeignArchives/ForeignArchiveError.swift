import ReleaseDefinition

/// What this module throws: `foreignArchives.…`. Always for the operator, who made or chose the archive.
public struct ForeignArchiveError: ReportableError, Equatable {
    public var code: String
    public var summary: String
    public var remedy: String
    public var cause: String?

    public init(code: String, summary: String, remedy: String, cause: String? = nil) {
        self.code = "foreignArchives." + code
        self.summary = summary
        self.remedy = remedy
        self.cause = cause
    }

    /// - Parameter archive: its name, as the definition or the operator wrote it.
    init(_ code: String, in archive: String, _ what: String, remedy: String, cause: String? = nil) {
        self.init(
            code: code, summary: "The archive \(archive.debugDescription) \(what).", remedy: remedy, cause: cause)
    }
}
