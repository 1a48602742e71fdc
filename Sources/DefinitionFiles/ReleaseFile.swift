import ReleaseDefinition

/// Reads `release.yaml`.
public enum ReleaseFile {
    /// - Parameter file: the name that problems cite.
    /// - Throws: every problem at once.
    public static func parse(
        _ text: [UInt8], file: String
    ) throws(DefinitionProblems) -> ReleaseDefinition {
        throw DefinitionProblems([])
    }
}
