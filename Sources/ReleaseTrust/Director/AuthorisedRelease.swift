import ReleaseDefinition

/// A release that the director assigned and the approvers signed, with the same manifest hash. Only `TrustedMetadata`
/// makes one, and the installer takes nothing else.
public struct AuthorisedRelease: Sendable, Equatable {
    public let assignment: Assignment
    /// The manifest as the approvers' role names it: its SHA-256 is `assignment.manifest`.
    public let target: TargetFile

    init(assignment: Assignment, target: TargetFile) {
        self.assignment = assignment
        self.target = target
    }

    /// The manifest below the repository's `targets/`.
    public var filePath: String { TargetPath.file(of: target.path, sha256: assignment.manifest) }
}
