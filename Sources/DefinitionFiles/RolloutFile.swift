import ReleaseDefinition

/// Reads `rollout.yaml`.
public enum RolloutFile {
    /// - Parameter file: the name that problems cite.
    /// - Throws: every problem at once.
    public static func parse(
        _ text: [UInt8], file: String
    ) throws(DefinitionProblems) -> RolloutDefinition {
        throw DefinitionProblems([])
    }
}
