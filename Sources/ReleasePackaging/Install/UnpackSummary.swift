import ReleaseDefinition

/// What an unpacking did.
public struct UnpackSummary: Codable, Equatable, Sendable {
    public var files = 0
    public var folders = 0
    public var links = 0
    /// Of the files: how many came from the earlier tree.
    public var unchanged = 0
    public var bytes = ByteCount(0)
    /// Of `bytes`: what came from the earlier tree.
    public var unchangedBytes = ByteCount(0)
    /// Members of the payload that were read.
    public var members: Int

    init(_ entries: [PayloadEntry], isPresent: [Bool], members: Int) {
        self.members = members
        for (entry, isPresent) in zip(entries, isPresent) {
            switch entry.content {
            case .directory: folders += 1
            case .link: links += 1
            case .file(let blob):
                files += 1
                bytes = ByteCount(bytes.value + blob.length.value)
                guard isPresent else { continue }
                unchanged += 1
                unchangedBytes = ByteCount(unchangedBytes.value + blob.length.value)
            }
        }
    }
}
