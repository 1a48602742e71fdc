import ReleaseDefinition

/// What the command itself finds wrong, before or after a controller is asked.
struct CommandError: ReportableError, Equatable {
    var code: String
    var summary: String
    var remedy: String
    var cause: String?

    init(code: String, summary: String, remedy: String, cause: String? = nil) {
        self.code = "command." + code
        self.summary = summary
        self.remedy = remedy
        self.cause = cause
    }
}
