import ReleaseDefinition

/// What a door throws: the call, the object and the system's word. Families: `effects.file.…`, `effects.http.…`,
/// `effects.process.…`.
public struct EffectsError: ReportableError, Equatable {
    public var code: String
    public var summary: String
    public var remedy: String
    public var cause: String?

    public init(code: String, summary: String, remedy: String, cause: String? = nil) {
        self.code = "effects." + code
        self.summary = summary
        self.remedy = remedy
        self.cause = cause
    }
}
