/// How files that did not change come into the new tree.
public enum UnchangedFiles: String, Sendable, Codable, CaseIterable {
    /// A file of its own: a reflink where the file system has them.
    case copy
    /// A second name of the same file where mode, owner and time are equal too; else a copy.
    case link
}
